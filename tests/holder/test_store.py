from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from siprecord.holder import HolderStore, NoStore, SystemdStore, find_store, kept_by_systemd
from siprecord.holder.messages import Message, receive, send
from siprecord.holder.store import _Room
from siprecord.server.continuity import media_name, state_name
from tests.support.patience import PATIENCE


@pytest.fixture
def notify(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture
def held() -> Iterator[tuple[HolderStore, socket.socket]]:
    """A recorder's store, and the holder's end of it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    store = find_store({"SIPRECORD_INTERNAL_HOLDER_FD": str(theirs.detach())})
    assert isinstance(store, HolderStore)
    yield store, ours
    ours.close()
    store.close()


def under_systemd(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(tmp_path / "notify"), "FDSTORE": "4096", **more}


def systemd_store(environ: dict[str, str]) -> SystemdStore:
    store = find_store(environ)
    assert isinstance(store, SystemdStore)
    return store


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def hear(sock: socket.socket) -> Message:
    message = receive(sock)
    assert message is not None
    return message


def test_without_anybody_nothing_is_kept() -> None:
    store = find_store({})
    assert isinstance(store, NoStore)
    assert store.take() == []
    assert not store.store({"a": [0]})


def test_systemd_gets_sockets_with_names(notify: socket.socket, tmp_path: Path) -> None:
    environ = under_systemd(tmp_path, WATCHDOG_USEC="30000000")
    store = systemd_store(environ)
    assert store.watchdog_s == 30
    assert "NOTIFY_SOCKET" not in environ
    ours, theirs = socket.socketpair()
    assert store.store({"media.x.1": [theirs.fileno()]})
    message = hear(notify)
    assert message.fields == {"FDSTORE": "1", "FDNAME": "media.x.1", "FDPOLL": "0"}
    with ours, theirs, socket.socket(fileno=message.fds[0]) as copy:
        ours.send(b"still there")
        assert copy.recv(20) == b"still there"
    store.close()


def test_systemd_is_told_how_we_are(notify: socket.socket, tmp_path: Path) -> None:
    store = systemd_store(under_systemd(tmp_path))
    store.ready()
    store.alive()
    store.status("12 calls\nof 500")
    store.remove("media.x.1")
    store.stopping()
    store.close()
    assert [notify.recv(4096) for _ in range(5)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=12 calls of 500",
        b"FDSTOREREMOVE=1\nFDNAME=media.x.1",
        b"STOPPING=1",
    ]


def test_what_is_too_much_for_systemd_is_not_sent(
    notify: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = systemd_store(under_systemd(tmp_path, FDSTORE="3"))
    with (tmp_path / "f").open("w") as file:
        assert [store.store({name: [file.fileno()] * 2}) for name in "abc"] == [True, False, False]
        store.remove("a")
        assert store.store({"d": [file.fileno()]})
    store.close()
    heard = [notify.recv(4096).decode() for _ in range(3)]
    assert [line for text in heard for line in text.splitlines() if "FDNAME" in line] == [
        "FDNAME=a",
        "FDNAME=a",
        "FDNAME=d",
    ]
    assert len(caplog.messages) == 1
    assert "raise FileDescriptorStoreMax= (now 3)" in caplog.text


def test_the_names_of_2000_calls_fit_into_what_systemd_can_pass() -> None:
    """Of two streams each, after 16 million calls. The kernel is the judge: it must still start a program."""
    room, names = _Room(1_000_000), list[str]()
    for number in count(16**6 - 2_000):
        call = [state_name(f"{number:x}"), *(media_name(f"{number:x}", stream) for stream in (0, 0, 1, 1))]
        if not all(room.take(name, 1) for name in call):
            break
        names += call
    assert len(names) >= 5 * 2_000
    passed = ":".join(names)
    subprocess.run(["true"], env={"LISTEN_FDNAMES": passed}, check=True)
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["true"], env={"LISTEN_FDNAMES": passed + ":" + passed[:2_000]}, check=True)


def test_abstract_sockets_are_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0siprecord-test-{os.getpid()}")
        store = systemd_store({"NOTIFY_SOCKET": f"@siprecord-test-{os.getpid()}", "FDSTORE": "1"})
        store.ready()
        store.close()
        assert sock.recv(100) == b"READY=1"


def test_descriptors_that_systemd_passes_come_back_by_name(notify: socket.socket, tmp_path: Path) -> None:
    """In a process of its own, since they begin at descriptor 3."""
    code = (
        "import os\n"
        "from siprecord.holder import find_store\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "store = find_store(os.environ)\n"
        "print(store.take(), store.take(), os.get_inheritable(3), 'LISTEN_FDS' in os.environ)\n"
    )
    environ = {
        **os.environ,
        **under_systemd(tmp_path, LISTEN_FDS="2", LISTEN_FDNAMES="listen.udp:media.x.1"),
    }
    shell = f'exec 3</dev/null 4</dev/null; exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["bash", "-c", shell, code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[('listen.udp', 3), ('media.x.1', 4)] [] False False"


@pytest.mark.parametrize("broken", [{"FDSTORE": "0"}, {"FDSTORE": "x"}, {"NOTIFY_SOCKET": ""}])
def test_systemd_without_a_store_is_no_store(tmp_path: Path, broken: dict[str, str]) -> None:
    assert kept_by_systemd(under_systemd(tmp_path))
    assert not kept_by_systemd({**under_systemd(tmp_path), **broken})


def test_a_notify_socket_that_is_gone_costs_nothing_but_the_net(tmp_path: Path) -> None:
    assert isinstance(find_store(under_systemd(tmp_path)), NoStore)


def test_the_holder_hands_back_what_it_keeps(held: tuple[HolderStore, socket.socket]) -> None:
    store, holder = held
    send(holder, {"FDNAMES": "a:b"}, [0, 1])
    send(holder, {"FDNAMES": "a", "FDDONE": "1"}, [2])
    kept = store.take()
    assert [name for name, _ in kept] == ["a", "b", "a"]
    assert hear(holder).fields == {"FDFETCH": "1"}
    for _, fd in kept:
        assert not os.get_inheritable(fd)
        os.close(fd)


def test_what_one_call_needs_is_one_message_to_the_holder(held: tuple[HolderStore, socket.socket]) -> None:
    store, holder = held
    assert store.store({"state.x": [0], "media.x.1": [1, 2]})
    store.remove("state.x", "media.x.1")
    message = hear(holder)
    assert message.fields == {"FDSTORE": "1", "FDNAMES": "state.x:media.x.1:media.x.1"}
    assert len(message.fds) == 3
    for fd in message.fds:
        os.close(fd)
    assert hear(holder).fields == {"FDSTOREREMOVE": "1", "FDNAMES": "state.x:media.x.1"}


def test_systemd_takes_one_name_in_a_message(notify: socket.socket, tmp_path: Path) -> None:
    store = systemd_store(under_systemd(tmp_path))
    assert store.store({"a": [0], "b": [1, 2]})
    store.remove("a", "b")
    store.close()
    for name, number in (("a", 1), ("b", 2)):
        message = hear(notify)
        assert (message.fields["FDNAME"], len(message.fds)) == (name, number)
        for fd in message.fds:
            os.close(fd)
    assert [hear(notify).fields["FDNAME"] for _ in range(2)] == ["a", "b"]


def test_a_holder_that_died_costs_nothing_but_the_net(
    held: tuple[HolderStore, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    store, holder = held
    holder.close()
    assert not store.store({"a": [0]})
    store.remove("a")
    assert store.take() == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"], "the watch tells it"


def test_a_stuck_holder_does_not_block_the_recorder_for_ever(held: tuple[HolderStore, socket.socket]) -> None:
    store, _ = held
    assert any(not store.store({"a": [0]}) for _ in range(100_000))


def test_a_holder_that_takes_nothing_is_waited_for_once(held: tuple[HolderStore, socket.socket]) -> None:
    store, holder = held
    while store.store({"a": [0]}):
        pass
    assert not store._sock.getblocking()
    store.remove("a")
    assert not store._sock.getblocking(), "who is not waited for costs no time"
    holder.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while receive(holder):
            pass
    holder.settimeout(PATIENCE)
    assert store.store({"b": [0]})
    assert hear(holder).fields == {"FDSTOREREMOVE": "1", "FDNAMES": "a"}
    assert hear(holder).fields["FDNAMES"] == "b"


def test_what_a_stopped_holder_missed_comes_when_it_goes_on(
    held: tuple[HolderStore, socket.socket],
) -> None:
    store, holder = held
    while store.store({"full": [0]}):
        pass
    before = open_files()
    store.store({"kept": [1, 2]})
    store.store({"short": [1]})
    store.remove("short")
    store.remove("old")
    assert open_files() == before + 2
    holder.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while (message := receive(holder)) is not None:
            for fd in message.fds:
                os.close(fd)
    store.alive()
    heard = [hear(holder) for _ in range(5)]
    assert [(message.fields.get("FDNAMES"), len(message.fds)) for message in heard] == [
        ("full", 1),
        ("kept:kept", 2),
        ("short", 0),
        ("old", 0),
        (None, 0),
    ]
    for fd in (fd for message in heard for fd in message.fds):
        os.close(fd)
    assert open_files() <= before - 1
