"""The words the two client transaction machines share.

As on the server side there are two timers: the *repeating* one (A, E) and the *limit* (B, F and our
patience with a call that rings; then D, K and M).
"""

from __future__ import annotations

from enum import StrEnum, auto


class ClientState(StrEnum):
    """States of both machines."""

    CALLING = auto()
    """INVITE: nothing came back."""
    TRYING = auto()
    """Non-INVITE: nothing came back."""
    PROCEEDING = auto()
    """A provisional response came."""
    CANCELLING = auto()
    """INVITE: a CANCEL was sent, the final response is still to come."""
    ACCEPTED = auto()
    """INVITE: a 2xx came (RFC 6026)."""
    COMPLETED = auto()
    """Another final response came."""
    TERMINATED = auto()
    """Forgotten."""


class ClientInput(StrEnum):
    """What may happen to a client transaction."""

    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    REPEAT = auto()
    """The repeating timer fired."""
    LIMIT = auto()
    """The limit timer fired."""
    CANCEL = auto()
    """The transaction user wants the INVITE cancelled."""
    BROKEN = auto()
    """The connection the request went out on is gone."""


class ClientAction(StrEnum):
    """What the owner of a client transaction does for it."""

    SEND_AGAIN = auto()
    BACK_OFF = auto()
    """Arm the repeating timer with twice its last interval."""
    BACK_OFF_TO_T2 = auto()
    """The same, T2 at most."""
    REPEAT_AT_T2 = auto()
    STOP_REPEAT = auto()
    START_PATIENCE = auto()
    """Arm the limit timer with how long a call may ring."""
    START_LINGER = auto()
    """Arm the limit timer with how long a duplicate may come: 0 on reliable transports."""
    START_LIMIT = auto()
    """Arm the limit timer with 64*T1."""
    ACKNOWLEDGE = auto()
    """Send the ACK of a failure response."""
    ACKNOWLEDGE_AGAIN = auto()
    """The 2xx repeats: send its ACK again, if it was sent."""
    CANCEL = auto()
    """Send the CANCEL of the INVITE, as a transaction of its own."""
    DELIVER = auto()
    """Hand the response to the transaction user."""
    REPORT_TIMEOUT = auto()
    FORGET = auto()
