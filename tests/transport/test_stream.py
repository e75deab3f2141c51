from __future__ import annotations

from dataclasses import replace

from tests.transport.fakes import options
from tests.transport.hub import SETTINGS, FakeHub, FakeTransport


async def test_TP_19_half_a_message_has_its_time_however_it_drips() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    message = options(via="TCP")
    connection.data_received(message + message[:10])
    for position in range(10, 50, 10):
        hub.after(5)
        connection.data_received(message[position : position + 10])
    assert transport.state == "open"
    hub.after(1)
    assert transport.state == "closing"
    assert len(hub.messages) == 1
    assert hub.counters.connections_timed_out == 1


async def test_each_message_has_its_own_time() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    message = options(via="TCP")
    connection.data_received(message[:50])
    for _ in range(10):
        hub.after(15)
        connection.data_received(message[50:] + message[:50])
    assert transport.state == "open"
    assert len(hub.messages) == 10


async def test_a_connection_that_says_nothing_is_closed() -> None:
    hub = FakeHub()
    _, silent = hub.made()
    pinging, transport = hub.made(remote="10.0.0.2")
    pinging.data_received(b"\r\n\r\n")
    hub.after(60.5)
    assert (silent.state, transport.state) == ("closing", "open")
    assert transport.written == b"\r\n"


async def test_KA_02_a_lone_crlf_is_no_half_message() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(options(via="TCP") + b"\r\n")
    hub.after(50)
    assert transport.state == "open"
    assert transport.written == b""


async def test_TP_14_idle_connections_stay_for_long() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(options(via="TCP"))
    hub.after(99)
    assert transport.state == "open"
    hub.after(2)
    assert transport.state == "closing"


async def test_what_does_not_close_in_time_is_cut_off() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.close()
    hub.after(5)
    assert transport.state == "closing"
    hub.after(1)
    assert transport.state == "aborted"
    connection.connection_lost(None)
    assert len(hub.connections) == 0


async def test_what_is_written_before_the_connection_is_made_waits() -> None:
    hub = FakeHub()
    connection, transport = hub.connection(outgoing=True), FakeTransport()
    connection.write(b"a")
    connection.write(b"b")
    connection.connection_made(transport)
    connection.write(b"c")
    assert transport.written == b"abc"


async def test_a_connection_given_up_while_it_is_made_is_cut_off() -> None:
    hub = FakeHub()
    connection, transport = hub.connection(outgoing=True), FakeTransport()
    connection.write(b"x" * 1001)
    assert hub.counters.connections_cut_off == 1
    connection.connection_made(transport)
    assert (transport.state, transport.written) == ("aborted", b"")


async def test_nothing_is_taken_or_sent_after_closing() -> None:
    hub = FakeHub()
    connection, transport = hub.made()
    connection.data_received(b"OPTIONS sip:x SIP/2.0\r\nNo Length: 1\r\n\r\n" + options())
    assert transport.state == "closing"
    connection.data_received(options(via="TCP"))
    connection.write(b"x")
    assert hub.messages == []
    assert transport.written == b""


async def test_an_old_connection_is_closed_at_its_first_quiet_moment() -> None:
    hub = FakeHub()
    hub.settings = replace(SETTINGS, max_age=50)
    connection, transport = hub.made()
    for _ in range(5):
        hub.after(10)
        connection.data_received(options(via="TCP"))
    connection.data_received(b"OPT")
    hub.after(1)
    assert transport.state == "open", "half a message is there"
    connection.data_received(options(via="TCP")[3:])
    hub.after(1)
    assert transport.state == "closing"
    assert hub.counters.by_transport["tcp", "connections_timed_out"] == 1


async def test_what_people_see_of_a_connection() -> None:
    hub = FakeHub()
    connection, transport = hub.connection(), FakeTransport()
    assert (connection.info().state, connection.info().messages) == ("opening", 0)
    connection.connection_made(transport)
    connection.data_received(options(via="TCP") + b"OPT")
    connection.write(b"12345")
    transport.unsent = 3
    info = connection.info()
    assert (info.state, info.messages, info.sent_bytes, info.unsent_bytes) == ("receiving", 1, 5, 3)
    assert info.received_bytes == len(options(via="TCP")) + 3
    connection.close()
    assert connection.info().state == "closing"


async def test_a_lost_connection_gives_half_a_message_back_without_the_collector() -> None:
    hub = FakeHub()
    connection, _ = hub.made()
    connection.data_received(options(via="TCP")[:100])
    assert connection.pending == 100
    connection.connection_lost(None)
    assert connection.pending == 0
    connection.write(b"nobody")
    connection.abort()
    connection.check(hub.now() + 1000)
    assert connection.info().state == "closing"
