"""SIP in time, without I/O: transactions, dialogs, session timers, offer and answer.

`Endpoint` is the way in. Its driver feeds it messages and the time, and drains `poll()` after each call.
"""

from siprecord.protocol.actions import Answer, HeaderItems, InviteSpec, OutgoingRequest, OutOfDialogRequest
from siprecord.protocol.counters import Counter
from siprecord.protocol.endpoint import Endpoint
from siprecord.protocol.events import (
    AckReceived,
    AckTimedOut,
    AnswerTimedOut,
    CancelReceived,
    DialogEnd,
    DialogEnded,
    Event,
    MessageRejected,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    SessionExpired,
    SessionRefreshed,
)
from siprecord.protocol.flow import Address, Flow, Transmit, Transport
from siprecord.protocol.gate import Admitted, Gate, OpenGate, Verdict
from siprecord.protocol.refusal import Refusal
from siprecord.protocol.settings import SRS_METHODS, EndpointSettings, SessionTimerSettings
from siprecord.protocol.snapshot import DialogSnapshot, TransactionSnapshot
from siprecord.protocol.timers import TimerSettings
from siprecord.protocol.uac import reliable_number

__all__ = [
    "SRS_METHODS",
    "AckReceived",
    "AckTimedOut",
    "Address",
    "Admitted",
    "Answer",
    "AnswerTimedOut",
    "CancelReceived",
    "Counter",
    "DialogEnd",
    "DialogEnded",
    "DialogSnapshot",
    "Endpoint",
    "EndpointSettings",
    "Event",
    "Flow",
    "Gate",
    "HeaderItems",
    "InviteSpec",
    "MessageRejected",
    "OpenGate",
    "OutOfDialogRequest",
    "OutgoingRequest",
    "Refusal",
    "RequestReceived",
    "RequestTimedOut",
    "ResponseReceived",
    "SessionExpired",
    "SessionRefreshed",
    "SessionTimerSettings",
    "TimerSettings",
    "TransactionSnapshot",
    "Transmit",
    "Transport",
    "Verdict",
    "reliable_number",
]
