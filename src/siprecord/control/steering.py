"""What people may do to running calls over HTTP: pause, resume, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Protocol

import msgspec
from fastapi import FastAPI, Path, Request
from fastapi.responses import Response

MAX_BODY = 4096
MAX_SECONDS = 86_400.0

CallId = Annotated[str, Path(max_length=200)]


class CallSteering(Protocol):
    """Acts on a call by its recording id; False when there is no such call. Called on the loop."""

    def pause(self, recording_id: str, seconds: float | None = None) -> bool:
        """Store nothing until it is resumed, or for so many seconds."""

    def resume(self, recording_id: str) -> bool:
        """Store again."""

    def stop_call(self, recording_id: str, reason: str = "Stopped by an operator.") -> bool:
        """Hang up and finish the recording."""


class Orders(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request; all of it may be missing."""

    seconds: float | None = None
    reason: str | None = None


def add_steering(api: FastAPI, steering: CallSteering) -> None:
    """The routes. A body must be JSON and say so: no web page of a stranger can send that to us unasked."""

    @api.post("/api/calls/{recording_id}/pause")
    async def pause(recording_id: CallId, request: Request) -> Response:
        """Store nothing from now on; `seconds` ends it by itself."""
        return await _act(recording_id, request, lambda orders: steering.pause(recording_id, orders.seconds))

    @api.post("/api/calls/{recording_id}/resume")
    async def resume(recording_id: CallId, request: Request) -> Response:
        """Store again."""
        return await _act(recording_id, request, lambda _: steering.resume(recording_id))

    @api.post("/api/calls/{recording_id}/stop")
    async def stop(recording_id: CallId, request: Request) -> Response:
        """Hang up; `reason` is told to the client and kept."""
        return await _act(recording_id, request, lambda orders: _stop(steering, recording_id, orders.reason))


def _stop(steering: CallSteering, recording_id: str, reason: str | None) -> bool:
    safe = "".join(char for char in reason or "" if char.isprintable() and char not in '"\\')[:120].strip()
    return steering.stop_call(recording_id, safe) if safe else steering.stop_call(recording_id)


async def _act(recording_id: str, request: Request, act: Callable[[Orders], bool]) -> Response:
    orders = await _orders(request)
    if isinstance(orders, Response):
        return orders
    if not act(orders):
        return _json({"error": f"there is no call {recording_id}"}, 404)
    return _json({"ok": True}, 200)


async def _orders(request: Request) -> Orders | Response:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _json({"error": "send application/json, such as {}"}, 415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return _json({"error": "the body is too large"}, 413)
    try:
        orders = msgspec.json.decode(body or b"{}", type=Orders)
    except msgspec.MsgspecError as error:
        return _json({"error": f"the body can't be read: {error}"}, 400)
    if orders.seconds is not None and not 0 < orders.seconds <= MAX_SECONDS:
        return _json({"error": f"seconds must be above 0 and at most {MAX_SECONDS:g}"}, 400)
    return orders


def _json(value: dict[str, Any], status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
