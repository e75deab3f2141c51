from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from siprecord.holder import HolderStore
from siprecord.holder.messages import Message, close_all, receive
from siprecord.holder.place import NAME, Place
from siprecord.server import holder_watch
from siprecord.server.holder_watch import HolderWatch
from tests.support.patience import PATIENCE

Said = list[MutableMapping[str, Any]]


class Watched:
    """A recorder's watch, and the holder's end of its socket."""

    def __init__(self, data_dir: Path) -> None:
        self.holder, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.place = Place(data_dir)
        self.store = HolderStore(theirs, None)
        self.kept = {"a": [0], "b": [1, 2]}
        self.watch = HolderWatch(self.store, data_dir, lambda: self.kept, 4711)
        self.watch.begin()

    async def lose(self, holder: socket.socket) -> None:
        holder.close()
        await until(lambda: self.watch.lost)

    async def take_on(self) -> socket.socket:
        sock = self.place.connect()
        assert sock is not None
        sock.settimeout(PATIENCE)
        await until(lambda: not self.watch.lost)
        return sock


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn, whose watch does all that is waited for."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (nothing here sets an event)
            await asyncio.sleep(0.001)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.watch.end()
    made.store.close()
    made.holder.close()
    made.place.close()


@pytest.fixture
def said() -> Iterator[Said]:
    """The lines of the log."""
    with capture_logs() as lines:
        yield lines


def hear(sock: socket.socket) -> Message:
    message = receive(sock)
    assert message is not None
    close_all(message.fds)
    return message


async def test_the_next_holder_gets_all_that_is_kept(watched: Watched, said: Said) -> None:
    assert (watched.watch.pid, watched.watch.lost) == (4711, False)
    await watched.lose(watched.holder)
    assert watched.watch.pid is None
    assert "start `siprecord serve` again" in str(said)
    assert not watched.store.store({"a": [0]}), "nobody is there"
    with await watched.take_on() as sock:
        first, second, third = (hear(sock) for _ in range(3))
        assert first.fields == {"RECORDER": str(os.getpid())}
        assert len(first.fds) == 1
        assert second.fields == {"FDSTORE": "1", "FDNAMES": "a:b:b"}
        assert third.fields == {"READY": "1"}
        assert watched.watch.pid == os.getpid()
        assert not (watched.place.path / "socket").exists(), "one is enough"
        assert watched.store.store({"c": [0]})
        assert hear(sock).fields["FDNAMES"] == "c"


async def test_a_holder_that_dies_while_it_takes_us_on_is_followed_by_another(watched: Watched) -> None:
    await watched.lose(watched.holder)
    sock = watched.place.connect()
    assert sock is not None
    sock.close()
    await until(lambda: (watched.place.path / "socket").exists())
    with await watched.take_on() as again:
        assert [hear(again).fields.get("FDNAMES") for _ in range(3)] == [None, "a:b:b", None]
        await watched.lose(again)
    (await watched.take_on()).close()


async def test_who_is_about_to_end_is_not_taken_on(watched: Watched) -> None:
    await watched.lose(watched.holder)
    watched.watch.stay_alone()
    assert watched.place.connect() is None
    assert not (watched.place.path / "socket").exists()


async def test_a_holder_that_dies_while_we_end_changes_nothing(watched: Watched, said: Said) -> None:
    watched.watch.stay_alone()
    await watched.lose(watched.holder)
    assert said == []
    assert watched.place.connect() is None


async def test_a_place_that_is_not_ours_costs_the_next_holder_until_it_is_set_right(
    watched: Watched, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_watch, "LOOK_SECONDS", 0.01)
    (tmp_path / NAME).chmod(0o755)
    await watched.lose(watched.holder)
    assert "mode 755" in watched.watch.trouble
    assert watched.place.connect() is None
    (tmp_path / NAME).chmod(0o700)
    await until(lambda: not watched.watch.trouble)
    (await watched.take_on()).close()
    assert sum("no other holder can take" in str(line) for line in said) == 1


async def test_a_door_that_somebody_removed_is_opened_again(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_watch, "LOOK_SECONDS", 0.01)
    await watched.lose(watched.holder)
    (tmp_path / NAME).rename(tmp_path / "elsewhere")
    await until((tmp_path / NAME / "socket").exists)
    again = Place(tmp_path)
    sock = again.connect()
    again.close()
    assert sock is not None
    await until(lambda: not watched.watch.lost)
    sock.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_a_process_of_another_user_is_refused(
    watched: Watched, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched.lose(watched.holder)
    sock = watched.place.connect()
    assert sock is not None
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    await until(lambda: "refused" in str(said))
    monkeypatch.undo()
    assert watched.watch.lost
    with sock:
        assert receive(sock) is None
    (await watched.take_on()).close()
