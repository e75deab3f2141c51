"""Datagrams that nobody takes: which destinations told the kernel so, by ICMP, since we last asked.

An unconnected UDP socket hears of it only when it asks for it (`IP_RECVERR`, Linux). Then an error that came
is handed to whatever is done next on the socket, sending included, so a datagram that was to go elsewhere can
be lost by it: `Refusals.send` sends it again.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable

_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR of linux/in.h and linux/in6.h."""
_ERROR = struct.Struct("=IBBB")
"""The beginning of struct sock_extended_err: errno, origin, type, code."""
_UNREACHABLE = {(2, 3, 0), (2, 3, 1), (2, 3, 2), (2, 3, 3), (3, 1, 0), (3, 1, 3), (3, 1, 4)}
"""ICMP: network, host, protocol and port; ICMPv6: no route, address and port (RFC 3261 section 18.4)."""
_LOCAL = 1
"""The origin of errors of our own, such as a datagram that is too long."""
MAX_AT_ONCE = 64
"""Ours: errors taken from the socket's queue at a time; the kernel bounds how many there are."""
MAX_ATTEMPTS = 4

Address = tuple[str, int]


class Refusals:
    """What the kernel knows of datagrams that left by a socket. Without effect where it can't tell."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._failures = 0
        option = _RECVERR.get(sock.family) if sys.platform == "linux" else None
        if option is not None:
            sock.setsockopt(*option, 1)
            self.take()  # what an earlier life left would wake the loop for ever

    def send(self, send: Callable[[], object]) -> None:
        """Send by `send`, and again where an earlier datagram's error took this one's place."""
        for _ in range(MAX_ATTEMPTS):
            failures = self._failures
            send()
            if self._failures == failures:
                return

    def take(self) -> list[Address]:
        """To be called from `error_received`: the destinations that can't be reached."""
        found: list[Address] = []
        for _ in range(MAX_AT_ONCE):
            try:
                _, ancillary, _, address = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:  # nothing is left, or the socket is closed
                break
            for kind in (
                _ERROR.unpack_from(data)[1:] for _, _, data in ancillary if len(data) >= _ERROR.size
            ):
                self._failures += kind[0] != _LOCAL
                if kind in _UNREACHABLE:
                    found.append((str(address[0]).partition("%")[0], int(address[1])))
        return found
