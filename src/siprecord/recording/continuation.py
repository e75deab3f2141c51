"""A recording session as values that survive the process that ran it. Only data; whoever stores them versions
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from siprecord.recording.deviations import Deviation
from siprecord.recording.events import Ports
from siprecord.recording.identity import CallIdentity
from siprecord.recording.metadata_state import Labels
from siprecord.recording.model import RecordingModel
from siprecord.recording.outcome import Ending
from siprecord.recording.plan import StreamPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSnapshot:
    """The offer/answer side: the open streams with their ports, and the SDP that we said last."""

    address: str
    session_id: int
    streams: tuple[StreamPlan, ...]
    ports: Mapping[int, Ports]
    names: tuple[str, ...]
    labels: Labels
    masked: bool
    said: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeSnapshot:
    """What the SRC told so far."""

    model: RecordingModel
    documents: int
    noted: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSnapshot:
    """A session that is answered and not yet over."""

    state: str
    identity: CallIdentity
    knowledge: KnowledgeSnapshot
    exchange: ExchangeSnapshot
    ending: Ending | None = None
    stop: Ending | None = None
    answer_due: bool = False
    snapshot_asked: bool = False
    told_silent: bool = False
