from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from siprecord.errors import RenderError
from siprecord.server.finishing import Finisher
from siprecord.store import LocalStore
from tests.support.patience import PATIENCE

ID = "20261121T031500Z-4f2a9c"
HOME = "recordings/2026/11/21"


class FakePool:
    """Renders at once; `refuse` lists ids that can't be rendered, `hang` makes every job wait for ever."""

    def __init__(self, *, refuse: tuple[str, ...] = (), hang: bool = False) -> None:
        self.refuse = refuse
        self.hang = hang
        self.done: list[str] = []
        self.running = False
        self.hanging = asyncio.Event()

    def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def render(self, capture: Path, destination: Path) -> object:
        if self.hang:
            self.hanging.set()
            await asyncio.Event().wait()
        if destination.name in self.refuse:
            raise RenderError(f"can't render {capture}")
        document = {
            "recording_id": destination.name,
            "outcome": "complete",
            "sip": {"call_id": "c1"},
            "streams": [{}, {}],
            "gaps": [{"cause": "restart", "count": 1, "seconds": 0.5}],
        }
        (destination / "metadata.json").write_text(json.dumps(document))
        self.done.append(destination.name)
        return None


def build(tmp_path: Path, pool: FakePool | None, *, keep_capture: bool = True) -> Finisher:
    return Finisher(LocalStore(tmp_path), pool, keep_capture=keep_capture)


def spooled(tmp_path: Path, name: str = ID) -> Path:
    log = tmp_path / "spool" / f"{name}.pcapng"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"log")
    return log


async def settle(finisher: Finisher) -> None:
    await asyncio.wait_for(finisher.idle(), PATIENCE)


async def test_a_closed_log_becomes_a_recording(tmp_path: Path) -> None:
    pool = FakePool()
    finisher = build(tmp_path, pool)
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    assert finisher.queued >= 1
    await settle(finisher)
    assert pool.done == [ID]
    assert (tmp_path / HOME / ID / "capture.pcapng").read_bytes() == b"log"
    assert list((tmp_path / "spool").iterdir()) == []
    assert (finisher.gaps, finisher.gap_seconds) == ({"restart": 1}, {"restart": 0.5})
    assert finisher.list(10) == [
        {
            "id": ID,
            "rendered": True,
            "outcome": "complete",
            "reason": None,
            "started": None,
            "ended": None,
            "duration_s": None,
            "gaps": [{"cause": "restart", "count": 1, "seconds": 0.5}],
            "call_id": "c1",
            "from": None,
            "to": None,
            "source": None,
            "streams": 2,
        }
    ]
    row = finisher.get(ID)
    assert row is not None
    assert (row["outcome"], row["rendered"]) == ("complete", True)
    assert finisher.get("none") is None
    await finisher.close(1)
    assert not pool.running


async def test_what_an_earlier_life_left_is_taken_up(tmp_path: Path) -> None:
    spooled(tmp_path)
    spooled(tmp_path, "of-a-time-unknown")
    os.utime(tmp_path / "spool" / "of-a-time-unknown.pcapng", (1_700_000_000, 1_700_000_000))
    moved = tmp_path / HOME / "20261121T000000Z-aa"
    moved.mkdir(parents=True)
    (moved / "capture.pcapng").write_bytes(b"log")
    pool = FakePool()
    finisher = build(tmp_path, pool)
    await finisher.start()
    await settle(finisher)
    assert sorted(pool.done) == sorted([ID, "20261121T000000Z-aa", "of-a-time-unknown"])
    assert (tmp_path / "recordings/2023/11/14/of-a-time-unknown/capture.pcapng").exists()
    await finisher.close(1)


async def test_what_an_earlier_user_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what an earlier life of ours left is taken up all the same."""
    theirs = tmp_path / "recordings/2026/11/20"
    theirs.mkdir(parents=True)
    moved = tmp_path / HOME / "20261121T000000Z-aa"
    moved.mkdir(parents=True)
    (moved / "capture.pcapng").write_bytes(b"log")
    scan = os.scandir

    def refuse(path: Path) -> object:
        if path == theirs:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    pool = FakePool()
    finisher = build(tmp_path, pool)
    with capture_logs() as logs:
        await finisher.start()
        await settle(finisher)
    assert pool.done == [moved.name]
    assert [line["directory"] for line in logs if "another user" in line["event"]] == [str(theirs)]
    await finisher.close(1)


async def test_what_can_not_be_rendered_is_kept_and_counted(tmp_path: Path) -> None:
    finisher = build(tmp_path, FakePool(refuse=(ID,)), keep_capture=False)
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    await settle(finisher)
    assert finisher.failed == 1
    assert (tmp_path / HOME / ID / "capture.pcapng").exists()
    assert finisher.list(10) == [{"id": ID, "rendered": False}]
    await finisher.close(1)


async def test_a_log_that_is_gone_is_counted(tmp_path: Path) -> None:
    finisher = build(tmp_path, FakePool())
    await finisher.start()
    finisher.submit(ID, tmp_path / "spool" / "none.pcapng")
    await settle(finisher)
    assert finisher.failed == 1
    await finisher.close(1)


async def test_the_capture_may_go_once_it_is_rendered(tmp_path: Path) -> None:
    finisher = build(tmp_path, FakePool(), keep_capture=False)
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    await settle(finisher)
    assert sorted(path.name for path in (tmp_path / HOME / ID).iterdir()) == ["metadata.json"]
    await finisher.close(1)


async def test_without_rendering_logs_are_only_moved(tmp_path: Path) -> None:
    finisher = build(tmp_path, None)
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    await settle(finisher)
    assert [path.name for path in (tmp_path / HOME / ID).iterdir()] == ["capture.pcapng"]
    await finisher.close(1)


async def test_closing_leaves_what_hangs_for_the_next_start(tmp_path: Path) -> None:
    stuck = FakePool(hang=True)
    finisher = build(tmp_path, stuck)
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    await asyncio.wait_for(stuck.hanging.wait(), PATIENCE)
    await finisher.close(0)
    assert finisher.queued == 0
    pool = FakePool()
    again = build(tmp_path, pool)
    await again.start()
    await settle(again)
    assert pool.done == [ID]
    await again.close(1)


async def test_a_log_that_can_not_be_moved_is_tried_again(tmp_path: Path) -> None:
    pool = FakePool()
    finisher = Finisher(LocalStore(tmp_path), pool, retry_s=0.05)
    await finisher.start()
    await settle(finisher)
    (tmp_path / "recordings").rmdir()
    (tmp_path / "recordings").touch()
    finisher.submit(ID, spooled(tmp_path), "c1")
    await settle(finisher)
    assert finisher.failed >= 1
    assert pool.done == []
    assert finisher.queued >= 1
    (tmp_path / "recordings").unlink()
    await emptied(finisher)
    assert pool.done == [ID]
    await finisher.close(1)


class FailingPool(FakePool):
    """Fails so many times, then renders."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.attempts = 0

    async def render(self, capture: Path, destination: Path) -> object:
        self.attempts += 1
        if self.attempts <= self.times:
            raise RenderError("no memory")
        return await super().render(capture, destination)


async def emptied(finisher: Finisher) -> None:
    async with asyncio.timeout(PATIENCE):
        while finisher.queued:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0.01)


async def test_what_could_not_be_rendered_is_tried_again(tmp_path: Path) -> None:
    pool = FailingPool(2)
    finisher = Finisher(LocalStore(tmp_path), pool, render_again_s=(0, 0, 0))
    await finisher.start()
    with capture_logs() as told:
        finisher.submit(ID, spooled(tmp_path), "c1")
        await emptied(finisher)
    assert (pool.done, pool.attempts, finisher.failed) == ([ID], 3, 1)
    failures = [line for line in told if line["event"] == "not rendered"]
    assert [(line["attempt"], line["again_in_s"], line["call_id"]) for line in failures] == [
        (1, 0, "c1"),
        (2, 0, "c1"),
    ]
    await finisher.close(1)


async def test_rendering_is_given_up_in_the_end(tmp_path: Path) -> None:
    pool = FailingPool(100)
    finisher = Finisher(LocalStore(tmp_path), pool, render_again_s=(0, 0))
    await finisher.start()
    with capture_logs() as told:
        finisher.submit(ID, spooled(tmp_path))
        await emptied(finisher)
    assert (pool.attempts, finisher.failed) == (3, 1)
    assert [line["again_in_s"] for line in told if line["event"] == "not rendered"] == [0, 0, None]
    await finisher.close(1)


async def test_closing_does_not_wait_for_another_rendering(tmp_path: Path) -> None:
    finisher = Finisher(LocalStore(tmp_path), FailingPool(1))
    await finisher.start()
    finisher.submit(ID, spooled(tmp_path))
    await settle(finisher)
    assert finisher.queued == 1
    await asyncio.wait_for(finisher.close(PATIENCE), PATIENCE)
    assert finisher.queued == 0


async def test_closing_does_not_wait_for_another_attempt(tmp_path: Path) -> None:
    finisher = build(tmp_path, FakePool())
    await finisher.start()
    await settle(finisher)
    (tmp_path / "recordings").rmdir()
    (tmp_path / "recordings").touch()
    log = spooled(tmp_path)
    finisher.submit(ID, log)
    await settle(finisher)
    await asyncio.wait_for(finisher.close(10), PATIENCE)
    assert log.exists()
