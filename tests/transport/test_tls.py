"""TLS as peers see it: versions, client certificates, handshakes that never end, new certificates."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from siprecord.protocol import RequestReceived
from siprecord.server.tls import server_context
from siprecord.server.tls_config import TlsConfig
from tests.support.certificates import Authority
from tests.support.patience import PATIENCE
from tests.transport.conftest import Serve
from tests.transport.fakes import options


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server_file(authority: Authority) -> Path:
    return authority.bundle("server", alternatives="IP:127.0.0.1", usage="serverAuth")


def context(certificate: Path, **settings: object) -> ssl.SSLContext:
    made = server_context(TlsConfig.model_validate({"certificate": certificate, **settings}))
    assert made is not None
    return made


def client(authority: Authority, certificate: Path | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority.certificate))
    if certificate is not None:
        made.load_cert_chain(certificate)
    return made


async def ask(port: int, tls: ssl.SSLContext) -> bytes:
    """The answer to an OPTIONS; empty when the connection is closed instead."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=tls), PATIENCE)
        writer.write(options(via="TLS"))
        answer = await asyncio.wait_for(reader.read(4096), PATIENCE)
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return b""
    return answer


@pytest.mark.parametrize(
    ("options_", "spoken"), [("-tls1_1", False), ("-tls1", False), ("-tls1_2", True), ("-tls1_3", True)]
)
async def test_RSEC_01_RSEC_02_versions(serve: Serve, server_file: Path, options_: str, spoken: bool) -> None:
    port = await serve().listen("tls", context(server_file))
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", options_]
    if not spoken:
        command += ["-cipher", "DEFAULT:@SECLEVEL=0"]  # or the client itself would refuse to ask
    done = await asyncio.to_thread(
        subprocess.run, command, input=b"", capture_output=True, timeout=PATIENCE, check=False
    )
    assert (b"Cipher is (NONE)" not in done.stdout) is spoken


async def test_RSEC_03_mutual_tls(serve: Serve, authority: Authority, server_file: Path) -> None:
    known = authority.bundle("known", alternatives="URI:sip:sbc.example.com", usage="clientAuth")
    running = serve()
    tls = context(server_file, client_ca=authority.certificate, require_client_certificate=True)
    port = await running.listen("tls", tls)
    assert await ask(port, client(authority)) == b""
    assert (await ask(port, client(authority, known))).startswith(b"SIP/2.0 200")


async def test_SEC_08_the_names_of_the_certificate_come_with_the_flow(
    serve: Serve, authority: Authority, server_file: Path
) -> None:
    known = authority.bundle(
        "named", subject="/CN=x", alternatives="URI:sip:SBC.example.com,DNS:other.example"
    )
    running = serve()
    port = await running.listen("tls", context(server_file, client_ca=authority.certificate))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(authority, known))
    writer.write(options(via="TLS"))
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    (event,) = running.application.events
    assert isinstance(event, RequestReceived)
    assert event.flow.identity == ("sbc.example.com",)
    assert [info.identity for info in running.server.connections] == [("sbc.example.com",)]
    writer.close()


async def test_SEC_10_an_optional_certificate_may_be_missing(
    serve: Serve, authority: Authority, server_file: Path
) -> None:
    running = serve()
    port = await running.listen("tls", context(server_file, client_ca=authority.certificate))
    assert (await ask(port, client(authority))).startswith(b"SIP/2.0 200")
    (event,) = running.application.events
    assert isinstance(event, RequestReceived)
    assert event.flow.identity == ()


async def test_SEC_11_certificates_that_prove_nothing_are_refused(
    serve: Serve, authority: Authority, server_file: Path, tmp_path: Path
) -> None:
    stranger = Authority.create(tmp_path, "other")
    bad = [
        stranger.bundle("untrusted", usage="clientAuth"),
        authority.bundle("wrong-usage", usage="serverAuth"),
        authority.bundle("expired", usage="clientAuth", days=-1),
        revoked := authority.bundle("revoked", usage="clientAuth"),
    ]
    good = authority.bundle("good", usage="clientAuth")
    revocations = authority.revocations(revoked)
    tls = context(server_file, client_ca=authority.certificate, client_crl=revocations)
    running = serve()
    port = await running.listen("tls", tls)
    for certificate in bad:
        assert await ask(port, client(authority, certificate)) == b"", certificate.name
    assert (await ask(port, client(authority, good))).startswith(b"SIP/2.0 200")
    assert running.server.counters.handshake_failures == len(bad)


async def test_a_handshake_that_never_ends_is_cut_off(serve: Serve, server_file: Path) -> None:
    running = serve(handshake_timeout=0.2)
    port = await running.listen("tls", context(server_file))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a hello, and no more
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    assert running.server.connections == []
    assert running.server.counters.handshake_failures == 1
    writer.close()


async def test_SEC_11_new_certificates_hold_for_new_connections_and_old_ones_live_on(
    serve: Serve, authority: Authority, server_file: Path, tmp_path: Path
) -> None:
    renewed = Authority.create(tmp_path, "renewed")
    running = serve()
    port = await running.listen("tls", context(server_file))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(authority))
    running.server.use_certificates(context(renewed.bundle("server", alternatives="IP:127.0.0.1")))
    assert await ask(port, client(authority)) == b""
    assert (await ask(port, client(renewed))).startswith(b"SIP/2.0 200")
    writer.write(options("old", via="TLS"))
    assert b"Call-ID: old" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.close()


async def test_use_certificates_leaves_tcp_alone(serve: Serve, server_file: Path) -> None:
    running = serve()
    port = await running.listen("tcp")
    running.server.use_certificates(context(server_file))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(options(via="TCP"))
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).startswith(b"SIP/2.0 200")
    writer.close()
