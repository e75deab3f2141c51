from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from siprecord.holder.messages import is_name
from tests.holder.running import RECORDER, Running
from tests.support.patience import PATIENCE, wait_until

MEMORY_KIB = 30 * 1024


def test_a_killed_recorder_is_started_again_with_its_sockets(tmp_path: Path) -> None:
    running = Running("die-once", tmp_path)
    assert running.wait_lines(3)[:3] == [
        "start kept=[] fresh=False",
        "start kept=['pair.1'] fresh=False",
        "heard b'hello'",
    ]
    assert running.end() == 0
    assert "stop True" in running.lines()
    log = running.log.read_text()
    assert "was killed by SIGKILL; 1 sockets and states are kept, starting it again at once" in log
    assert "took over" in log


def test_the_stop_signal_is_forwarded_once_and_the_exit_code_comes_back(tmp_path: Path) -> None:
    """Ctrl-C goes to the whole process group of a terminal; the recorder has one of its own."""
    running = Running("code", tmp_path)
    running.wait_lines(1)
    child = children(running.process.pid)[0]
    assert os.getpgid(child) != os.getpgid(running.process.pid)
    assert running.end() == 7


def test_one_that_dies_while_its_calls_end_is_started_again_and_told_again(tmp_path: Path) -> None:
    running = Running("die-draining", tmp_path)
    running.wait_lines(1)
    assert running.end() == 0
    stops = [line for line in running.lines() if line.startswith(("start", "stop"))]
    assert [line.split()[0] for line in stops] == ["start", "stop", "start", "stop"]
    assert "kept=['pair.1']" in stops[2]


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_recorder_that_ends_by_itself_is_not_started_again(tmp_path: Path) -> None:
    running = Running("end", tmp_path)
    assert running.process.wait(PATIENCE) == 0
    assert len(running.lines()) == 2


def test_a_recorder_that_can_not_start_gives_its_exit_code_at_once(tmp_path: Path) -> None:
    running = Running("fail", tmp_path)
    assert running.process.wait(PATIENCE) == 3
    assert len(running.lines()) == 1


def test_a_recorder_that_keeps_dying_is_given_up_after_a_while(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from siprecord.holder.process import Holder, HolderSettings\n"
        "settings = HolderSettings(delays=(0.0, 0.01), most_deaths=4)\n"
        "say = lambda level, text: print(text)\n"
        "sys.exit(Holder(sys.argv[1:], os.environ, say, settings).run())\n"
    )
    recorder = [sys.executable, str(RECORDER), "die", str(tmp_path / "notes")]
    done = subprocess.run(
        [sys.executable, "-c", code, *recorder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + signal.SIGKILL
    assert (tmp_path / "notes").read_text().count("start") == 4
    assert "it died 4 times within 60 s: giving up" in done.stdout


@pytest.mark.parametrize(("mode", "patience"), [("hang", "start=2.0"), ("live", "watchdog=2.0")])
def test_one_that_hangs_is_killed_and_started_again(mode: str, patience: str, tmp_path: Path) -> None:
    """Before it serves, and while it does: this small recorder gives no sign of life."""
    notes = tmp_path / "notes"
    code = (
        "import os, sys\nfrom siprecord.holder.__main__ import say\n"
        "from siprecord.holder.process import Holder, HolderSettings\n"
        f"settings = HolderSettings(delays=(0.0,), spare_after=-1, fresh_after=1, {patience})\n"
        "sys.exit(Holder(sys.argv[1:], os.environ, say, settings).run())\n"
    )
    command = [sys.executable, "-c", code, sys.executable, str(RECORDER), mode, str(notes)]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as holder:
        stuck = lambda: "was stuck for 2 s: killing it" in (tmp_path / "log").read_text()  # noqa: E731
        wait_until(stuck)
        before = notes.read_text().count("start kept")
        wait_until(lambda: notes.read_text().count("start kept") > before)
        assert ("fresh=True" in notes.read_text()) == (mode == "hang"), "its own fault, though it was killed"
        for _ in range(2):
            holder.send_signal(signal.SIGTERM)
        holder.wait(PATIENCE)


def test_one_that_dies_of_what_it_is_handed_is_told_to_leave_it_alone(tmp_path: Path) -> None:
    running = Running("crash-before-ready", tmp_path)
    lines = [line for line in running.wait_lines(5) if line.startswith("start")][:5]
    assert [line.endswith("fresh=True") for line in lines] == [False, False, False, False, True]
    running.process.kill()
    running.process.wait()


def test_a_spare_waits_and_takes_over(tmp_path: Path) -> None:
    """The default time before it is loaded is 3 s, in which the recorder has work to do."""
    running = Running("code", tmp_path)
    assert running.wait_lines(2) == ["start kept=[] fresh=False", "spare"]
    recorder, spare = children(running.process.pid)
    os.kill(recorder, signal.SIGKILL)
    assert running.wait_lines(4)[2:4] == ["start kept=['pair.1'] fresh=False", "heard b'hello'"]
    assert children(running.process.pid)[0] == spare
    assert running.end() == 7


def test_an_upgrade_loads_what_is_installed_and_hands_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(PATIENCE)
        running = Running("code", tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert notify.recv(4096) == b"READY=1"
    running.process.send_signal(signal.SIGUSR2)
    assert running.wait_lines(5)[:5] == [
        "start kept=[] fresh=False",
        "spare",
        "handed over",
        "start kept=['pair.1'] fresh=False",
        "heard b'hello'",
    ]
    assert "was killed" not in running.log.read_text()
    wait_until(lambda: "the holder is of the installed version too" in running.log.read_text())
    running.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: running.lines().count("handed over") == 2)
    wait_until(lambda: running.log.read_text().count("installed version too") == 2)
    os.kill(children(running.process.pid)[0], signal.SIGKILL)
    wait_until(lambda: running.lines().count("heard b'hello'") == 3)
    assert "was killed by SIGKILL; 1 sockets and states are kept" in running.log.read_text()
    assert running.end() == 7


def test_a_signal_that_comes_while_the_holder_is_renewed_is_not_lost(tmp_path: Path) -> None:
    running = Running("code", tmp_path)
    running.wait_lines(2)
    running.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: "handed over" in running.lines())
    assert running.end() == 7
    assert "stop True" in running.lines()


def test_it_stays_small_with_the_sockets_of_a_thousand_calls(tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(
        "import os, signal, socket\n"
        "from siprecord.holder import find_store\n"
        "store = find_store(os.environ)\n"
        "sock = socket.socket()\n"
        "def keep(kept):\n"
        "    while not store.store(kept):\n"
        "        pass  # the holder is slow on a busy machine\n"
        "for call in range(1000):\n"
        "    media = {f'media.{call}.{interface}': [sock.fileno()] * 2 for interface in (1, 2)}\n"
        "    keep({f'state.{call}': [sock.fileno()], **media})\n"
        "store.ready()\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-m", "siprecord.holder", sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.terminate()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert resident < MEMORY_KIB


def test_it_imports_nothing_heavy() -> None:
    code = "import sys, siprecord.holder.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in loaded.split() if name.startswith("siprecord")}
    assert ours == {
        "siprecord",
        "siprecord.holder",
        "siprecord.holder.__main__",
        "siprecord.holder.deaths",
        "siprecord.holder.lives",
        "siprecord.holder.messages",
        "siprecord.holder.place",
        "siprecord.holder.process",
        "siprecord.holder.renewal",
        "siprecord.holder.search",
        "siprecord.holder.store",
    }
    assert not {"asyncio", "msgspec", "pydantic", "structlog", "typer", "uvloop"} & set(loaded.split())


@pytest.mark.parametrize("name", ["", "a:b", "a b", "x" * 256, "ä"])
def test_names_that_systemd_would_refuse_are_refused(name: str) -> None:
    assert not is_name(name)


def test_systemd_hears_that_the_recorder_is_ready(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(PATIENCE)
        environ = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        command = [sys.executable, "-m", "siprecord.holder", sys.executable, str(RECORDER), "end"]
        with subprocess.Popen([*command, str(tmp_path / "notes")], env=environ) as process:
            assert [notify.recv(4096), notify.recv(4096)] == [b"READY=1", b"STOPPING=1"]
            assert process.wait(PATIENCE) == 0
