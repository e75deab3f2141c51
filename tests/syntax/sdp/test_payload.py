"""Payload types."""

from __future__ import annotations

import pytest

from siprecord.syntax.sdp.payload import RtpMap, payload_number, read_rtpmap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 PCMU/8000", (0, RtpMap("PCMU", 8000))),
        ("0 PCMU", (0, RtpMap("PCMU", 8000))),
        ("111 opus/48000/2", (111, RtpMap("opus", 48000, 2))),
        ("  97  G7221 / 16000 ", (97, RtpMap("G7221", 16000))),
        ("97 X", (97, RtpMap("X", 8000))),
        ("128 X/8000", None),
        ("97 X/0", None),
        ("97", None),
        ("", None),
        ("x y/8000", None),
    ],
)
def test_SDP_07_rtpmap(text: str, expected: tuple[int, RtpMap] | None) -> None:
    assert read_rtpmap(text) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("127", 127), ("128", None), ("t38", None), ("٣", None), ("", None), ("0000", None)],
)
def test_SDP_06_payload_numbers(text: str, number: int | None) -> None:
    assert payload_number(text) == number
