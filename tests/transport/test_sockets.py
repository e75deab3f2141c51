from __future__ import annotations

import socket

import pytest

from siprecord.errors import ConfigError
from siprecord.transport.sockets import address_of, bind, bind_failure, source_towards
from tests.support.ports import HAS_IPV6


@pytest.mark.parametrize(
    ("kind", "proto", "setting"),
    [("udp", "udp", "sip.port"), ("tcp", "tcp", "sip.port"), ("tls", "tcp", "sip.tls_port")],
)
async def test_a_taken_port_is_told_in_words(kind: str, proto: str, setting: str) -> None:
    first = await bind(kind, "127.0.0.1", 0)
    with first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            await bind(kind, "127.0.0.1", port)
    assert str(caught.value) == (
        f"port {port}/{proto} on 127.0.0.1 is taken by another program; stop it or set {setting}"
    )


async def test_addresses_that_are_not_ours_and_names_that_are_none() -> None:
    with pytest.raises(ConfigError, match=r"this machine has no such address; set sip\.host"):
        await bind("udp", "192.0.2.1", 0)
    with pytest.raises(ConfigError, match="neither an address nor a name"):
        await bind("udp", "no such host.invalid", 0)


def test_other_failures() -> None:
    assert "privilege" in bind_failure("udp", "0.0.0.0", 80, PermissionError(13, "Permission denied"))
    assert "Too many open files" in bind_failure("tcp", "::", 5060, OSError(24, "Too many open files"))


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this machine")
async def test_ipv6_stays_ipv6() -> None:
    with await bind("tcp", "::1", 0) as sock:
        assert sock.family == socket.AF_INET6
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
        assert address_of(sock.getsockname())[0] == "::1"


def test_addresses() -> None:
    assert address_of(("fe80::1%eth0", 5, 0, 2)) == ("fe80::1", 5)
    assert address_of(None) == ("", 0)


def test_our_address_as_a_peer_sees_it() -> None:
    assert source_towards("127.0.0.1") == "127.0.0.1"
    assert source_towards("::1") == ("::1" if HAS_IPV6 else "")
    assert source_towards("not an address") == ""
