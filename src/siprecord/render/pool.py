"""A pool of render processes: what one recording does to its renderer can't touch the recorder."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from siprecord.aio import tasks
from siprecord.errors import RenderError
from siprecord.render.options import DEFAULT_OPTIONS, RenderOptions

_log = logging.getLogger("siprecord.render")

Spawn = Callable[..., asyncio.Task[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderPoolSettings:
    """How many processes render, and how patient we are with them."""

    workers: int = 1
    job_seconds: float = 1800
    """A job that takes longer is killed: it hangs."""
    attempts: int = 2
    restart_seconds: float = 0.5
    """Pause before a killed worker is started again; doubled each time, up to `max_restart_seconds`."""
    max_restart_seconds: float = 30
    options: RenderOptions = DEFAULT_OPTIONS
    command: tuple[str, ...] = (sys.executable, "-m", "siprecord.render")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A job that was done."""

    outcome: str
    duration_s: float
    audio: Path | None


@dataclass(slots=True)
class _Job:
    id: str
    capture: Path
    destination: Path
    done: asyncio.Future[Rendered]
    deaths: list[str] = field(default_factory=list)


class _WorkerDied(Exception):
    """The process went away, or was sent away, with a job unanswered."""


class RenderPool:
    """Renders recordings in `settings.workers` processes of their own; extra jobs wait in order."""

    def __init__(self, settings: RenderPoolSettings, spawn: Spawn = tasks.spawn) -> None:
        self._settings = settings
        self._spawn = spawn
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._loops: list[asyncio.Task[Any]] = []
        self._count = 0

    def start(self) -> None:
        """Start the workers' loops; a process starts with its first job."""
        for number in range(self._settings.workers):
            worker = _Worker(self._settings)
            self._loops.append(self._spawn(self._work(worker), name=f"render-{number}"))

    async def stop(self) -> None:
        """End the processes; jobs that are not done fail, and are found again as leftovers."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops.clear()
        while not self._jobs.empty():
            self._fail(self._jobs.get_nowait(), "the server is stopping")

    @property
    def waiting(self) -> int:
        """Jobs that no worker has taken yet."""
        return self._jobs.qsize()

    async def render(self, capture: Path, destination: Path) -> Rendered:
        """Render one recording; raises RenderError with one clear sentence when that can't be done."""
        if not self._loops:
            raise RenderError(f"can't render {capture}: the render processes are not running")
        self._count += 1
        done: asyncio.Future[Rendered] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(str(self._count), capture, destination, done))
        return await done

    async def _work(self, worker: _Worker) -> None:
        try:
            while True:
                await self._do(worker, await self._jobs.get())
        finally:
            await worker.kill()

    async def _do(self, worker: _Worker, job: _Job) -> None:
        try:
            while not job.done.done():
                try:
                    self._settle(job, await worker.run(job))
                except (_WorkerDied, OSError) as error:
                    await self._after_death(worker, job, str(error))
        finally:
            self._fail(job, "the server is stopping")

    async def _after_death(self, worker: _Worker, job: _Job, why: str) -> None:
        job.deaths.append(why)
        _log.warning("render worker died on %s: %s", job.capture, why)
        if len(job.deaths) >= self._settings.attempts:
            self._fail(job, f"the render process died {len(job.deaths)} times, last: {why}")
        await worker.kill()
        await worker.pause()

    def _settle(self, job: _Job, answer: dict[str, Any]) -> None:
        if not answer.get("ok"):
            self._fail(job, str(answer.get("error") or "the render process gave no reason"), plain=True)
        elif not job.done.done():
            outcome, seconds, audio = (answer.get(name) for name in ("outcome", "duration_s", "audio"))
            rendered = Rendered(str(outcome), float(seconds or 0), Path(audio) if audio else None)
            job.done.set_result(rendered)

    def _fail(self, job: _Job, why: str, *, plain: bool = False) -> None:
        if not job.done.done():
            job.done.set_exception(RenderError(why if plain else f"can't render {job.capture}: {why}"))


class _Worker:
    """One process, started when it is needed."""

    def __init__(self, settings: RenderPoolSettings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._deaths = 0

    async def run(self, job: _Job) -> dict[str, Any]:
        """The worker's answer to one job; raises _WorkerDied."""
        process = await self._living()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise _WorkerDied("it has no pipes")
        line = {
            "id": job.id,
            "capture": str(job.capture),
            "destination": str(job.destination),
            "options": self._settings.options,
        }
        try:
            async with asyncio.timeout(self._settings.job_seconds):
                stdin.write(msgspec.json.encode(line) + b"\n")
                await stdin.drain()
                answer = msgspec.json.decode(await stdout.readline() or b"null")
        except TimeoutError:
            raise _WorkerDied(f"no answer within {self._settings.job_seconds:g} seconds") from None
        except (ConnectionError, RuntimeError, ValueError, msgspec.DecodeError) as error:
            # RuntimeError: uvloop's word for a pipe whose other end has gone
            raise _WorkerDied(f"{type(error).__name__}: {error}") from error
        if not isinstance(answer, dict) or answer.get("id") != job.id:
            raise _WorkerDied(await self._how_it_ended(process))
        self._deaths = 0
        return answer

    async def _living(self) -> asyncio.subprocess.Process:
        """The process, a new one if it died since its last job: that is no fault of the next one."""
        if self._process is not None and self._process.returncode is not None:
            _log.warning("render worker died between two jobs: %s", await self._how_it_ended(self._process))
            await self.kill()
        return self._process or await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._settings.command, stdin=pipe, stdout=pipe, start_new_session=True
        )
        return self._process

    async def _how_it_ended(self, process: asyncio.subprocess.Process) -> str:
        try:
            code = await asyncio.wait_for(process.wait(), timeout=1)
        except TimeoutError:
            return "it gave a wrong answer"
        return f"killed by signal {-code}" if code < 0 else f"it ended with status {code}"

    async def kill(self) -> None:
        """End the process at once; the next job starts another."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()
        self._process = None  # only now: a cancelled wait is taken up again

    async def pause(self) -> None:
        """Wait before the next start, longer after each death in a row."""
        self._deaths += 1
        delay = self._settings.restart_seconds * 2 ** min(self._deaths - 1, 20)
        await asyncio.sleep(min(delay, self._settings.max_restart_seconds))
