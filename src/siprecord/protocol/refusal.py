"""An answer the endpoint gives by itself."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.protocol.actions import HeaderItems


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request does not reach the transaction user, and what is answered."""

    status: int
    text: str
    """For people: told in `MessageRejected`."""
    headers: HeaderItems = ()
