"""A server for what SIPp plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import sipp
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.server import RunningServer
from tests.support.tls_tunnel import TlsTunnel

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def dialog_server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("server")
    certificate = authority.issue("127.0.0.1")
    settings = {
        "SIPRECORD_TLS__CERTIFICATE": str(certificate.chain),
        "SIPRECORD_TLS__KEY": str(certificate.key),
        "SIPRECORD_SIP__TLS_PORT": str(free_port()),
    }
    running = RunningServer(directory, settings).start()
    yield running
    running.stop()


def tls_port(server: RunningServer) -> int:
    return int(server.settings["SIPRECORD_SIP__TLS_PORT"])


class Player:
    """One SIPp for one scenario over one transport; `finish` returns all messages it sent and received."""

    def __init__(self, scenario: str, transport: str, server: RunningServer, authority: Authority) -> None:
        self.directory = server.directory / f"{scenario}-{transport}"
        self.directory.mkdir()
        self._stack = ExitStack()
        port = server.sip_port
        if transport == "tls":
            tunnel = TlsTunnel(("127.0.0.1", tls_port(server)), authority.certificate)
            port = self._stack.enter_context(tunnel)
        self._run = sipp.SippRun(
            scenario=scenario,
            port=port,
            directory=self.directory,
            fields={"PAUSE": "100"},
            transport="u1" if transport == "udp" else "t1",
            options=("-nr", "-trace_msg", "-cid_str", f"{scenario}-{transport}-%u-%p@%s"),
        )
        self._process = sipp.start(self._run)

    def finish(self) -> str:
        with self._stack:
            sipp.finish(self._process, self._run)
        (log,) = self.directory.glob("*_messages.log")
        return log.read_text(errors="replace")


def play_everywhere(scenario: str, server: RunningServer, authority: Authority) -> dict[str, str]:
    """The messages of the scenario over each transport, played over all of them at once."""
    players = {transport: Player(scenario, transport, server, authority) for transport in TRANSPORTS}
    return {transport: player.finish() for transport, player in players.items()}
