"""Asks the running server over its HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from siprecord.cli.options import load

TIMEOUT = 5.0

Url = Annotated[str | None, typer.Option(help="Where the server's HTTP is, if not as configured.")]


def configured(config: Path | None) -> str:
    """Where the configuration says the server's HTTP is."""
    http = load(config).http
    host = "127.0.0.1" if http.host in ("0.0.0.0", "::") else http.host
    return f"http://[{host}]:{http.port}" if ":" in host else f"http://{host}:{http.port}"


def ask(base: str, page: str) -> dict[str, Any]:
    """The JSON object at `/api/PAGE`; raises SiprecordError when nobody answers, or not as we do."""
    return _exchange(base, page, None)


def order(base: str, page: str, orders: dict[str, Any]) -> dict[str, Any]:
    """Post a JSON object to `/api/PAGE`; raises SiprecordError, with the server's words when it refuses."""
    import json

    return _exchange(base, page, json.dumps(orders).encode())


def _exchange(base: str, page: str, body: bytes | None) -> dict[str, Any]:
    import json
    import urllib.error
    import urllib.request

    from siprecord.errors import SiprecordError

    address = f"{base.rstrip('/')}/api/{page}"
    if not address.startswith(("http://", "https://")):
        raise SiprecordError(f"{base} is not an HTTP address")
    headers = {"Content-Type": "application/json"} if body is not None else {}
    request = urllib.request.Request(address, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
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


def _refused(body: bytes, reason: str, base: str) -> str:
    """The server's own words, if it is one of ours."""
    import json

    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return f"no siprecord answers at {base} ({reason}); is `siprecord serve` running there?"
