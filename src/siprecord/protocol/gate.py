"""Who gets in: what an endpoint asks about requests that belong to no dialog.

Section 8.2 of RFC 3261 puts authentication before everything else, so the endpoint asks its gate as soon as
it knows that a request is new, and before it remembers anything of it. What the gate refuses is answered
without a transaction: a repeated request is judged again and gets the same To tag (section 8.2.7). ACK,
CANCEL and requests within a dialog are never judged.
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec

from siprecord.protocol.flow import Flow
from siprecord.protocol.refusal import Refusal
from siprecord.syntax.sip import Request

_NEVER_SHED = (b"SIP/2.0 ", b"ACK ", b"CANCEL ")
_TO = re.compile(rb"\n(?:to|t)[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE)


class Admitted(msgspec.Struct, frozen=True):
    """The request may go on. `principal` says whose it is; `RequestReceived` tells it."""

    principal: str = ""


Verdict = Admitted | Refusal | None
"""None: no answer at all."""


class Gate(Protocol):
    """All methods are quick, and none raises for what a peer may send."""

    def flooded(self, flow: Flow, now: float) -> bool:
        """Whether so much comes from there that requests outside dialogs are dropped unread."""

    def answers(self, flow: Flow, now: float) -> bool:
        """Whether what needs no judgement is answered: a repeated request, one without meaning, nonsense."""

    def judge(self, request: Request, flow: Flow, now: float) -> Verdict:
        """What becomes of a new request outside dialogs; asked once for each, but for refused ones."""

    def awaits(self, tag: str, waited: float) -> bool:
        """Whether the dialog of this To tag, which is not here, may be here soon: then a request of it waits.

        It has waited for so many seconds.
        """


class OpenGate:
    """Lets everything in."""

    def flooded(self, flow: Flow, now: float) -> bool:
        """Never."""
        return False

    def answers(self, flow: Flow, now: float) -> bool:
        """Always."""
        return True

    def judge(self, request: Request, flow: Flow, now: float) -> Verdict:
        """Everybody may."""
        return Admitted()

    def awaits(self, tag: str, waited: float) -> bool:
        """There is no other endpoint."""
        return False


def is_sheddable(data: bytes) -> bool:
    """Whether a message can be dropped unread, since it can't belong to a dialog: its To has no tag.

    Finds out without parsing; when in doubt the answer is no. ACK, CANCEL and responses are no new work, so
    they are kept.
    """
    if data.startswith((*_NEVER_SHED, b"\r", b"\n")):
        return False
    to = _TO.search(data)
    return to is None or b"tag" not in to[1].lower()
