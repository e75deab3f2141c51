"""Loss concealment, only where it is asked for: the last 20 ms again, fading out, 60 ms at most.

See docs/decisions/0010-gaps-stay-silent.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from siprecord.media.audio import Gap
from siprecord.render.decoders import Samples

_PERIOD_MS, _MOST_MS = 20, 60

Span = tuple[int, int]


def concealed_spans(gaps: Iterable[Gap], rate: int) -> list[Span]:
    """What would be concealed, in samples: the beginning of each gap that the network made."""
    most = rate * _MOST_MS // 1000
    return [(gap.start, min(gap.end, gap.start + most)) for gap in gaps if gap.cause == "network"]


def conceal(blocks: Iterable[bytes], spans: Sequence[Sequence[Span]], rate: int) -> Iterator[bytes]:
    """The same interleaved PCM with the spans of each channel filled."""
    tail = np.zeros((rate * (_PERIOD_MS + _MOST_MS) // 1000, len(spans)), np.int16)
    position = 0
    queues = [list(reversed(found)) for found in spans]
    for block in blocks:
        fresh = np.frombuffer(block, "<i2").reshape(-1, len(spans))
        joined = np.concatenate([tail, fresh])
        first = position - len(tail)
        for channel, queue in enumerate(queues):
            _fill(joined[:, channel], queue, first, rate)
        position += len(fresh)
        yield joined[len(tail) :].astype("<i2").tobytes()
        tail = joined[-len(tail) :].copy()


def _fill(samples: Samples, queue: list[Span], first: int, rate: int) -> None:
    """Fill the spans that lie in these samples, the first of which has the number `first`."""
    period, most = rate * _PERIOD_MS // 1000, rate * _MOST_MS // 1000
    while queue and queue[-1][0] < first + len(samples):
        start, end = queue[-1][0] - first, queue[-1][1] - first
        before = samples[max(0, start - period) : max(0, start)].astype(np.float64)
        if len(before):
            count = end - start
            fade = 1.0 - np.arange(count) / most
            filled = np.resize(before, count) * fade
            room = min(count, len(samples) - start)
            samples[start : start + room] = filled[:room].astype(np.int16)
        if end > len(samples):
            return
        queue.pop()
