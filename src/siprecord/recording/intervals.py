"""How the times of one association element change its intervals (CONFORMANCE MRG-07, MRG-08, MRG-18).

All functions are idempotent: saying the same again changes nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from siprecord.recording.model import Interval, Intervals


def tell(intervals: Intervals, times: tuple[datetime | None, datetime | None], seen: datetime) -> Intervals:
    """Apply the associate-time and disassociate-time of an element; either may be missing."""
    start, stop = times
    if stop is None:
        return _associate(intervals, start, seen)
    if start is None or not intervals or _same_span(intervals[-1], start):
        return _disassociate(intervals, start, stop, seen)
    return (*intervals, Interval(start=start, seen=seen, stop=stop, unseen=seen))


def close(intervals: Intervals, stop: datetime | None, seen: datetime) -> Intervals:
    """End what is open. `stop` is None when no time was given and the end follows from something else."""
    if not intervals or not intervals[-1].open:
        return intervals
    return (*intervals[:-1], replace(intervals[-1], stop=stop, unseen=seen))


def hold_open(intervals: Intervals, start: datetime | None, seen: datetime) -> Intervals:
    """The association is said to hold now, whatever was said before."""
    if intervals and intervals[-1].open:
        return tell(intervals, (start, None), seen)
    return (*intervals, Interval(start=start, seen=seen))


def _same_span(last: Interval, start: datetime) -> bool:
    """Whether `start` speaks of the last interval: the same start, or one that was open until now."""
    return last.open or last.start == start


def _associate(intervals: Intervals, start: datetime | None, seen: datetime) -> Intervals:
    if not intervals:
        return (Interval(start=start, seen=seen),)
    last = intervals[-1]
    if last.open:
        return intervals if start is None else (*intervals[:-1], replace(last, start=start))
    ended_by_src = last.stop is not None
    if ended_by_src and (start is None or start == last.start):
        return intervals
    if start is not None and start == last.start:
        # We had concluded that it was over; the SRC says that it never was.
        return (*intervals[:-1], replace(last, unseen=None))
    return (*intervals, Interval(start=start, seen=seen))


def _disassociate(intervals: Intervals, start: datetime | None, stop: datetime, seen: datetime) -> Intervals:
    if not intervals:
        return (Interval(start=start, seen=seen, stop=stop, unseen=seen),)
    last = intervals[-1]
    told = replace(last, start=start or last.start, stop=stop, unseen=last.unseen or seen)
    return (*intervals[:-1], told)
