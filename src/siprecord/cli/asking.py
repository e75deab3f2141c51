"""Asks the running server over its HTTP API."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siprecord.cli.options import load

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

TIMEOUT = 5.0
TOKENS = frozenset({"SIPRECORD_HTTP__TOKEN", "SIPRECORD_HTTP__TOKEN_FILE"})

Url = Annotated[str | None, typer.Option(help="Where the server's HTTP is, if not as configured.")]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server as it is asked: where its HTTP is, and the token that it wants to see."""

    base: str
    token: str = field(default="", repr=False)


def server_at(url: str | None, config: Path | None) -> Server:
    """The server at `url`, else where the configuration says; the token is the configured one in any case."""
    if url and config is None and TOKENS.isdisjoint(os.environ):
        # Nothing to read, and reading it takes a second on a busy machine.
        return Server(url)
    from siprecord.server.http_config import http_token

    http = load(config).http
    if url:
        return Server(url, http_token(http))
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host
    base = f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"
    return Server(base, http_token(http))


def ask(server: Server, page: str) -> dict[str, Any]:
    """The JSON object at `/api/PAGE`; raises SiprecordError when nobody answers, or not as we do."""
    return _exchange(server, page, None)


def order(server: Server, page: str, orders: dict[str, Any]) -> dict[str, Any]:
    """Post a JSON object to `/api/PAGE`; raises SiprecordError, with the server's words when it refuses."""
    import json

    return _exchange(server, page, json.dumps(orders).encode())


def _exchange(server: Server, page: str, body: bytes | None) -> dict[str, Any]:
    import json
    import urllib.error
    import urllib.request

    from siprecord.errors import SiprecordError

    base = server.base
    address = f"{base.rstrip('/')}/api/{page}"
    if not address.startswith(("http://", "https://")):
        raise SiprecordError(f"{base} is not an HTTP address")
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if server.token:
        headers["Authorization"] = f"Bearer {server.token}"
    request = urllib.request.Request(address, data=body, headers=headers)
    try:
        with _opener().open(request, timeout=TIMEOUT) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise SiprecordError(_refused(error.read(), error.reason, base)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        text = f"no siprecord answers at {base} ({reason}); is `siprecord serve` running there?"
        raise SiprecordError(text) from None
    if not isinstance(answer, dict):
        raise SiprecordError(f"{base} is not a siprecord server")
    return answer


def _opener() -> OpenerDirector:
    """Follows nobody elsewhere: the token is for this server alone."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *about: Any) -> None:
            return None

    return build_opener(Stay)


def _refused(body: bytes, reason: str, base: str) -> str:
    """The server's own words, if it is one of ours."""
    import json

    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"no siprecord answers at {base} ({reason}); is `siprecord serve` running there?"
