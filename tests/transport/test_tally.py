from __future__ import annotations

import pytest

from siprecord.transport.tally import Tally


@pytest.mark.parametrize(
    ("message", "method"),
    [
        (b"INVITE sip:a@b SIP/2.0\r\n", "INVITE"),
        (b"\r\n\r\nBYE sip:a@b SIP/2.0\r\n", "BYE"),
        (b"invite sip:a@b SIP/2.0\r\n", "other"),
        (b"X" * 5000, "other"),
        (b"", "other"),
    ],
)
def test_requests_are_counted_by_method(message: bytes, method: str) -> None:
    tally = Tally()
    tally.add(message, "udp")
    tally.add(message, "udp")
    assert (tally.requests, tally.responses) == ({method: 2}, {})


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"SIP/2.0 200 OK\r\n", "200"),
        (b"SIP/2.0 999 X\r\n", "other"),
        (b"SIP/2.0 \xb2\xb2\xb2", "other"),
        (b"SIP/2.0 ", "other"),
    ],
)
def test_responses_are_counted_by_status(message: bytes, status: str) -> None:
    tally = Tally()
    tally.add(message, "udp")
    assert (tally.requests, tally.responses) == ({}, {status: 1})
