"""A tiny HTTP server with answers that a test gives it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

Reply = Callable[[str, Any], tuple[int, object]]
"""Status and document for a path and the document that was posted there; None for a GET."""


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """The URL of a server that answers by `reply`, on a thread of its own."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, posted: Any) -> None:
            status, document = reply(self.path, posted)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The tests stay quiet."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def answering(path: str, document: dict[str, Any]) -> Iterator[str]:
    """The URL of a server that knows `document` at `path`, as it is when asked, and nothing else."""
    with serving(lambda asked, _: (200, document) if asked == path else (404, {})) as url:
        yield url
