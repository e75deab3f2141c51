"""How good a stream is while it runs: loss, jitter, and what both would do to a listener (ITU-T G.107).

The E-model here is the simple one: its default rating, less what the delay of a jitter buffer costs, less
what codec and loss cost together (`Ie` and `Bpl` of ITU-T G.113 appendix I; loss is taken to be random). It
is an estimate from figures, not from the sound, and its scale is that of narrow-band telephony.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from siprecord.recording.ports import StreamStats

RATING = 93.2
"""What is left of 100 when nothing is wrong but what every telephone call has (G.107)."""
PACKET_MS = 20.0
_LATE_MS = 177.3
_FAIR, _GOOD = 3.1, 4.0

_CODECS: Mapping[str, tuple[float, float]] = {
    "PCMU": (0.0, 4.3),
    "PCMA": (0.0, 4.3),
    "G729": (11.0, 19.0),
    "G723": (15.0, 16.1),
    "GSM": (20.0, 10.0),
    "AMR": (5.0, 10.0),
}
"""Equipment impairment, and robustness against loss in percent."""
_OTHER = (0.0, 10.0)
"""Ours, for codecs without published narrow-band values (G.722, Opus, AMR-WB)."""
_SIGNALS = frozenset({"TELEPHONE-EVENT", "CN", "TONE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One stream, as its statistics stand."""

    codec: str | None
    loss_percent: float
    jitter_ms: float | None
    reordered: int
    mos: float | None
    """Estimated mean opinion score, 1 to 4.5; None before anything came."""
    level_dbov: float | None
    """Loudness of about the last second (RFC 6465), 0 is the loudest; of G.711 in payload types 0 and 8."""


def quality_of(stats: StreamStats, payloads: Mapping[str, Mapping[str, object]]) -> Quality:
    """What `stats` tells; `payloads` says by payload type, as text, what was negotiated."""
    codec = _codec(stats.payload_type, payloads)
    loss = min(1.0, stats.lost / stats.expected) if stats.expected else 0.0
    jitter = stats.jitter * 1000 / stats.clock_rate if stats.clock_rate else None
    level = stats.level_dbov
    return Quality(
        codec=codec,
        loss_percent=round(100 * loss, 3),
        jitter_ms=None if jitter is None else round(jitter, 2),
        reordered=stats.reordered,
        mos=round(mean_opinion(codec or "", loss, jitter or 0.0), 2) if stats.packets else None,
        level_dbov=None if level is None else round(level, 1),
    )


def mean_opinion(codec: str, loss: float, jitter_ms: float) -> float:
    """The estimated opinion: `loss` is a share from 0 to 1, the jitter buffer is twice the jitter."""
    delay = PACKET_MS + 2 * jitter_ms
    late = 0.024 * delay + 0.11 * max(0.0, delay - _LATE_MS)
    impairment, robustness = _CODECS.get(codec, _OTHER)
    percent = 100 * loss
    lossy = impairment + (95 - impairment) * percent / (percent + robustness)
    rating = min(100.0, max(0.0, RATING - late - lossy))
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def grade(mos: float | None) -> str:
    """A word for an opinion: `good`, `fair`, `poor` or `unknown`."""
    if mos is None:
        return "unknown"
    return "good" if mos >= _GOOD else "fair" if mos >= _FAIR else "poor"


def _codec(number: int | None, payloads: Mapping[str, Mapping[str, object]]) -> str | None:
    """The encoding that comes; while tones or noise come, the first that was negotiated."""
    names = {kind: str(values.get("encoding", "")).upper() for kind, values in payloads.items()}
    now = names.get(str(number))
    if now and now not in _SIGNALS:
        return now
    return next((name for name in names.values() if name and name not in _SIGNALS), None)
