"""Certificates of a running server."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path

from structlog.testing import capture_logs

from siprecord.server.config import Config
from tests.server.test_app import config, running
from tests.support.certificates import Authority
from tests.support.patience import PATIENCE
from tests.transport.fakes import options


def over_tls(tmp_path: Path, authority: Authority) -> Config:
    certificate = authority.bundle("server", alternatives="IP:127.0.0.1")
    sip = {"udp": False, "tls_port": 0}
    return config(tmp_path, sip=sip, tls={"certificate": certificate, "client_ca": authority.certificate})


async def connect(port: int, authority: Authority) -> asyncio.StreamWriter:
    tls = ssl.create_default_context(cafile=str(authority.certificate))
    return (await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, ssl=tls), PATIENCE))[1]


def serial(writer: asyncio.StreamWriter) -> str:
    return str(writer.get_extra_info("peercert")["serialNumber"])


async def test_sighup_reads_the_certificate_again(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    async with running(over_tls(tmp_path, authority)) as (_, (tls,)):
        first = await connect(tls.port, authority)
        authority.bundle("server", alternatives="IP:127.0.0.1")
        with capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(PATIENCE):
                while not lines:  # noqa: ASYNC110  (a few turns of the loop)
                    await asyncio.sleep(0)
        assert [line["event"] for line in lines] == ["certificates reloaded"]
        second = await connect(tls.port, authority)
        assert serial(second) != serial(first)
        assert not first.is_closing()
        for writer in (first, second):
            writer.write(options(via="TLS"))
            writer.close()


async def test_files_that_can_not_be_used_change_nothing(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    async with running(over_tls(tmp_path, authority)) as (application, (tls,)):
        first = await connect(tls.port, authority)
        (tmp_path / "server.pem").write_text("broken")
        with capture_logs() as lines:
            application.reload_certificates()
        assert [(line["log_level"], line["event"]) for line in lines] == [
            ("error", "certificates are not reloaded, the old ones stay")
        ]
        assert "server.pem" in lines[0]["reason"]
        second = await connect(tls.port, authority)
        assert serial(second) == serial(first)
        for writer in (first, second):
            writer.close()


async def test_without_tls_there_is_nothing_to_reload(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as (application, _):
        with capture_logs() as lines:
            application.reload_certificates()
    assert lines[0]["event"] == "nothing to reload: TLS is off"
