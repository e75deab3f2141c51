"""How a recording ended."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """The word for an end, as written to the capture log and shown to people."""

    COMPLETE = "complete"
    """The SRC hung up."""
    CANCELLED = "cancelled"
    """The SRC gave up before we had answered."""
    NO_MEDIA = "no_media"
    """All streams fell silent and no BYE came; we hung up."""
    NO_ACK = "no_ack"
    """The SRC never acknowledged our answer."""
    EXPIRED = "expired"
    """The SRC stopped refreshing the session (RFC 4028)."""
    DRAINED = "drained"
    """This server was shut down."""
    STOPPED = "stopped"
    """Somebody stopped the recording."""
    LOST = "lost"
    """The SRC no longer knows the call, or can't be reached."""
    INTERRUPTED = "interrupted"
    """The recorder died; the log was repaired later."""
    FAILED = "failed"
    """A fault of ours."""


class Ending(msgspec.Struct, frozen=True):
    """An outcome with the sentence that explains it."""

    outcome: Outcome
    reason: str


def hung_up(reason: str | None = None) -> Ending:
    """The SRC sent BYE; `reason` is the Reason header it gave."""
    said = f" Its reason: {reason[:200]}" if reason else ""
    return Ending(Outcome.COMPLETE, "The SRC ended the session." + said)


def forbidden(rule: str) -> Ending:
    """A rule refuses the call, for what became known only while it ran."""
    return Ending(Outcome.STOPPED, f"Rule {rule} refuses this call; that became known while it was recorded.")


GAVE_UP = Ending(Outcome.CANCELLED, "The SRC cancelled the call before it was answered.")
SILENT = Ending(Outcome.NO_MEDIA, "No media on any stream, and no BYE.")
UNACKNOWLEDGED = Ending(Outcome.NO_ACK, "The answer was never acknowledged.")
UNREFRESHED = Ending(Outcome.EXPIRED, "The session timer ran out without a refresh.")
SHUT_DOWN = Ending(Outcome.DRAINED, "The server was shut down.")
VANISHED = Ending(Outcome.LOST, "The SRC no longer knows the call, or can't be reached.")
