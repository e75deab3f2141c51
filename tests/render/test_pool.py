from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from siprecord.errors import RenderError
from siprecord.render.pool import RenderPool, RenderPoolSettings
from siprecord.server import lifecycle
from tests.render.test_worker import capture

DIES_ONCE = """
import os, pathlib, sys
mark = pathlib.Path(sys.argv[1])
if mark.exists():
    os.execv(sys.executable, [sys.executable, "-m", "siprecord.render"])
sys.stdin.readline()
mark.touch()
os.kill(os.getpid(), 9)
"""
DIES = "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), 9)"
HANGS = "import sys, time; sys.stdin.readline(); time.sleep(60)"
LIES = "import sys\nfor line in sys.stdin: print('{}', flush=True)"


@asynccontextmanager
async def running(*command: str, workers: int = 1, job_seconds: float = 60) -> AsyncIterator[RenderPool]:
    own = (sys.executable, "-m", "siprecord.render")
    settings = RenderPoolSettings(
        workers=workers, job_seconds=job_seconds, restart_seconds=0.001, command=command or own
    )
    pool = RenderPool(settings)
    pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


async def test_jobs_are_spread_over_processes(tmp_path: Path) -> None:
    log = capture(tmp_path)
    async with running(workers=2) as pool:
        done = await asyncio.gather(*(pool.render(log, tmp_path / str(number)) for number in range(6)))
    assert {result.outcome for result in done} == {"complete"}
    assert [result.audio for result in done] == [tmp_path / str(n) / "audio.wav" for n in range(6)]


async def test_a_bad_recording_fails_alone_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"not a log")
    async with running() as pool:
        with pytest.raises(RenderError, match="is not a capture log"):
            await pool.render(tmp_path / "bad", tmp_path / "out")
        assert (await pool.render(capture(tmp_path), tmp_path / "out")).duration_s == 1


async def test_a_killed_worker_is_started_again_and_the_job_retried(tmp_path: Path) -> None:
    async with running(sys.executable, "-c", DIES_ONCE, str(tmp_path / "mark")) as pool:
        assert (await pool.render(capture(tmp_path), tmp_path / "out")).outcome == "complete"
    assert (tmp_path / "mark").exists()


def workers_of_this_process() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def wait_until_gone(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "not-noticed"])
@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, lifecycle.loop_factory()])
def test_a_worker_killed_between_two_jobs_is_started_again(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop], noticed: bool
) -> None:
    """On the server's own loop too: uvloop has other errors for a pipe that is gone."""

    async def play() -> None:
        before = set(workers_of_this_process())
        log = capture(tmp_path)
        async with running() as pool:
            await pool.render(log, tmp_path / "1")
            (worker,) = set(workers_of_this_process()) - before
            os.kill(worker, 9)
            if noticed:
                await asyncio.to_thread(wait_until_gone, worker)
            assert (await pool.render(log, tmp_path / "2")).outcome == "complete"
            assert (await pool.render(log, tmp_path / "3")).outcome == "complete"

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(play())


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (DIES, "killed by signal 9"),
        (HANGS, "no answer within 0.5 seconds"),
        (LIES, "it gave a wrong answer"),
        ("raise SystemExit(3)", "status 3|ConnectionReset|BrokenPipe"),
    ],
)
async def test_a_job_that_kills_twice_is_given_up(tmp_path: Path, program: str, why: str) -> None:
    async with running(sys.executable, "-c", program, job_seconds=0.5 if program == HANGS else 30) as pool:
        with pytest.raises(RenderError, match=f"the render process died 2 times, last: .*({why})"):
            await pool.render(tmp_path / "log", tmp_path)


async def test_a_command_that_is_not_there_fails_the_job(tmp_path: Path) -> None:
    async with running("/nowhere/python") as pool:
        with pytest.raises(RenderError, match="No such file"):
            await pool.render(tmp_path / "log", tmp_path)


async def test_stopping_fails_what_is_not_done(tmp_path: Path) -> None:
    async with running(sys.executable, "-c", HANGS) as pool:
        jobs = [asyncio.ensure_future(pool.render(tmp_path / str(n), tmp_path)) for n in range(2)]  # noqa: TID251
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for job in jobs:
        with pytest.raises(RenderError, match="the server is stopping"):
            await job
    with pytest.raises(RenderError, match="not running"):
        await pool.render(tmp_path / "x", tmp_path)
