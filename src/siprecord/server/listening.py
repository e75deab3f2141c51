"""Looks at the streams of all calls every few seconds: what is wrong with them, and how good they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from siprecord.recording.listening import Heard, Patience, SoundWatch
from siprecord.recording.quality import grade, quality_of
from siprecord.server.runner import CallRunner

EVERY_S = 5.0
"""How often at least; as often as a shorter patience asks for."""
SOONEST_S = 0.5
AT_A_TIME = 50
"""Calls that are looked at before the loop does something else."""


class Listening:
    """One watch for each call. `runners` gives the calls that are being recorded."""

    def __init__(self, patience: Patience, runners: Callable[[], Iterable[CallRunner]]) -> None:
        self._patience = patience
        self._runners = runners
        self._watches: dict[str, SoundWatch] = {}
        self.alarms: Counter[str] = Counter()
        """Streams that something is wrong with, by what, at the last look."""
        self.grades: Counter[str] = Counter()
        """Streams by estimated opinion, at the last look."""

    async def run(self) -> None:
        """Look for ever."""
        waits = [wait for wait in (self._patience.one_way_s, self._patience.silent_s) if wait]
        every = max(min([EVERY_S, *waits]), SOONEST_S)
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Look at all calls once."""
        alarms: Counter[str] = Counter()
        grades: Counter[str] = Counter()
        watches: dict[str, SoundWatch] = {}
        for number, runner in enumerate(list(self._runners()), start=1):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            if runner.over:
                continue
            watch = self._watches.get(runner.recording_id) or SoundWatch(self._patience)
            watches[runner.recording_id] = watch
            self._look_at(runner, watch, grades)
            alarms.update(watch.alarms.values())
        self._watches, self.alarms, self.grades = watches, alarms, grades

    def _look_at(self, runner: CallRunner, watch: SoundWatch, grades: Counter[str]) -> None:
        streams: dict[int, Heard] = {}
        for mline, stream in runner.streams.items():
            stats = stream.media.stats()
            grades[grade(quality_of(stats, stream.plan.payloads).mos)] += 1
            streams[mline] = Heard(
                name=stream.plan.name,
                last_packet=stats.last_arrival_ns / 1e9,
                last_sound=stats.last_sound_ns / 1e9,
                audible=stats.level_dbov is not None,
                paused=stream.paused or stream.plan.kind != "audio",
            )
        for alarm in watch.check(streams, runner.wall().timestamp()):
            runner.alarm(alarm)
