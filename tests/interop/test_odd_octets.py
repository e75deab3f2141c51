"""A client whose headers are no UTF-8 is recorded as any other, and costs nobody else their list of calls."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.server import RunningServer

SETTINGS = {"SIPRECORD_RENDER__ENABLED": "false", "SIPRECORD_RECORDING__LINGER_MS": "0"}


def _ask(sock: socket.socket, method: str, number: int, tag: str = "") -> bytes:
    body = messages.multipart(messages.sdp()) if method == "INVITE" else ""
    message = messages.request(method, "odd", number=number, to_tag=tag, body=body)
    sock.send(message.replace(b"<sip:src@example.com>", b"<sip:src\xff\xfe@example.com>"))
    answer = b""
    while method != "ACK" and not answer.startswith(b"SIP/2.0 2"):
        answer = sock.recv(65536)
        assert answer.startswith((b"SIP/2.0 1", b"SIP/2.0 2")), answer
    return answer


def test_octets_that_are_no_utf8_in_from_cost_nothing(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, SETTINGS).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.sip_port))
        sock.settimeout(PATIENCE)
        answer = _ask(sock, "INVITE", 1)
        assert b"<sip:src\xff\xfe@example.com>" in answer, "the peer gets its own octets back"
        tag = re.search(rb"\r\nTo: [^\r]*;tag=([0-9a-f]+)", answer)
        assert tag is not None
        (call,) = server.get("/api/calls")["calls"]
        assert call["from_uri"] == "sip:src??@example.com"
        _ask(sock, "ACK", 1, tag[1].decode())
        _ask(sock, "BYE", 2, tag[1].decode())
    assert server.stop() == 0
    assert "could not be handled" not in server.log.read_text()
    (capture,) = tmp_path.rglob("capture.pcapng")
    assert b'"outcome":"complete"' in capture.read_bytes()
