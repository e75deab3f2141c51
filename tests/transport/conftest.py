from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from siprecord.transport import CustomSIPServer, TransportSettings
from siprecord.transport.keeping import SocketKeeper
from tests.support.patience import PATIENCE
from tests.transport.fakes import FakeApplication, answer_all

Serve = Callable[..., "Running"]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test here runs on both loops: uvloop is the default, plain asyncio must stay working."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class Running:
    """A server on loopback ports of the system's choice."""

    def __init__(
        self,
        application: FakeApplication,
        settings: TransportSettings,
        client_tls: ssl.SSLContext,
        keeper: SocketKeeper | None,
    ) -> None:
        self.application = application
        self.server = CustomSIPServer(application, settings=settings, client_tls=client_tls, keeper=keeper)
        self.tasks: list[asyncio.Task[None]] = []

    async def listen(self, kind: str, tls: ssl.SSLContext | None = None) -> int:
        """Serve `kind` and return the port."""
        before = len(self.server.listeners)
        if kind == "udp":
            work = self.server.listen_and_serve_udp("127.0.0.1", 0)
        elif kind == "tcp":
            work = self.server.listen_and_serve_tcp("127.0.0.1", 0)
        else:
            assert tls is not None
            work = self.server.listen_and_serve_tls("127.0.0.1", 0, tls)
        self.tasks.append(asyncio.get_running_loop().create_task(work))
        listeners = await asyncio.wait_for(self.server.wait_listening(before + 1), PATIENCE)
        return listeners[-1].port

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
async def serve(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[Serve]:
    started: list[Running] = []

    def build(
        application: FakeApplication | None = None, keeper: SocketKeeper | None = None, **settings: float
    ) -> Running:
        values = TransportSettings(**settings)  # type: ignore[arg-type]
        started.append(Running(application or FakeApplication(answer_all), values, tls[1], keeper))
        return started[-1]

    yield build
    for running in started:
        await running.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key = path.with_suffix(".key")
    subprocess.run([*command, "-keyout", str(key), "-out", str(path)], check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


@pytest.fixture(scope="session")
def tls(certificate: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context, and a client's that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    return server, ssl.create_default_context(cafile=str(certificate))


class UdpClient:
    """A plain socket used from the loop."""

    def __init__(self, port: int, own: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(own)
        self.sock.connect(("127.0.0.1", port))

    async def ask(self, data: bytes) -> bytes:
        self.sock.send(data)
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 65536), PATIENCE)
