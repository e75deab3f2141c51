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
    import json
    import urllib.error
    import urllib.request

    from siprecord.errors import SiprecordError

    address = f"{base.rstrip('/')}/api/{page}"
    if not address.startswith(("http://", "https://")):
        raise SiprecordError(f"{base} is not an HTTP address")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        text = f"no siprecord answers at {base} ({reason}); is `siprecord serve` running there?"
        raise SiprecordError(text) from None
    if not isinstance(answer, dict):
        raise SiprecordError(f"{base} is not a siprecord server")
    return answer
