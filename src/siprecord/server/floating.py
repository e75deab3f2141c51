"""Sockets on addresses that move between machines."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection, Iterable

from siprecord.transport import FREEBIND


def bind_pair(
    addresses: Iterable[str], floating: Collection[str], rtp: int, rtcp: int
) -> tuple[socket.socket, socket.socket] | None:
    """Sockets for RTP and RTCP on the first of these addresses where both ports are free; None: on none."""
    for address in addresses:
        with contextlib.ExitStack() as stack:
            try:
                pair = tuple(
                    stack.enter_context(_bind(address, port, freely=address in floating))
                    for port in (rtp, rtcp)
                )
            except OSError:
                continue
            stack.pop_all()
            return pair[0], pair[1]
    return None


def is_here(address: str) -> bool:
    """Whether this machine has the address."""
    try:
        with _bind(address, 0, freely=False):
            return True
    except OSError:
        return False


def _bind(address: str, port: int, *, freely: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if freely:
            sock.setsockopt(*FREEBIND[family], 1)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock
