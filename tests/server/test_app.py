from __future__ import annotations

import asyncio
import re
import resource
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from siprecord.errors import ConfigError
from siprecord.server.app import Application, allow_files, serve
from siprecord.server.config import Config
from siprecord.server.lifecycle import DataDirLock
from siprecord.transport import ListenerInfo
from tests.support.messages import multipart, request, sdp
from tests.support.patience import PATIENCE

Listeners = tuple[ListenerInfo, ...]


def config(tmp_path: Path, **sections: dict[str, Any]) -> Config:
    values: dict[str, Any] = {
        "data_dir": tmp_path / "data",
        "sip": {"host": "127.0.0.1", "port": 0, "tcp": False},
        "http": {"port": 0, "enabled": False},
        "media": {"bind_address": "127.0.0.1", "port_min": 41000, "port_max": 41999},
        "render": {"enabled": False},
        "recording": {"min_free_bytes": 0, "linger_ms": 0},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return Config.model_validate(values)


@asynccontextmanager
async def running(settings: Config) -> AsyncIterator[tuple[Application, Listeners]]:
    ready: asyncio.Queue[Listeners] = asyncio.Queue()
    application = Application(settings, on_ready=ready.put_nowait)
    task = asyncio.get_running_loop().create_task(application.run())
    waiting = asyncio.get_running_loop().create_task(ready.get())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
    try:
        yield application, waiting.result()
    finally:
        application.stop.request()
        application.stop.request()
        await asyncio.wait_for(task, PATIENCE)


class Caller:
    """A client that speaks just enough SIP over UDP."""

    def __init__(self, port: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.connect(("127.0.0.1", port))
        self.tag = ""

    async def hear(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 65536), PATIENCE)

    async def final(self) -> bytes:
        while (answer := await self.hear()).startswith(b"SIP/2.0 1"):
            pass
        return answer

    async def invite(self, call: str) -> bytes:
        self.sock.send(request("INVITE", call, body=multipart(sdp())))
        answer = await self.final()
        if answer.startswith(b"SIP/2.0 200"):
            found = re.search(rb"(?m)^To:.*;tag=([^;\r\n]+)", answer)
            assert found
            self.tag = found[1].decode()
            self.sock.send(request("ACK", call, to_tag=self.tag))
        return answer

    async def bye(self, call: str) -> bytes:
        self.sock.send(request("BYE", call, number=2, to_tag=self.tag))
        return await self.final()


async def test_a_call_is_recorded_into_a_capture_log(tmp_path: Path) -> None:
    settings = config(tmp_path)
    async with running(settings) as (application, (udp,)):
        caller = Caller(udp.port)
        assert (await caller.invite("c1")).startswith(b"SIP/2.0 200")
        status = application.reports.status()
        assert (status["calls"], status["streams"], status["calls_started"]) == (1, 2, 1)
        assert [call["call_id"] for call in application.reports.calls()] == ["c1"]
        assert (await caller.bye("c1")).startswith(b"SIP/2.0 200")
        caller.sock.close()
    (log,) = settings.recordings_dir.rglob("capture.pcapng")
    assert b"recording.ended" in log.read_bytes()


async def test_http_shows_the_running_server(tmp_path: Path) -> None:
    async with running(config(tmp_path, http={"enabled": True})) as (application, (udp,)):
        base = f"http://127.0.0.1:{application.http.port}"
        async with httpx2.AsyncClient(base_url=base, timeout=PATIENCE) as client:
            assert (await client.get("/health/ready")).json() == {"ok": True, "reasons": [], "warnings": []}
            status = (await client.get("/api/status")).json()
            assert status["listeners"] == [{"transport": "udp", "host": "127.0.0.1", "port": udp.port}]
            assert "siprecord_ready 1.0" in (await client.get("/metrics")).text
            assert (await client.get("/api/recordings")).json() == {"recordings": []}


async def test_draining_refuses_new_calls_and_lets_running_ones_finish(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as (application, (udp,)):
        first, second = Caller(udp.port), Caller(udp.port)
        assert (await first.invite("c1")).startswith(b"SIP/2.0 200")
        application.stop.request()
        async with asyncio.timeout(PATIENCE):
            while not application.handler.draining:  # noqa: ASYNC110  (a few turns of the loop)
                await asyncio.sleep(0)
        refusal = await second.invite("c2")
        assert refusal.startswith(b"SIP/2.0 503")
        assert b"Retry-After: 30" in refusal
        assert [reason["code"] for reason in application.reports.ready_reasons()] == ["draining"]
        assert (await first.bye("c1")).startswith(b"SIP/2.0 200")
        first.sock.close()
        second.sock.close()


async def test_a_second_request_ends_at_once_but_finishes_the_recording(tmp_path: Path) -> None:
    settings = config(tmp_path, recording={"shutdown_grace_s": 2})
    async with running(settings) as (application, (udp,)):
        caller = Caller(udp.port)
        assert (await caller.invite("c1")).startswith(b"SIP/2.0 200")
        application.stop.request()
        application.stop.request()
        caller.sock.close()
    (log,) = settings.recordings_dir.rglob("capture.pcapng")
    written = log.read_bytes()
    assert b"BYE sip:src@127.0.0.1" in written
    assert b"recording.ended" in written


async def test_signals_end_the_server(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as (application, _):
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(application.stop.drain.wait(), PATIENCE)


async def test_a_taken_sip_port_ends_the_start_with_words(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port}/udp on 127\.0\.0\.1 is taken"):
            async with running(config(tmp_path, sip={"port": port})):
                pass


async def test_a_taken_http_port_ends_the_start_with_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = config(tmp_path, http={"enabled": True, "port": taken.getsockname()[1]})
        with pytest.raises(ConfigError, match="HTTP port"):
            async with running(settings):
                pass


async def test_two_servers_do_not_share_a_data_directory(tmp_path: Path) -> None:
    settings = config(tmp_path)
    with DataDirLock(settings.data_dir), pytest.raises(ConfigError, match="in use by another siprecord"):
        await serve(settings)


async def test_a_server_without_a_listener_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sip\.udp, sip\.tcp or tls\.certificate"):
        async with running(config(tmp_path, sip={"udp": False, "tcp": False})):
            pass


def test_the_soft_limit_of_files_is_raised_and_only_a_low_hard_one_is_told() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    try:
        with capture_logs() as told:
            allow_files(hard)
        assert told == []
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        with capture_logs() as told:
            allow_files(hard + 1)
        assert [(line["files"], line["wanted"]) for line in told] == [(hard, hard + 1)]
        assert "raise the hard limit" in told[0]["event"]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
