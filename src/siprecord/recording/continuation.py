"""A recording session as values that survive the process that ran it. Only data; whoever stores them versions
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import Findings
from siprecord.recording.events import Ports
from siprecord.recording.identity import CallIdentity
from siprecord.recording.metadata_state import Labels
from siprecord.recording.model import RecordingModel
from siprecord.recording.outcome import Ending
from siprecord.recording.overlay import Lines
from siprecord.recording.plan import StreamPlan
from siprecord.syntax.quiet import Quiet


class ExchangeSnapshot(Quiet, frozen=True, kw_only=True):
    """The offer/answer side: the open streams with their ports, and the SDP that we said last."""

    address: str
    session_id: int
    streams: tuple[StreamPlan, ...]
    ports: Mapping[int, Ports]
    names: tuple[str, ...]
    labels: Labels
    masked: bool
    said: bytes | None
    mask_digits: bool = True


class KnowledgeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the SRC told so far."""

    told: RecordingModel
    findings: Findings
    lines: Lines | None
    documents: int
    noted: tuple[Deviation, ...]
    swap_sides: bool = False


@dataclass(slots=True, kw_only=True)
class Marks:
    """What a session has to remember beside its state."""

    answer_due: bool = False
    """The ACK has to bring the answer to our offer."""
    stop: Ending | None = None
    """We want to hang up, as soon as the ACK allows it."""
    snapshot_asked: bool = False
    told_silent: bool = False
    rules: tuple[str, ...] = ()
    """The rules that have acted: each does so once, whatever becomes of the call afterwards."""


class SessionSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is answered and not yet over."""

    state: str
    identity: CallIdentity
    knowledge: KnowledgeSnapshot
    exchange: ExchangeSnapshot
    marks: Marks
    ending: Ending | None = None
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those that rules ask for, of all requests so far."""
