"""What all running calls share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from siprecord import protocol
from siprecord.protocol import OutgoingRequest
from siprecord.recording.ports import Archive
from siprecord.server.publisher import RecordingEvent


class Signalling(Protocol):
    """What a runner needs of the endpoint."""

    def respond(self, transaction: str, answer: protocol.Answer, now: float) -> None:
        """Answer a request."""

    def dialog_of(self, transaction: str) -> str | None:
        """The dialog an answer created."""

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request within a dialog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all runners share. `wall` gives the wall clock; `header` goes into the first block of each log."""

    signalling: Signalling
    archive: Archive
    publish: Callable[[RecordingEvent], None]
    wall: Callable[[], datetime]
    version: str = ""
    node: str = ""
