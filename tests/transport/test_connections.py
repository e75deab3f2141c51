from __future__ import annotations

from siprecord.protocol import Flow
from siprecord.transport import TransportCounters, TransportSettings
from siprecord.transport.connections import Connections
from tests.transport.fakes import options
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


HEAD = options(via="TCP").replace(b"Content-Length: 0", b"Content-Length: 90000")


async def test_TP_19_what_is_half_received_is_bounded_over_all_connections() -> None:
    """The largest message of a stranger goes first; who brought a whole message before goes last."""
    hub = FakeHub()
    regular, usual = hub.made()
    regular.data_received(options(via="TCP") + HEAD + b"x" * 5000)
    small, kept = hub.made(remote="10.0.0.2")
    small.data_received(HEAD + b"x" * 1000)
    large, refused = hub.made(remote="10.0.0.3")
    large.data_received(HEAD + b"x" * 2000)
    assert hub.connections.held == sum(each.pending for each in (regular, small, large)) > 8000
    small.data_received(b"x" * 500)
    assert (usual.state, kept.state, refused.state) == ("open", "open", "open")
    large.data_received(b"x" * 1000)
    assert (usual.state, kept.state, refused.state) == ("open", "open", "half closed")
    assert refused.written.startswith(b"SIP/2.0 503 Too much is half received\r\nVia: ")
    assert hub.connections.held == regular.pending + small.pending
    assert hub.counters.partials_refused == 1
    regular.data_received(b"x" * 4000)
    assert (usual.state, kept.state) == ("open", "half closed")
    regular.connection_lost(None)
    small.connection_lost(None)
    assert hub.connections.held == 0


async def test_TP_19_one_that_has_no_header_to_answer_is_closed() -> None:
    hub = FakeHub()
    stranger, transport = hub.made()
    stranger.data_received(b"INVITE sip:" + b"x" * 11_000)
    assert (transport.state, transport.written) == ("closing", b"")
    assert hub.connections.held == 0
