from __future__ import annotations

from pathlib import Path

import pytest

from siprecord.server.health import (
    FILES_TO_KEEP,
    FRESH_FOR,
    Check,
    Health,
    Reason,
    disk_free,
    disk_low,
    file_limit,
    files_low,
    flagged,
    full,
    not_writable,
    open_files,
    stalled,
)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fixed(reason: Reason | None) -> Check:
    return lambda: reason


def test_a_server_without_trouble_is_live_and_ready() -> None:
    health = Health(live=[fixed(None)], ready=[fixed(None)], clock=Clock())
    assert (health.live(), health.ready()) == ((), ())


def test_a_dead_server_is_not_ready_either() -> None:
    dead, busy = Reason("engine_dead", "x"), Reason("full", "y")
    health = Health(live=[fixed(dead)], ready=[fixed(busy)], clock=Clock())
    assert health.live() == (dead,)
    assert health.ready() == (dead, busy)


def test_checks_are_asked_no_more_often_than_needed() -> None:
    clock, asked = Clock(), []

    def check() -> None:
        asked.append(clock.now)

    health = Health(live=[], ready=[check], clock=clock)
    health.ready()
    health.live()
    clock.now += FRESH_FOR / 2
    health.ready()
    assert len(asked) == 1
    clock.now += FRESH_FOR / 2
    health.ready()
    assert len(asked) == 2
    health.forget()
    health.ready()
    assert len(asked) == 3


def test_low_disk_is_told_with_figures(tmp_path: Path) -> None:
    assert disk_low(tmp_path, 0)() is None
    reason = disk_low(tmp_path, 2**62)()
    assert reason is not None
    assert reason.code == "disk_low"
    assert "MiB free" in reason.text
    assert disk_low(tmp_path / "none", 2**62)() is None


def test_free_space_can_be_unknown(tmp_path: Path) -> None:
    assert disk_free(tmp_path / "none") is None
    assert isinstance(disk_free(tmp_path), int)


def test_a_spool_that_takes_no_file_is_told(tmp_path: Path) -> None:
    assert not_writable(tmp_path)() is None
    assert list(tmp_path.iterdir()) == []
    reason = not_writable(tmp_path / "none")()
    assert reason is not None
    assert reason.as_dict() == {
        "code": "not_writable",
        "text": f"{tmp_path / 'none'} can't be written: No such file or directory",
    }


@pytest.mark.parametrize(("calls", "is_full"), [(9, False), (10, True), (11, True)])
def test_a_full_server_says_so(calls: int, is_full: bool) -> None:
    assert (full(lambda: calls, 10)() is not None) is is_full


def test_flags() -> None:
    assert flagged("draining", "x", lambda: False)() is None
    assert flagged("draining", "x", lambda: True)() == Reason("draining", "x")


def test_what_has_to_move_and_does_not_is_told() -> None:
    clock, values = Clock(), [1.0]
    dead = Reason("engine_dead", "x")
    check = stalled(dead, lambda: values[0], 5, clock)
    assert check() is None
    clock.now += 4
    assert check() is None
    clock.now += 1
    assert check() == dead
    values[0] = 2.0
    assert check() is None


def test_what_need_not_move_may_stand_still() -> None:
    clock = Clock()
    check = stalled(Reason("x", "x"), lambda: None, 5, clock)
    clock.now += 100
    assert check() is None
    clock.now += 100
    assert check() is None


@pytest.mark.parametrize(("opened", "low"), [(1000 - FILES_TO_KEEP, False), (1001 - FILES_TO_KEEP, True)])
def test_some_files_are_kept_for_running_calls(opened: int, low: bool) -> None:
    found = files_low(lambda: 1000, lambda: opened)()
    assert (found is not None) == low
    assert found is None or found.text == f"{opened} of 1000 files are open; raise the limit (ulimit -n)"


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = open_files()
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert open_files() == before + 2
    assert before < file_limit()
