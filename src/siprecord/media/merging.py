"""Two capture logs of one call become one log: each packet from whichever copy has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from siprecord.errors import MediaError
from siprecord.media import _core


@dataclass(frozen=True, slots=True)
class Pause:
    """A stream was not recorded by order, from one moment to another: nanoseconds since 1970."""

    interface: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class MergedStream:
    """What came from where on one stream of the first copy, in RTP packets."""

    interface: int
    name: str
    both: int
    only_first: int
    only_second: int
    differing: int
    """In both with another payload; the first copy's is taken."""
    withheld: int
    """Left out, since the other copy was paused just then."""


@dataclass(frozen=True, slots=True)
class UnmatchedStream:
    """Packets of one source of the second copy that fit no stream of the first."""

    interface: int
    name: str
    ssrc: int
    packets: int


@dataclass(frozen=True, slots=True)
class CaptureMerge:
    """Two finished logs that have been compared, by payload: a copy may have other SSRCs and numbers.

    `clock_offset_ns` is how far the second recorder's clock is ahead of the first's: the median over `shared`
    packets, 0 when the copies share none.
    """

    streams: tuple[MergedStream, ...]
    unmatched: tuple[UnmatchedStream, ...]
    clock_offset_ns: int
    shared: int
    _core: _core.CaptureMerge

    @classmethod
    def compare(
        cls, first: Path, second: Path, pauses: tuple[Sequence[Pause], Sequence[Pause]] = ((), ())
    ) -> Self:
        """Read both logs. `pauses` are the first's and the second's, each by its own clock; each covers both.

        Raises MediaError when a log can't be read. Blocking, without the GIL.
        """
        mine, theirs = ([(each.interface, each.from_ns, each.to_ns) for each in side] for side in pauses)
        try:
            core = _core.CaptureMerge(first, second, (mine, theirs))
        except OSError as error:
            raise MediaError(f"can't read {error.filename or f'{first} and {second}'}: {error}") from error
        streams = tuple(MergedStream(*each) for each in core.streams)
        unmatched = tuple(UnmatchedStream(*each) for each in core.unmatched)
        return cls(streams, unmatched, *core.offset, core)

    def partners(self, interface: int) -> tuple[int, ...]:
        """The streams of the first copy that a stream of the second belongs to."""
        return tuple(mine for theirs, mine in self._core.partners if theirs == interface)

    def write(self, path: Path, events: Sequence[bytes] = ()) -> None:
        """Write the merged log to a new file; `events` are JSON texts, put before the log's last ones.

        Raises MediaError when it can't be written, FileExistsError among the causes.
        """
        try:
            self._core.write(path, events)
        except OSError as error:
            raise MediaError(f"can't write {path}: {error}") from error
