from __future__ import annotations

import pytest

from siprecord.recording.addresses import address_key, is_multicast


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("224.0.0.1", True),
        ("ff02::1", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("all-hosts.example.com", False),
        ("", False),
        ("2" * 5000, False),
    ],
)
def test_multicast_is_an_address_and_no_name(host: str, expected: bool) -> None:
    assert is_multicast(host) is expected


def test_an_address_means_the_same_however_often_and_however_long() -> None:
    long_aor = "sip:" + "A" * 5000 + "@Example.com"
    assert address_key(long_aor) == address_key(long_aor) == "a" * 5000 + "@example.com"
    assert address_key("sip:+49 30 1@a.example;noa=4") == address_key("tel:+49301") == "49301"
