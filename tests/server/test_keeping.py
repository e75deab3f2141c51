from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from siprecord.holder import SystemdStore
from siprecord.holder.messages import receive
from siprecord.server.keeping import Keeping, process_began_ns

Life = Callable[..., tuple[Keeping, dict[str, str]]]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    """A recorder that systemd starts with what it keeps under these names; and what it told since."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        def begin(*names: str, serve: bool = False) -> tuple[Keeping, dict[str, str]]:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sock.connect(str(tmp_path / "notify"))
            inherited = [(name, os.open(os.devnull, os.O_RDONLY)) for name in names]
            keeping = Keeping(SystemdStore(sock, None, inherited, 100), tmp_path, {})
            if serve:
                keeping.serving(tmp_path)
            sock.close()
            return keeping, {
                re.sub(r"^(start\.\d+)\.\d+$", r"\1", name): what for name, what in told(systemd)
            }

        yield begin


def told(systemd: socket.socket) -> Iterator[tuple[str, str]]:
    while True:
        try:
            message = receive(systemd)
        except BlockingIOError:
            return
        assert message is not None
        for fd in message.fds:
            os.close(fd)
        yield message.fields.get("FDNAME", "-"), next(iter(message.fields))


def test_a_process_began_before_now_and_after_its_machine() -> None:
    boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert boot < process_began_ns() < time.time_ns()


def test_the_first_life_under_systemd_knows_of_no_death(life: Life) -> None:
    keeping, said = life()
    assert keeping.kept_by == "systemd"
    assert keeping.continuity.died_ns is None
    assert said == {"start.0": "FDSTORE"}


def test_what_is_kept_tells_that_somebody_died_before_we_began(life: Life) -> None:
    keeping, said = life("s.1", "m.1.0", "m.1.0", serve=True)
    assert keeping.continuity.died_ns == pytest.approx(process_began_ns(), abs=10**8)
    assert keeping.continuity.waiting
    assert said == {"start.0": "FDSTOREREMOVE", "-": "READY"}


def test_what_has_a_name_that_we_do_not_know_is_let_go(life: Life) -> None:
    assert life("unknown", "s.", "s.x", "m.1", "m.1.x", "s.1.0")[1] == {
        "start.0": "FDSTORE",
        **dict.fromkeys(("unknown", "s.", "s.x", "m.1", "m.1.x", "s.1.0"), "FDSTOREREMOVE"),
    }


def test_after_eight_deaths_in_a_row_old_calls_are_left_alone(life: Life) -> None:
    starts = [f"start.{number}.17" for number in range(8)]
    assert not life("s.1", *starts[:7])[0].continuity.fresh
    keeping, said = life("s.1", *starts, serve=True)
    assert keeping.continuity.fresh
    assert {name for name, what in said.items() if what == "FDSTOREREMOVE"} == {
        f"start.{n}" for n in range(9)
    }


def test_nobody_has_served_since_the_first_start_in_a_row(life: Life) -> None:
    keeping, _ = life("s.1", "start.0.4711", "start.1.4712")
    assert keeping.continuity.died_ns == 4711
    keeping, _ = life("s.1", "start.0", "start.1.x")
    assert keeping.continuity.died_ns == pytest.approx(process_began_ns(), abs=10**8), "of another version"
