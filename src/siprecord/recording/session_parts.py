"""What a recording session is made of beside its table: its states, its settings, what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from siprecord.recording.events import TakeoverReceived
from siprecord.recording.keypresses import KeyPolicy
from siprecord.recording.knowledge import Lesson
from siprecord.recording.plan import OfferPlan, PlanSettings
from siprecord.recording.policy import PolicySettings
from siprecord.syntax.sdp import SessionDescription


class State(StrEnum):
    """How far a recording session has come."""

    NEW = "new"
    OPENING = "opening"
    ANSWERED = "answered"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """How sessions behave. `media_timeout_s` 0: silence is never looked for. `linger_s` is waited at the
    end. A pause that somebody asked for ends after `pause_max_s`; 0 never.
    """

    policy: PolicySettings = field(default_factory=PolicySettings)
    plan: PlanSettings = field(default_factory=PlanSettings)
    digits: KeyPolicy = field(default_factory=KeyPolicy)
    media_timeout_s: float = 60.0
    end_on_silence: bool = True
    linger_s: float = 0.2
    pause_max_s: float = 0.0
    request_snapshots: bool = True


class Pending(msgspec.Struct, frozen=True):
    """A request that waits for its new streams."""

    transaction: str
    offer: SessionDescription
    plan: OfferPlan
    lesson: Lesson
    takeover: TakeoverReceived | None = None
    """Set when the request takes the session over."""
