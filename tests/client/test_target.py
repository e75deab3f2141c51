from __future__ import annotations

import pytest

from siprecord.client.report import CallError
from siprecord.client.target import Target, local_host_towards, read_target, resolve


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sip:srs@10.0.0.1", Target("sip:srs@10.0.0.1", "10.0.0.1", 5060, "udp", False)),
        ("10.0.0.1:5080", Target("sip:10.0.0.1:5080", "10.0.0.1", 5080, "udp", False)),
        ("localhost", Target("sip:localhost", "localhost", 5060, "udp", False)),
        ("sip:h;transport=TCP", Target("sip:h;transport=TCP", "h", 5060, "tcp", True)),
        ("sip:h;transport=tls", Target("sip:h;transport=tls", "h", 5061, "tls", True)),
        ("sips:h", Target("sips:h", "h", 5061, "tls", False)),
        ("sip:[::1]:5090", Target("sip:[::1]:5090", "::1", 5090, "udp", False)),
    ],
)
def test_a_uri_says_where_to_call(text: str, target: Target) -> None:
    assert read_target(text) == target


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sip:", "is not a SIP URI"),
        ("sip:a b", "is not a SIP URI"),
        ("sip:h;transport=ws", "ws is not known"),
    ],
)
def test_what_is_no_target_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CallError, match=reason):
        read_target(text)


async def test_addresses_are_resolved() -> None:
    assert await resolve(read_target("127.0.0.1:5070")) == ("127.0.0.1", 5070)
    with pytest.raises(CallError, match=r"the name nowhere\.invalid is not known"):
        await resolve(read_target("sip:nowhere.invalid"))


def test_our_own_address_depends_on_the_peer() -> None:
    assert local_host_towards(("127.0.0.1", 5060)) == "127.0.0.1"
