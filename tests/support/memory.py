"""What our own code keeps of the memory it took: bytes, by tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import siprecord

OURS = str(Path(siprecord.__file__).parent / "*")
FRAMES = 4
"""How deep below our code an allocation may be, in Python frames."""


def growth(warm_up: Callable[[], object], work: Callable[[], object]) -> int:
    """Bytes that are held after `work` and were not before; what other threads take does not count."""
    tracemalloc.start(FRAMES)
    try:
        warm_up()
        before = _held()
        work()
        return _held() - before
    finally:
        tracemalloc.stop()


def _held() -> int:
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern=OURS, all_frames=True)
    snapshot = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(trace.size for trace in snapshot.traces)
