"""Pause, resume and stop over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from siprecord.control.api import build_api
from siprecord.control.steering import CallSteering
from tests.control.test_http import sources


class FakeCalls:
    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def pause(self, recording_id: str, seconds: float | None = None) -> bool:
        return self._do("pause", recording_id, seconds)

    def resume(self, recording_id: str) -> bool:
        return self._do("resume", recording_id)

    def stop_call(self, recording_id: str, reason: str = "by default") -> bool:
        return self._do("stop", recording_id, reason)

    def _do(self, *what: object) -> bool:
        self.done.append(what)
        return what[1] == "r1"


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
async def http(calls: FakeCalls) -> AsyncIterator[httpx2.AsyncClient]:
    steering: CallSteering = calls
    transport = httpx2.ASGITransport(app=build_api(replace(sources(), steering=steering)))
    async with httpx2.AsyncClient(base_url="http://test", transport=transport) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "orders", "done"),
    [
        ("pause", {}, ("pause", "r1", None)),
        ("pause", {"seconds": 30}, ("pause", "r1", 30.0)),
        ("resume", {}, ("resume", "r1")),
        ("stop", {}, ("stop", "r1", "by default")),
        ("stop", {"reason": 'a "b"\r\nVia: x'}, ("stop", "r1", "a bVia: x")),
    ],
)
async def test_orders_are_carried_out(
    http: httpx2.AsyncClient, calls: FakeCalls, path: str, orders: dict[str, object], done: tuple[object, ...]
) -> None:
    answer = await http.post(f"/api/calls/r1/{path}", json=orders)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert calls.done == [done]


async def test_an_unknown_call_is_404(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/calls/other/pause", json={})
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no call other"})


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b'{"seconds": -1}', "application/json", 400),
        (b'{"seconds": "soon"}', "application/json", 400),
        (b'{"other": 1}', "application/json", 400),
        (b"x" * 5000, "application/json", 413),
    ],
)
async def test_what_is_no_order_does_nothing(
    http: httpx2.AsyncClient, calls: FakeCalls, content: bytes, kind: str, status: int
) -> None:
    answer = await http.post("/api/calls/r1/pause", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert calls.done == []


async def test_without_steering_calls_can_only_be_looked_at() -> None:
    transport = httpx2.ASGITransport(app=build_api(sources()))
    async with httpx2.AsyncClient(base_url="http://test", transport=transport) as client:
        assert (await client.post("/api/calls/r1/pause", json={})).status_code == 404
