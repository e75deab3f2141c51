"""What a speech-to-text callback is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SAMPLE_BYTES = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A participant that sends on a stream (RFC 7865 section 6.5)."""

    id: str
    aor: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAudio:
    """A piece of one stream of a call that is being recorded, about as long as the engine's drain interval.

    Pieces of one stream come in order and do not overlap; a jump of `time` beyond `seconds` is a gap.
    """

    recording_id: str
    call_id: str
    label: str
    """The stream's SDP label (RFC 4574)."""
    speakers: tuple[Speaker, ...]
    """Who sends on the stream, as far as the metadata says; a conference mix has several."""
    time: datetime
    """Wall clock of the first sample."""
    sample_rate: int
    samples: bytes
    """16-bit little-endian mono PCM."""

    @property
    def participant(self) -> Speaker | None:
        """The one participant that sends on the stream, where there is just one."""
        return self.speakers[0] if len(self.speakers) == 1 else None

    @property
    def seconds(self) -> float:
        """How long the piece is."""
        return len(self.samples) / SAMPLE_BYTES / self.sample_rate


def moment(time_ns: int) -> datetime:
    """Nanoseconds since 1970 as an aware time, to the microsecond."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
