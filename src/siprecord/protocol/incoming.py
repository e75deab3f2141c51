"""What a peer asked and what became of it: data on which `ServerTransactions` and `Provisionals` act."""

from __future__ import annotations

from collections import deque

from siprecord.protocol.actions import Answer
from siprecord.protocol.flow import Flow
from siprecord.protocol.reliable import ReliableState
from siprecord.protocol.responses import Rows, copied_rows
from siprecord.protocol.server_machine import ServerState
from siprecord.protocol.timers import Deadline, Wakeup
from siprecord.syntax.sip import Request, Via

MAX_QUEUED = 16
"""Ours: provisional responses that wait for a PRACK. The newest is what counts, so older ones are dropped."""
_OPEN = frozenset({ServerState.TRYING, ServerState.PROCEEDING, ServerState.WAITING})


class ServerTransaction:
    """One request from a peer and what became of it. Plain data; `ServerTransactions` acts on it."""

    __slots__ = (
        "call_id",
        "copied",
        "dialog",
        "flow",
        "gap",
        "id",
        "limit",
        "merge_key",
        "method",
        "new_call",
        "number",
        "provisional",
        "repeat",
        "request",
        "response",
        "state",
        "to_tag",
        "via",
    )

    def __init__(self, id: str, request: Request, flow: Flow, to_tag: str) -> None:
        self.id = id
        self.method = request.method
        self.number = request.cseq.number
        self.call_id = request.call_id
        self.request: Request | None = request
        """Until the final response."""
        self.copied: Rows = copied_rows(request, flow)
        self.via: Via = request.top_via
        self.flow = flow
        self.to_tag = to_tag
        """The tag of ours: of the dialog, or made for this request."""
        self.dialog: str | None = None
        self.new_call = False
        """An INVITE outside a dialog that waits for its final answer."""
        self.provisional: Provisional | None = None
        """Its provisional responses that are sent reliably, if there are any."""
        self.merge_key: str | None = None
        invite = request.method == "INVITE"
        self.state = ServerState.PROCEEDING if invite else ServerState.TRYING
        self.response = b""
        self.gap = 0.0
        self.repeat: Deadline[Wakeup] | None = None
        self.limit: Deadline[Wakeup] | None = None

    @property
    def open(self) -> bool:
        """True until a final response was sent."""
        return self.state in _OPEN


class Provisional:
    """The reliable provisional responses to one INVITE. Plain data; `Provisionals` acts on it."""

    __slots__ = (
        "agreed", "awaited", "describes", "final", "gap", "invite", "limit", "queue", "repeat", "rseq",
        "state",
    )  # fmt: skip

    def __init__(self, invite: ServerTransaction, rseq: int) -> None:
        self.invite = invite
        self.state = ReliableState.QUIET
        self.rseq = rseq
        """Of the next response."""
        self.awaited = 0
        """The RSeq whose PRACK is to come."""
        self.describes = False
        """The response on its way carries a session description."""
        self.agreed = False
        """A session description was acknowledged: offer and answer of the INVITE are done with."""
        self.queue: deque[Answer] = deque(maxlen=MAX_QUEUED)
        self.final: Answer | None = None
        """A 2xx that is held back."""
        self.gap = 0.0
        self.repeat: Deadline[Wakeup] | None = None
        self.limit: Deadline[Wakeup] | None = None
