from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest

from siprecord.control import HttpServer, Row, Sources
from siprecord.errors import ConfigError
from tests.support.patience import PATIENCE


class FakeHealth:
    def __init__(self) -> None:
        self.live: list[Row] = []
        self.ready: list[Row] = []

    def live_reasons(self) -> Sequence[Row]:
        return self.live

    def ready_reasons(self) -> Sequence[Row]:
        return self.ready

    def warnings(self) -> Sequence[Row]:
        return []


class FakeRecordings:
    def list(self, limit: int) -> Sequence[Row]:
        return [{"id": f"r{n}"} for n in range(min(limit, 3))]

    def get(self, recording_id: str) -> Row | None:
        return {"id": recording_id} if recording_id == "r1" else None


def sources(health: FakeHealth | None = None) -> Sources:
    return Sources(
        version="1.2.3",
        health=health or FakeHealth(),
        recordings=FakeRecordings(),
        status=lambda: {"calls": 2},
        calls=lambda: [{"call_id": "c1"}],
        connections=lambda: [{"number": 7, "transport": "tls"}],
        cluster=lambda: None,
        metrics=lambda: b"siprecord_calls 2\n",
    )


@pytest.fixture
async def health() -> FakeHealth:
    return FakeHealth()


@pytest.fixture
async def http(health: FakeHealth) -> AsyncIterator[httpx2.AsyncClient]:
    server = HttpServer(sources(health), "127.0.0.1", 0)
    await server.start()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE) as client:
        yield client
    await server.close()


async def test_connections_are_listed(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/api/connections")).json() == {"connections": [{"number": 7, "transport": "tls"}]}


async def test_health_tells_its_reasons(http: httpx2.AsyncClient, health: FakeHealth) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"ok": True, "reasons": [], "warnings": []})
    health.ready.append({"code": "full", "text": "no room"})
    answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()["reasons"]) == (503, [{"code": "full", "text": "no room"}])
    assert (await http.get("/health/live")).status_code == 200
    health.live.append({"code": "engine_dead", "text": "x"})
    assert (await http.get("/health/live")).status_code == 503


async def test_pages(http: httpx2.AsyncClient) -> None:
    metrics = await http.get("/metrics")
    assert metrics.text == "siprecord_calls 2\n"
    assert metrics.headers["content-type"].startswith("text/plain")
    pages: dict[str, Any] = {
        "/api/status": {"calls": 2},
        "/api/calls": {"calls": [{"call_id": "c1"}]},
        "/api/recordings?limit=2": {"recordings": [{"id": "r0"}, {"id": "r1"}]},
        "/api/recordings/r1": {"id": "r1"},
    }
    for path, expected in pages.items():
        answer = await http.get(path)
        assert (answer.status_code, answer.json()) == (200, expected)


async def test_what_is_not_there_is_404_and_nonsense_is_422(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/api/recordings/none")).status_code == 404
    assert (await http.get("/api/recordings?limit=0")).status_code == 422


async def test_no_page_loads_anything_from_elsewhere(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/docs")).status_code == 404
    assert (await http.get("/redoc")).status_code == 404
    assert (await http.get("/api/openapi.json")).json()["info"]["title"] == "siprecord"


async def test_signals_stay_ours(http: httpx2.AsyncClient) -> None:
    await http.get("/health/live")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_a_taken_port_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"HTTP port {port} on 127\.0\.0\.1 is taken .* set http\.port"
        ):
            await HttpServer(sources(), "127.0.0.1", port).start()


async def test_an_impossible_host_is_told_in_words() -> None:
    with pytest.raises(ConfigError, match=r"set http\.host"):
        await HttpServer(sources(), "192.0.2.1", 0).start()


async def test_closing_before_the_libraries_are_loaded_is_fine() -> None:
    server = HttpServer(sources(), "127.0.0.1", 0)
    await server.start()
    await server.close()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", server.port)
