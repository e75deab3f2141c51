"""The HTTP API; imports FastAPI, so load it when it is needed and not before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import FastAPI, Path, Query
from fastapi.responses import Response

from siprecord.control.access import Guard
from siprecord.control.ports import Row, Sources
from siprecord.control.steering import add_steering
from siprecord.syntax.text import to_json

METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
UNAVAILABLE = 503

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
RecordingId = Annotated[str, Path(max_length=200)]


def build_api(sources: Sources) -> FastAPI:
    """The application for an ASGI server. It describes itself at `/api/openapi.json`."""
    api = FastAPI(
        title="siprecord",
        version=sources.version,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    _add_health(api, sources)
    _add_reading(api, sources)
    if sources.steering is not None:
        add_steering(api, sources.steering)
    if sources.token:
        api.add_middleware(Guard, token=sources.token)
    return api


def _add_health(api: FastAPI, sources: Sources) -> None:
    @api.get("/health/live")
    async def live() -> Response:
        """Whether this process is well; 503 asks for a restart."""
        return _health(sources.health.live_reasons())

    @api.get("/health/ready")
    async def ready() -> Response:
        """Whether new calls are taken; 503 tells why not."""
        return _health(sources.health.ready_reasons(), sources.health.warnings())

    @api.get("/metrics")
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(sources.metrics(), media_type=METRICS_TYPE)


def _add_reading(api: FastAPI, sources: Sources) -> None:
    @api.get("/api/status")
    async def status() -> Response:
        """The running server."""
        return _json(sources.status())

    @api.get("/api/calls")
    async def calls() -> Response:
        """Calls that are being recorded."""
        return _json({"calls": sources.calls()})

    @api.get("/api/connections")
    async def connections() -> Response:
        """TCP and TLS connections of SIP."""
        return _json({"connections": sources.connections()})

    @api.get("/api/cluster")
    async def cluster() -> Response:
        """This node among others."""
        found = sources.cluster()
        if found is None:
            return _json({"error": "there is no cluster: cluster.servers is not set"}, 404)
        return _json(found)

    @api.get("/api/recordings")
    def recordings(limit: Limit = DEFAULT_LIMIT) -> Response:
        """Finished recordings, the newest first."""
        return _json({"recordings": sources.recordings.list(limit)})

    @api.get("/api/recordings/{recording_id}")
    def recording(recording_id: RecordingId) -> Response:
        """One recording with its metadata."""
        found = sources.recordings.get(recording_id)
        if found is None:
            return _json({"error": f"there is no recording {recording_id}"}, 404)
        return _json(found)


def _health(reasons: Sequence[Row], warnings: Sequence[Row] = ()) -> Response:
    body = {"ok": not reasons, "reasons": reasons, "warnings": warnings}
    return _json(body, UNAVAILABLE if reasons else 200)


def _json(value: object, status: int = 200) -> Response:
    body = to_json(value)
    return Response(
        body, status_code=status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
