from __future__ import annotations

import asyncio
import gc

import pytest

from siprecord.aio import finish, spawn
from tests.support.patience import PATIENCE


async def test_a_spawned_task_lives_without_a_reference() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    spawn(work(), name="work")
    gc.collect()
    await asyncio.wait_for(done.wait(), PATIENCE)


async def test_the_result_reaches_whoever_waits() -> None:
    async def answer() -> int:
        return 42

    task = spawn(answer(), name="answer")
    assert await task == 42
    assert task.get_name() == "answer"


async def test_a_failure_is_reported_with_its_name() -> None:
    reports: list[tuple[str, BaseException]] = []

    async def fail() -> None:
        raise ValueError("broken")

    task = spawn(fail(), name="fail", on_failure=lambda name, error: reports.append((name, error)))
    await asyncio.wait([task])
    assert [(name, str(error)) for name, error in reports] == [("fail", "broken")]


async def test_failures_are_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    await asyncio.wait([spawn(fail(), name="fail")])
    assert "background task fail failed" in caplog.text
    assert "ValueError: broken" in caplog.text


async def test_cancellation_is_no_failure() -> None:
    reports: list[str] = []
    task = spawn(asyncio.Event().wait(), name="wait", on_failure=lambda name, _: reports.append(name))
    await finish(task)
    assert task.cancelled()
    assert reports == []
