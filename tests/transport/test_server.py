from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

import pytest

from siprecord.errors import ConfigError, SiprecordError
from siprecord.protocol import Flow, OutOfDialogRequest, RequestReceived
from siprecord.transport import EndpointControl, ListenerInfo
from tests.support.patience import PATIENCE
from tests.transport.conftest import Serve, UdpClient
from tests.transport.fakes import FakeApplication, options

Tls = tuple[ssl.SSLContext, ssl.SSLContext]


async def connect(
    port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=tls), PATIENCE)


async def head(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)


async def test_TP_01_udp_and_tcp_are_served_on_one_port_number(serve: Serve) -> None:
    running = serve()
    port = await running.listen("tcp")
    task = asyncio.get_running_loop().create_task(running.server.listen_and_serve_udp("127.0.0.1", port))
    running.tasks.append(task)
    listeners = await running.server.wait_listening(2)
    assert set(listeners) == {ListenerInfo("tcp", "127.0.0.1", port), ListenerInfo("udp", "127.0.0.1", port)}
    client = UdpClient(port)
    assert (await client.ask(options())).startswith(b"SIP/2.0 200")
    client.sock.close()


async def test_TP_03_datagrams_up_to_the_largest_size(serve: Serve) -> None:
    running = serve()
    client = UdpClient(await running.listen("udp"))
    assert (await client.ask(options(body=b"x" * 65000))).startswith(b"SIP/2.0 200")
    (event,) = running.application.events
    assert isinstance(event, RequestReceived)
    assert len(event.request.body) == 65000
    client.sock.close()


async def test_TP_11_the_answer_comes_from_the_port_that_was_asked(serve: Serve) -> None:
    running = serve()
    port = await running.listen("udp")
    client = UdpClient(port)  # a connected socket takes nothing from another address or port
    assert b"Call-ID: c1" in await client.ask(options())
    (event,) = running.application.events
    assert isinstance(event, RequestReceived)
    assert event.flow == Flow("udp", ("127.0.0.1", port), client.sock.getsockname())
    client.sock.close()


async def test_TP_18_datagrams_that_are_no_sip_are_ignored(serve: Serve) -> None:
    running = serve()
    client = UdpClient(await running.listen("udp"))
    for noise in (b"\r\n\r\n", b"\0\0\0\0", b"", b"\x00\x01\x00\x00" + b"\x21\x12\xa4\x42" + b"x" * 12):
        client.sock.send(noise)
    assert (await client.ask(options())).startswith(b"SIP/2.0 200")
    assert len(running.application.events) == 1
    assert running.server.counters.datagrams_ignored == 4
    client.sock.close()


async def test_TP_17_TXN_16_a_client_that_can_t_be_reached_keeps_its_transaction(serve: Serve) -> None:
    """Nobody takes the 200; the INVITE that comes again later is still known, and no second call."""
    running = serve()
    port = await running.listen("udp")
    invite = options("icmp").replace(b"OPTIONS", b"INVITE")
    invite = invite.replace(b"CSeq", b"Contact: <sip:src@127.0.0.1>\r\nCSeq")
    gone = UdpClient(port)
    own = gone.sock.getsockname()
    gone.sock.send(invite)
    gone.sock.close()
    async with asyncio.timeout(PATIENCE):
        while running.server.counters.datagrams_sent < 2:  # noqa: ASYNC110  (the 200 repeats after T1)
            await asyncio.sleep(0.05)
    back = UdpClient(port, own)
    assert (await back.ask(invite)).startswith(b"SIP/2.0 200"), "the 200 repeats, as without the error"
    back.sock.close()
    assert len([event for event in running.application.events if isinstance(event, RequestReceived)]) == 1


async def test_icmp_errors_are_counted_and_harm_nobody(serve: Serve) -> None:
    running = serve()
    port = await running.listen("udp")
    gone = UdpClient(port)
    gone.sock.send(options("gone"))
    gone.sock.close()
    client = UdpClient(port)
    for number in range(3):
        assert (await client.ask(options(f"c{number}"))).startswith(b"SIP/2.0 200")
    client.sock.close()


@pytest.mark.parametrize("kind", ["tcp", "tls"])
async def test_TP_05_streams_are_cut_by_content_length(serve: Serve, tls: Tls, kind: str) -> None:
    running = serve()
    port = await running.listen(kind, tls[0])
    reader, writer = await connect(port, tls[1] if kind == "tls" else None)
    three = b"".join(options(f"c{n}", via=kind.upper(), body=b"abc") for n in range(3))
    for start in range(0, len(three), 100):
        writer.write(three[start : start + 100])
        await writer.drain()
    for number in range(3):
        assert b"Call-ID: c%d\r\n" % number in await head(reader)
    (info,) = running.server.connections
    assert (info.transport, info.messages, info.outgoing) == (kind, 3, False)
    assert info.remote == writer.get_extra_info("sockname")
    writer.close()


async def test_KA_01_a_double_crlf_is_answered_with_a_single_one(serve: Serve) -> None:
    running = serve()
    reader, writer = await connect(await running.listen("tcp"))
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), PATIENCE) == b"\r\n"
    writer.write(options(via="TCP"))
    assert (await head(reader)).startswith(b"SIP/2.0 200")
    writer.close()


async def test_TP_08_a_stream_without_lengths_gets_400_and_is_closed(serve: Serve) -> None:
    running = serve()
    port = await running.listen("tcp")
    reader, writer = await connect(port)
    other_reader, other_writer = await connect(port)
    writer.write(options(via="TCP").replace(b"Content-Length: 0\r\n", b""))
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    assert answer.startswith(b"SIP/2.0 400 Content-Length missing\r\n")
    assert b"Call-ID: c1\r\n" in answer
    writer.close()
    other_writer.write(options("c2", via="TCP"))
    assert (await head(other_reader)).startswith(b"SIP/2.0 200")
    other_writer.close()
    assert running.server.counters.framing_errors == 1


async def test_TP_13_OVL_02_a_lost_connection_is_made_again_to_the_clients_port(serve: Serve) -> None:
    """The answer goes to the address in the Via when the connection is gone."""
    application = FakeApplication()
    running = serve(application)
    port = await running.listen("tcp")
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    back = await asyncio.start_server(accept, "127.0.0.1", 0)
    control = application.control
    assert control is not None
    flow = Flow("tcp", ("127.0.0.1", port), back.sockets[0].getsockname()[:2], 4711)
    control.send(ping(flow), control.now())
    assert (await asyncio.wait_for(heard.get(), PATIENCE)).startswith(b"OPTIONS ")
    back.close()
    await back.wait_closed()


async def test_what_is_said_before_all_listeners_are_open_waits_for_its_own(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """As the calls that go on after a restart do: their answers are due at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            local = free.getsockname()
        flow = Flow("udp", local, client.getsockname())

        class Resuming(FakeApplication):
            async def start(self, control: EndpointControl) -> None:
                await super().start(control)
                control.send(ping(flow), control.now())

        running = serve(Resuming())
        both = asyncio.get_running_loop().create_task(running.server.wait_listening(2))
        await asyncio.sleep(0)
        tcp = running.server.listen_and_serve_tcp("127.0.0.1", 0)
        running.tasks.append(asyncio.get_running_loop().create_task(tcp))
        await asyncio.wait_for(running.server.wait_listening(1), 5)
        udp = running.server.listen_and_serve_udp(*local)
        running.tasks.append(asyncio.get_running_loop().create_task(udp))
        await asyncio.wait_for(both, 5)
        assert (await asyncio.to_thread(client.recv, 65536)).startswith(b"OPTIONS ")
    assert "no UDP socket" not in caplog.text


async def test_what_no_listener_serves_is_told_once_all_are_open(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    application = FakeApplication()
    running = serve(application)
    await running.listen("tcp")
    control = application.control
    assert control is not None
    control.send(ping(Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 9))), control.now())
    assert "no UDP socket" in caplog.text
    assert running.server.counters.send_failures == 1


def ping(flow: Flow) -> OutOfDialogRequest:
    return OutOfDialogRequest(
        method="OPTIONS",
        request_uri="sip:x@127.0.0.1",
        from_="<sip:a@127.0.0.1>",
        to="<sip:b@127.0.0.1>",
        flow=flow,
    )


async def test_a_connection_that_cannot_be_made_is_told(serve: Serve) -> None:
    application = FakeApplication()
    running = serve(application)
    port = await running.listen("tcp")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        target = unused.getsockname()[:2]
    control = application.control
    assert control is not None
    told = asyncio.Event()
    application.on_event = lambda *_: told.set()
    control.send(ping(Flow("tcp", ("127.0.0.1", port), target)), control.now())
    await asyncio.wait_for(told.wait(), PATIENCE)
    assert running.server.counters.connect_failures == 1
    assert running.server.connections == []


async def test_connections_above_the_limit_are_turned_away(serve: Serve) -> None:
    running = serve(max_connections=2, max_connections_per_source=1)
    port = await running.listen("tcp")
    first, first_writer = await connect(port)
    first_writer.write(options(via="TCP"))
    await head(first)
    second, second_writer = await connect(port)
    assert await asyncio.wait_for(second.read(), PATIENCE) == b""
    assert running.server.counters.connections_refused == 1
    first_writer.close()
    second_writer.close()


async def test_a_place_is_free_again_when_its_connection_is_gone(serve: Serve) -> None:
    running = serve(max_connections=1)
    port = await running.listen("tcp")
    for number in range(5):
        reader, writer = await connect(port)
        writer.write(options(f"c{number}", via="TCP"))
        assert (await head(reader)).startswith(b"SIP/2.0 200")
        writer.close()
        await writer.wait_closed()
        await settle(lambda: running.server.connections == [])


async def settle(condition: Callable[[], bool]) -> None:
    """Let the loop turn until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (any number of turns)
            await asyncio.sleep(0)


async def test_a_peer_that_does_not_read_is_cut_off(serve: Serve) -> None:
    running = serve(max_unsent=20_000)
    port = await running.listen("tcp")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    question = options("c" * 8000, via="TCP")  # its answer is as long
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        async with asyncio.timeout(PATIENCE):
            while not running.server.counters.connections_cut_off:
                await loop.sock_sendall(sock, question * 10)
    assert running.server.counters.connections_cut_off == 1
    sock.close()


async def test_a_client_that_speaks_no_tls_is_dropped(serve: Serve, tls: Tls) -> None:
    running = serve()
    port = await running.listen("tls", tls[0])
    reader, writer = await connect(port)
    writer.write(options(via="TLS"))
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), PATIENCE)
    await settle(lambda: running.server.connections == [])
    assert running.server.counters.handshake_failures == 1
    writer.close()


async def test_the_application_lives_as_long_as_any_listener(serve: Serve) -> None:
    running = serve()
    await running.listen("udp")
    await running.listen("tcp")
    assert running.application.log == ["start"]
    running.tasks[0].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running.tasks[0]
    assert running.application.log == ["start"]
    assert [info.transport for info in running.server.listeners] == ["tcp"]
    await running.stop()
    assert running.application.log == ["start", "stop"]
    with pytest.raises(SiprecordError, match="has been stopped"):
        await running.server.listen_and_serve_udp("127.0.0.1", 0)


async def test_messages_sent_while_stopping_still_find_a_socket(serve: Serve) -> None:
    class Polite(FakeApplication):
        async def stop(self) -> None:
            assert self.control is not None
            target = Flow("udp", ("127.0.0.1", port), client.sock.getsockname())
            self.control.send(ping(target), self.control.now())

    running = serve(Polite())
    port = await running.listen("udp")
    await running.listen("tcp")
    client = UdpClient(port)
    await running.stop()
    heard = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client.sock, 65536), PATIENCE)
    assert heard.startswith(b"OPTIONS ")
    client.sock.close()


async def test_open_connections_end_with_the_server(serve: Serve) -> None:
    running = serve()
    reader, writer = await connect(await running.listen("tcp"))
    writer.write(options(via="TCP"))
    await head(reader)
    await running.stop()
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()


async def test_a_taken_port_ends_the_call_with_words(serve: Serve) -> None:
    running = serve()
    port = await running.listen("tcp")
    with pytest.raises(ConfigError, match=rf"port {port}/tcp on 127\.0\.0\.1 is taken"):
        await running.server.listen_and_serve_tcp("127.0.0.1", port)
    assert running.application.log == ["start"]


async def test_an_application_that_does_not_start_ends_every_listener(serve: Serve) -> None:
    class Broken(FakeApplication):
        async def start(self, control: object) -> None:
            raise ConfigError("no disk")

    running = serve(Broken())
    with pytest.raises(ConfigError, match="no disk"):
        await running.server.listen_and_serve_udp("127.0.0.1", 0)
    assert running.server.listeners == ()


async def test_the_lines_of_the_design_work(serve: Serve, tls: Tls) -> None:
    running = serve()

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(running.server.listen_and_serve_udp("127.0.0.1", 0))
            tasks.create_task(running.server.listen_and_serve_tcp("127.0.0.1", 0))
            tasks.create_task(running.server.listen_and_serve_tls("127.0.0.1", 0, tls[0]))

    running.tasks.append(asyncio.get_running_loop().create_task(group()))
    assert len(await asyncio.wait_for(running.server.wait_listening(3), PATIENCE)) == 3
    await running.stop()
    assert running.application.log == ["start", "stop"]
