from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
from pathlib import Path

import pytest

from siprecord.errors import ConfigError
from siprecord.holder.place import LOCK_NAME
from siprecord.server.lifecycle import (
    DataDirLock,
    StopRequests,
    loop_factory,
    raise_file_limit,
    reloading,
    run,
)
from tests.support.patience import PATIENCE


def test_a_data_directory_has_one_server(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with DataDirLock(data):
        assert (data / LOCK_NAME).read_text() == f"{os.getpid()}\n"
        with pytest.raises(ConfigError, match=rf"in use by another siprecord \(process {os.getpid()}\)"):
            DataDirLock(data).__enter__()
    with DataDirLock(data):
        assert (data / LOCK_NAME).exists()


def test_what_an_earlier_process_left_in_the_lock_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("1234567890123\n")
    with DataDirLock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_full_disk_keeps_no_server_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with DataDirLock(tmp_path), pytest.raises(ConfigError, match="in use by another siprecord"):
        DataDirLock(tmp_path).__enter__()


def test_a_directory_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"can't be used: .*; set data_dir"):
        DataDirLock(tmp_path / "file" / "data").__enter__()


def test_a_lock_that_another_user_left_is_named(tmp_path: Path) -> None:
    (tmp_path / "siprecord.lock").mkdir()
    with pytest.raises(ConfigError, match=r"can't be used: siprecord\.lock: Is a directory"):
        DataDirLock(tmp_path).__enter__()


async def test_the_first_signal_drains_and_the_second_ends() -> None:
    requests = StopRequests()
    with requests.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(requests.drain.wait(), PATIENCE)
        assert not requests.now.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(requests.now.wait(), PATIENCE)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_sighup_reloads_and_ends_nothing() -> None:
    requests = StopRequests()
    reloaded = asyncio.Event()
    with requests.listening(), reloading(reloaded.set):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(reloaded.wait(), PATIENCE)
        assert not requests.drain.is_set()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_as_many_files_as_the_system_allows() -> None:
    assert raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_the_loop_is_uvloop_on_linux() -> None:
    async def which() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(which()) == "uvloop"


def test_the_loop_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def which() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(which(), "asyncio").startswith("asyncio.")
    assert run(which(), "uvloop") == "uvloop"
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    with pytest.raises(ConfigError, match="uvloop, which is not installed"):
        loop_factory("uvloop")


def test_the_loop_is_asyncio_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop
