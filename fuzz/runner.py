"""The loop: mutate, check, learn, measure. One process, one target; the same seed repeats the same run."""

from __future__ import annotations

import ctypes
import gc
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.corpus import FINDINGS, save, seeds
from fuzz.guard import Stuck, Watchdog, watched
from fuzz.mutate import Mutator
from fuzz.outcome import Outcome
from fuzz.targets import TARGETS, Target

# Freed memory that the C library keeps for later is no growth; musl keeps none and has no such function.
_GIVE_BACK = getattr(ctypes.CDLL(None), "malloc_trim", None)
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAX_LEARNT = 1024
_MAX_LEARNT_BYTES = 2 * 1024
_MAX_SHAPES = 200_000
_PROGRESS_SECONDS = 60.0
_COLLECTOR = (20_000, 20, 20)
"""As rare as in a server: with the defaults, collecting takes a tenth of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run. Times are seconds of processor time, sizes MiB."""

    target: str
    inputs: int = 200_000
    seed: int = 7
    slow: float = 0.5
    max_growth: float = 32.0
    max_findings: int = 10
    findings: Path = FINDINGS
    progress: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What broke, and the file that breaks it."""

    what: str
    path: Path


@dataclass(slots=True)
class Report:
    """What a run did."""

    target: str
    inputs: int = 0
    rejected: int = 0
    shapes: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_size: int = 0
    rss_before: float = 0.0
    rss_after: float = 0.0
    findings: list[Finding] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MiB of memory between the end of the warm-up and the end of the run."""
        return self.rss_after - self.rss_before


class Runner:
    """Runs one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.report = Report(plan.target)
        self._target = TARGETS[plan.target]
        self._random = Random(f"{plan.target} {plan.seed}")
        self._mutator = Mutator(self._random, binary=self._target.binary)
        self._seeds = [data for _, data in seeds(plan.target)]
        self._pool = list(self._seeds)
        self._shapes: set[int] = set()
        self._broken: set[str] = set()

    def run(self) -> Report:
        """Check the seeds, then mutations of them; stop early after `max_findings` different findings."""
        started = time.monotonic()
        warm = max(len(self._seeds), self.plan.inputs // 4)
        spoke = started
        gc.freeze()
        gc.set_threshold(*_COLLECTOR)
        with Watchdog() as watchdog:
            for number, data in enumerate(self._inputs()):
                watchdog.inputs = number
                self._take(data)
                if number == warm:
                    self.report.rss_before = rss()
                if number % 4096 == 0 and self.plan.progress and time.monotonic() > spoke + _PROGRESS_SECONDS:
                    spoke = time.monotonic()
                    self._say(spoke - started)
                if len(self.report.findings) >= self.plan.max_findings:
                    break
        self.report.seconds = time.monotonic() - started
        self.report.rss_after = rss()
        self._judge_memory()
        return self.report

    def _inputs(self) -> Iterator[bytes]:
        yield from self._seeds[: self.plan.inputs]
        for _ in range(self.plan.inputs - len(self._seeds)):
            yield self._mutator.next(self._pool)

    def _take(self, data: bytes) -> None:
        report = self.report
        report.inputs += 1
        begun = time.thread_time()
        try:
            with watched(files=self._target.files):
                outcome = self._target.check(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a panic of the compiled core is no Exception
            self._found(error, data)
            return
        taken = time.thread_time() - begun
        if taken > report.slowest:
            report.slowest, report.slowest_size = taken, len(data)
            if taken > self.plan.slow:
                self._judge_time(data)
        self._learn(data, outcome)

    def _learn(self, data: bytes, outcome: Outcome) -> None:
        self.report.rejected += outcome.rejected
        shape = hash(outcome)
        if shape in self._shapes or len(self._shapes) >= _MAX_SHAPES:
            return
        self._shapes.add(shape)
        self.report.shapes += 1
        if len(data) > _MAX_LEARNT_BYTES:
            return
        if len(self._pool) - len(self._seeds) < _MAX_LEARNT:
            self._pool.append(data)
        else:
            self._pool[self._random.randrange(len(self._seeds), len(self._pool))] = data

    def _found(self, error: BaseException, data: bytes) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        key = f"{type(error).__name__} {where.filename}:{where.lineno} {str(error)[:40]}"
        if key not in self._broken:
            self._broken.add(key)
            what = f"{type(error).__name__}: {str(error)[:700]} ({Path(where.filename).name}:{where.lineno})"
            self._keep(what, data)

    def _judge_time(self, data: bytes) -> None:
        """Another process may have had the processor: what counts is the best of three more times."""
        best = min(timed(self._target, data) for _ in range(3))
        if best > self.plan.slow:
            self._keep(f"takes {best:.2f} s for {len(data)} octets", data)

    def _judge_memory(self) -> None:
        growth = self.report.growth
        if self.report.rss_before and growth > self.plan.max_growth:
            again = f"--target {self.plan.target} --inputs {self.plan.inputs} --seed {self.plan.seed}"
            what = f"memory grew by {growth:.0f} MiB: python -m fuzz.run {again}"
            self.report.findings.append(Finding(what, Path()))

    def _keep(self, what: str, data: bytes) -> None:
        self.report.findings.append(Finding(what, save(self.plan.target, data, self.plan.findings)))

    def _say(self, seconds: float) -> None:
        report = self.report
        print(
            f"   {report.target}: {report.inputs} inputs, {report.inputs / seconds:.0f}/s, "
            f"{report.shapes} outcomes, {len(report.findings)} findings, {rss():.0f} MiB",
            flush=True,
        )


def run(plan: Plan) -> Report:
    """Run one plan in this process."""
    return Runner(plan).run()


def timed(target: Target, data: bytes) -> float:
    """Processor seconds that a target takes for one input, up to where the watchdog stops it."""
    begun = time.thread_time()
    with suppress(Stuck):
        target.check(data)
    return time.thread_time() - begun


def rss() -> float:
    """MiB of memory that this process holds, after the collector ran and freed memory was given back."""
    gc.collect()
    if _GIVE_BACK is not None:
        _GIVE_BACK(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 2**20
