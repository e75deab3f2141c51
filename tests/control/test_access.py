"""With a token nobody gets in without it, on any page but those of health and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from siprecord.control.api import build_api
from tests.control.test_http import sources
from tests.control.test_steering import FakeCalls

TOKEN = "correct-horse-battery-staple"
PAGES = ("/api/status", "/api/calls", "/api/connections", "/api/recordings", "/api/openapi.json", "/", "/x")


@pytest.fixture
def calls() -> FakeCalls:
    return FakeCalls()


@pytest.fixture
async def http(calls: FakeCalls) -> AsyncIterator[httpx2.AsyncClient]:
    api = build_api(replace(sources(), steering=calls, token=TOKEN))
    async with httpx2.AsyncClient(base_url="http://test", transport=httpx2.ASGITransport(app=api)) as client:
        yield client


@pytest.mark.parametrize("page", PAGES)
async def test_no_page_without_the_token(http: httpx2.AsyncClient, page: str) -> None:
    answer = await http.get(page)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="siprecord"'
    assert "token" in answer.json()["error"]


@pytest.mark.parametrize("page", ["/health/live", "/health/ready", "/metrics"])
async def test_health_and_metrics_are_open(http: httpx2.AsyncClient, page: str) -> None:
    assert (await http.get(page)).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
    ],
)
async def test_nothing_is_done_without_the_right_one(
    http: httpx2.AsyncClient, calls: FakeCalls, shown: str
) -> None:
    answer = await http.post("/api/calls/r1/stop", json={}, headers={"Authorization": shown})
    assert answer.status_code == 401
    assert calls.done == []


async def test_two_headers_are_no_token(http: httpx2.AsyncClient, calls: FakeCalls) -> None:
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
    assert (await http.post("/api/calls/r1/stop", json={}, headers=headers)).status_code == 401
    assert calls.done == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens(http: httpx2.AsyncClient, calls: FakeCalls, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}
    assert (await http.get("/api/calls", headers=headers)).status_code == 200
    assert (await http.post("/api/calls/r1/pause", json={}, headers=headers)).status_code == 200
    assert calls.done == [("pause", "r1", None)]


def test_the_token_is_not_shown_by_accident() -> None:
    assert TOKEN not in repr(replace(sources(), token=TOKEN))
