"""Places many calls at a rate, each a real one, and keeps what became of them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from siprecord.aio import spawn
from siprecord.client.call import SrcCall
from siprecord.client.driver import ClientDriver
from siprecord.client.load_plan import LoadPlan, call_plans
from siprecord.client.plan import CallPlan
from siprecord.client.ports import Player
from siprecord.client.report import CallError, CallReport

SILENCE_SECONDS = 15.0
"""When nothing at all has been answered for this long from the start, nobody is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What became of one call, in times of the driver's clock. No report: it could not even be tried."""

    number: int
    placed_at: float
    ended_at: float
    report: CallReport | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load test has come, in calls."""

    placed: int
    up: int
    ended: int
    failed: int


class Load:
    """Runs one load test. `run` may be called once, `stop` at any time."""

    def __init__(self, plan: LoadPlan, driver: ClientDriver, player: Player) -> None:
        self.plan = plan
        self._driver = driver
        self._player = player
        self._running: dict[int, SrcCall] = {}
        self._outcomes: list[CallOutcome] = []
        self._failed = 0
        self._placed = 0
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._fatal: str | None = None

    async def run(self) -> list[CallOutcome]:
        """Place all calls and see them through; raises `CallError` if nobody is there to take them."""
        watch = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._notice_silence)
        start = self._driver.now()
        try:
            for number, plan in enumerate(call_plans(self.plan)):
                if await self._stopped_before(start + number / self.plan.rate):
                    break
                self._place(number, plan)
            while self._running:
                self._idle.clear()
                await self._idle.wait()
        finally:
            watch.cancel()
        if self._fatal is not None:
            raise CallError(self._fatal)
        return self._outcomes

    def stop(self) -> None:
        """Place no more calls and hang up those that are up; `run` returns when they have ended."""
        self._stopping.set()
        for call in list(self._running.values()):
            call.hang_up()

    def progress(self) -> LoadProgress:
        """How far it has come."""
        up = sum(call.answered for call in self._running.values())
        return LoadProgress(self._placed, up, len(self._outcomes), self._failed)

    async def _stopped_before(self, moment: float) -> bool:
        """Wait for a moment; says whether all shall end instead."""
        left = moment - self._driver.now()
        if left <= 0:
            await asyncio.sleep(0)  # behind time, but answers must be read too
            return self._stopping.is_set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await self._stopping.wait()
        return self._stopping.is_set()  # it may have been set just when the time was over

    def _place(self, number: int, plan: CallPlan) -> None:
        self._placed += 1
        call = self._running[number] = SrcCall(plan, self._driver, self._player)
        spawn(self._see_through(number, call), name=f"call {number}")

    async def _see_through(self, number: int, call: SrcCall) -> None:
        placed_at = self._driver.now()
        report, error = None, None
        try:
            report = await call.run()
        except CallError as failure:
            error = str(failure)
            self._give_up_if_first(error)
        finally:
            del self._running[number]
            self._failed += report is None or not report.ok
            self._outcomes.append(
                CallOutcome(
                    number=number,
                    placed_at=placed_at,
                    ended_at=self._driver.now(),
                    report=report,
                    error=error,
                )
            )
            self._idle.set()

    def _give_up_if_first(self, error: str) -> None:
        """A call that can't even be tried before any has been answered: no other will do better."""
        heard = any(outcome.report is not None for outcome in self._outcomes)
        if not heard and not self._anybody_answered() and self._fatal is None:
            self._fatal = error
            self.stop()

    def _notice_silence(self) -> None:
        if not self._outcomes and not self._anybody_answered():
            uris = ", ".join(self.plan.uris)
            self._fatal = f"nobody answers at {uris} within {SILENCE_SECONDS:g} s"
            self.stop()

    def _anybody_answered(self) -> bool:
        return any(call.answered for call in self._running.values())
