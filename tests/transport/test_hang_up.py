"""The last answer on a connection arrives: it is closed in order, however much the peer still sends."""

from __future__ import annotations

import asyncio
import socket

import pytest

from siprecord.aio import spawn
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.stream import MOST_DISCARDED
from tests.support.patience import PATIENCE
from tests.transport.conftest import Serve
from tests.transport.fakes import options
from tests.transport.hub import FakeHub

NO_LENGTH = options(via="TCP").replace(b"Content-Length: 0\r\n", b"")
HALF = options(via="TCP").replace(b"Content-Length: 0", b"Content-Length: 60000")


class Keeper:
    """Somebody who keeps connections, as a holder does."""

    def __init__(self) -> None:
        self.kept: set[int] = set()

    def listener(self, kind: str, host: str, port: int) -> None:
        return None

    def keep_listener(self, kind: str, sock: socket.socket) -> None: ...

    def connections(self) -> list[tuple[int, socket.socket]]:
        return []

    def keep_connection(self, number: int, sock: socket.socket) -> None:
        self.kept.add(number)

    def drop_connection(self, number: int) -> None:
        self.kept.discard(number)


@pytest.fixture(params=["alone", "with a holder"])
def keeper(request: pytest.FixtureRequest) -> SocketKeeper | None:
    return None if request.param == "alone" else Keeper()


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    """All that comes; a reset is an error."""
    return await asyncio.wait_for(reader.read(), PATIENCE)


async def test_TP_08_what_came_behind_the_fault_makes_no_reset(
    serve: Serve, keeper: SocketKeeper | None
) -> None:
    port = await serve(keeper=keeper).listen("tcp")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(NO_LENGTH + b"x" * (MOST_DISCARDED // 2))
    assert (await read_to_the_end(reader)).startswith(b"SIP/2.0 400 ")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_TP_19_a_refused_half_message_gets_its_503_and_an_end_in_order(
    serve: Serve, keeper: SocketKeeper | None
) -> None:
    port = await serve(keeper=keeper, max_partial=50_000).listen("tcp")
    ends = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HALF + b"x" * 30_000)
        await writer.drain()
        ends.append((reader, writer))
    reading = [spawn(read_to_the_end(reader), name="read") for reader, _ in ends]
    done, rest = await asyncio.wait(reading, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result()[:12] for one in done] == [b"SIP/2.0 503 "]
    for one in rest:
        one.cancel()
    for _, writer in ends:
        writer.close()


async def test_a_connection_that_ends_is_not_handed_on(serve: Serve) -> None:
    keeper = Keeper()
    port = await serve(keeper=keeper).listen("tcp")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(options(via="TCP"))
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    assert len(keeper.kept) == 1
    writer.write(NO_LENGTH)
    await read_to_the_end(reader)
    assert keeper.kept == set()
    writer.close()


async def test_a_peer_that_never_stops_is_cut_off() -> None:
    hub = FakeHub()
    by_bytes, first = hub.made()
    by_time, second = hub.made()
    for connection in (by_bytes, by_time):
        connection.data_received(NO_LENGTH)
    assert (first.state, second.state) == ("half closed", "half closed")
    by_bytes.data_received(bytes(MOST_DISCARDED))
    assert first.state == "half closed"
    by_bytes.data_received(b"x")
    assert first.state == "aborted"
    hub.after(hub.settings.close_timeout + 1)
    assert second.state == "aborted"
