"""Whether keys that are pressed (DTMF) may be stored. They may be card numbers and PINs, so by default not.

Telephone events (RFC 4733) are masked before they reach the capture log, and the bodies of INFO and KPML are
blanked. Tones within the audio can't be told from speech while it is stored: a pause keeps those out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siprecord.recording.commands import AppendEvent

Keys = Literal["masked", "kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """What is done with them, and who said so: `recording.digits`, `trunk NAME` or `rule NAME`."""

    masked: bool = True
    why: str = "recording.digits"

    @classmethod
    def said(cls, keys: Keys, why: str) -> KeyPolicy:
        """As the configuration spells it."""
        return cls(masked=keys == "masked", why=why)

    def told(self) -> AppendEvent:
        """For the capture log, from which metadata.json takes it."""
        return AppendEvent("digits.policy", {"masked": self.masked, "why": self.why})
