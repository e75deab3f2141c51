"""A load test must not hit strangers by a slip of the finger."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from siprecord.client.report import CallError


def is_ours(host: str) -> bool:
    """Whether an IP address is loopback or one of this machine: whether one can listen on it."""
    if ip_address(host.partition("%")[0]).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return not ip_address(host).is_unspecified and not ip_address(host).is_multicast


def refuse_strangers(host: str) -> None:
    """Raise `CallError` unless the address is our own."""
    if not is_ours(host):
        raise CallError(
            f"{host} is not this machine. A load test is an attack on whoever did not ask for it: "
            "give --i-own-this-target if it is yours to load"
        )
