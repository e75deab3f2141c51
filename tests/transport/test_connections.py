from __future__ import annotations

from siprecord.protocol import Flow
from siprecord.transport import TransportCounters, TransportSettings
from siprecord.transport.connections import Connections
from tests.transport.hub import FakeHub


async def test_of_two_connections_to_one_peer_the_newer_is_used() -> None:
    hub = FakeHub()
    first, _ = hub.made()
    second, _ = hub.made()
    gone = Flow("tcp", ("127.0.0.1", 5060), ("10.0.0.1", 5070), 99)
    assert hub.connections.find(first.flow) is first
    assert hub.connections.find(gone) is second
    second.connection_lost(None)
    assert hub.connections.find(gone) is None
    assert hub.connections.find(Flow("tls", gone.local, gone.remote)) is None


async def test_places_are_counted_for_each_source() -> None:
    connections = Connections(
        TransportSettings(max_connections=3, max_connections_per_source=2), TransportCounters()
    )
    assert [connections.admit("a") for _ in range(3)] == [True, True, False]
    assert [connections.admit("b") for _ in range(2)] == [True, False]
    connections.leave("a")
    assert connections.admit("a")
    assert len(connections) == 3


async def test_waiting_for_connections_to_close_cuts_off_what_is_left() -> None:
    hub = FakeHub()
    _, transport = hub.made()
    hub.connections.close()
    await hub.connections.wait_closed(0)
    assert transport.state == "aborted"
