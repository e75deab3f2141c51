"""The machine behind reliable provisional responses (RFC 3262 section 3). One for each INVITE of a peer.

The rules:

1. One response is on its way at a time; what the transaction user says meanwhile waits for its PRACK.
2. It repeats at T1, doubling without a cap, on *every* transport, until the PRACK comes.
3. No PRACK within 64*T1: the INVITE is refused with 5xx.
4. A final response ends the repetition. A 2xx is held back while a session description is on its way in a
   provisional one (section 5); who owns the machine sees to that.
5. A PRACK that comes after the final response still matches.
"""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final

from siprecord.protocol.machine import Table


class ReliableState(StrEnum):
    """How it stands with the provisional responses of one INVITE."""

    QUIET = auto()
    """Nothing is on its way."""
    UNACKNOWLEDGED = auto()
    """A response repeats until its PRACK comes."""
    LATE = auto()
    """The INVITE has its final answer; the PRACK has not come."""
    OVER = auto()


class ReliableInput(StrEnum):
    """What may happen."""

    RESPONSE = auto()
    """The transaction user has a provisional response."""
    PRACK = auto()
    """The PRACK of the response that is on its way."""
    REPEAT = auto()
    LIMIT = auto()
    FINAL = auto()
    """The INVITE was answered for good."""


class ReliableAction(StrEnum):
    """What the owner does."""

    SEND = auto()
    """Send the response with the next RSeq, and arm both timers."""
    QUEUE = auto()
    SEND_AGAIN = auto()
    """And arm the repeating timer with twice its last interval."""
    STOP = auto()
    """Disarm both timers."""
    SEND_NEXT = auto()
    """Send what has waited, if anything has."""
    GIVE_UP = auto()
    """Refuse the INVITE."""


A, I, S = ReliableAction, ReliableInput, ReliableState  # noqa: E741  (as in `machine`)

RELIABLE: Final[Table[ReliableState, ReliableInput, ReliableAction]] = {
    (S.QUIET, I.RESPONSE): ((A.SEND,), S.UNACKNOWLEDGED),
    (S.QUIET, I.FINAL): ((), S.OVER),
    (S.UNACKNOWLEDGED, I.RESPONSE): ((A.QUEUE,), S.UNACKNOWLEDGED),
    (S.UNACKNOWLEDGED, I.PRACK): ((A.STOP, A.SEND_NEXT), S.QUIET),
    (S.UNACKNOWLEDGED, I.REPEAT): ((A.SEND_AGAIN,), S.UNACKNOWLEDGED),
    (S.UNACKNOWLEDGED, I.LIMIT): ((A.STOP, A.GIVE_UP), S.OVER),
    (S.UNACKNOWLEDGED, I.FINAL): ((A.STOP,), S.LATE),
    (S.LATE, I.PRACK): ((), S.OVER),
}
"""Starts in QUIET. A pair that is missing has no effect."""
