"""A recorder whose holder was killed, and the holder that is started next."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.holder.place import LOCK_NAME, NAME, Place, take_lock
from siprecord.holder.process import DATA_DIR
from tests.holder.running import RECORDER, Running
from tests.support.patience import PATIENCE, wait_until


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[int]:
    """A recorder that lost its holder; its process."""
    first = Running("alone", tmp_path, **{DATA_DIR: str(tmp_path / "data")})
    first.wait_lines(1)
    wait_until(lambda: (tmp_path / "data" / LOCK_NAME).exists())
    first.end(signal.SIGKILL)
    wait_until(lambda: "alone" in first.lines())
    recorder = int((tmp_path / "data" / LOCK_NAME).read_text())
    yield recorder
    try:
        os.kill(recorder, signal.SIGKILL)
    except ProcessLookupError:
        return


def next_holder(directory: Path) -> Running:
    return Running("code", directory, **{DATA_DIR: str(directory / "data")})


def test_the_next_holder_takes_the_recorder_on_and_hears_its_exit_code(tmp_path: Path, alone: int) -> None:
    second = next_holder(tmp_path)
    wait_until(lambda: f"took on recorder {alone} with 2 sockets and states" in second.log.read_text())
    assert second.end() == 5, "the one it has told, since it is no child"
    assert second.lines()[-1] == "stop True"


def test_it_starts_it_again_with_its_sockets_when_it_dies(tmp_path: Path, alone: int) -> None:
    second = next_holder(tmp_path)
    wait_until(lambda: "took on" in second.log.read_text())
    os.kill(alone, signal.SIGKILL)
    wait_until(lambda: "heard b'hello'" in second.lines())
    assert "start kept=['pair.1', 'pair.1'] fresh=False" in second.lines()
    assert f"recorder {alone} has died; 2 sockets and states are kept" in second.log.read_text()
    assert second.end() == 7


def test_systemd_hears_from_the_next_holder_that_all_is_ready(tmp_path: Path, alone: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(PATIENCE)
        environ = {DATA_DIR: str(tmp_path / "data"), "NOTIFY_SOCKET": str(tmp_path / "notify")}
        second = Running("code", tmp_path, **environ)
        assert notify.recv(4096) == b"READY=1"
        assert second.end() == 5
        assert notify.recv(4096) == b"STOPPING=1"


def test_it_hands_over_to_a_new_version(tmp_path: Path, alone: int) -> None:
    second = next_holder(tmp_path)
    wait_until(lambda: "took on" in second.log.read_text())
    second.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: "heard b'hello'" in second.lines())
    assert "handed over" in second.lines()
    assert "has died" not in second.log.read_text()
    assert second.end() == 7


def test_a_second_holder_says_that_one_runs_and_ends(tmp_path: Path) -> None:
    first = Running("code", tmp_path, **{DATA_DIR: str(tmp_path / "data")})
    first.wait_lines(1)
    (tmp_path / "second").mkdir()
    second = Running("code", tmp_path / "second", **{DATA_DIR: str(tmp_path / "data")})
    assert second.process.wait(PATIENCE) == 1
    assert f"already (holder: process {first.process.pid}): nothing is started" in second.log.read_text()
    assert second.lines() == []
    assert first.end() == 7


def test_a_recorder_that_does_not_answer_is_left_alone(tmp_path: Path) -> None:
    Place(tmp_path).close()
    lock = take_lock(tmp_path / LOCK_NAME)
    code = (
        "import os, sys\n"
        "from siprecord.holder.process import Holder, HolderSettings\n"
        "say = lambda level, text: print(text)\n"
        "sys.exit(Holder(sys.argv[1:], os.environ, say, HolderSettings(find=0.1)).run())\n"
    )
    recorder = [sys.executable, str(RECORDER), "end", str(tmp_path / "notes")]
    command, environ = [sys.executable, "-c", code, *recorder], {**os.environ, DATA_DIR: str(tmp_path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"process {os.getpid()} does not let itself be taken on" in done.stdout
    (tmp_path / NAME / "socket").touch()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is no socket of ours" in done.stdout
    assert not (tmp_path / "notes").exists()
    os.close(lock)


def test_where_the_place_is_not_ours_it_records_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "data" / NAME).mkdir(parents=True, mode=0o755)
    running = next_holder(tmp_path)
    running.wait_lines(1)
    assert "Should this process die, nobody could take its recorder on" in running.log.read_text()
    assert running.end() == 7
