"""Who may use the HTTP API: whoever shows the token, where there is one (RFC 6750)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/health/live", "/health/ready", "/metrics")
"""Pages that tell nothing of calls; who watches over many machines asks for them."""
REFUSAL = b'{"error":"this needs the token of http.token or http.token_file"}'


class Guard:
    """Lets a request through when it shows the token or asks for an open page; all else gets 401."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._wanted = sha256(token.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI wants it."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._shows_token(scope):
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"www-authenticate", b'Bearer realm="siprecord"'),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(REFUSAL)).encode()),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": REFUSAL})

    def _shows_token(self, scope: Scope) -> bool:
        """Compares digests, so that the time taken tells nothing of the token or its length."""
        shown = [value for name, value in scope["headers"] if name == b"authorization"]
        scheme, _, token = (shown[0] if len(shown) == 1 else b"").partition(b" ")
        same = compare_digest(sha256(token.strip()).digest(), self._wanted)
        return scheme.lower() == b"bearer" and same
