"""Ports that nobody uses, and that no other run of the tests on this machine takes in the meantime."""

from __future__ import annotations

import random
import socket
from functools import cache
from itertools import cycle

FIRST, LAST = 10_000, 19_999
"""Below what the kernel hands out by itself, and beside the media ports of the servers under test."""
MEDIA = 1_000
"""Media ports of one process of tests: enough for 225 calls of two streams at a time."""
MEDIA_STARTS = (*range(20_000, 32_000, MEDIA), *range(61_000, 65_000, MEDIA))
_turns = cycle(range(0, 100, 20))

HAS_IPV6 = socket.has_ipv6
with socket.socket(socket.AF_INET6 if HAS_IPV6 else socket.AF_INET) as _probe:
    try:
        _probe.bind(("::1" if HAS_IPV6 else "127.0.0.1", 0))
    except OSError:
        HAS_IPV6 = False


def free_port() -> int:
    """A port for UDP and TCP."""
    return free_range(1)[0]


def free_range(count: int) -> tuple[int, int]:
    """So many ports in a row, the first of them even: the lowest and the highest."""
    starts = range(FIRST, LAST - count, 2)
    for first in random.SystemRandom().sample(starts, len(starts)):
        if all(_is_free(port) and _reserve(port) for port in range(first, first + count)):
            return first, first + count - 1
    raise AssertionError("no free range of ports")


@cache
def media_range() -> tuple[int, int]:
    """The media ports of all servers that this process starts: the lowest and the highest.

    SIPp sends a second stream to the port two above the first one's, whosever that is; and a node of a
    cluster takes over the ports of another. So no other process of tests may have servers on them.
    """
    starts = random.SystemRandom().sample(MEDIA_STARTS, len(MEDIA_STARTS))
    first = next((start for start in starts if _reserve(start)), starts[0])
    return first, first + MEDIA - 2


def media_ports() -> tuple[int, int]:
    """Those of the next server. What is still on its way to the one before does not meet it at once."""
    first, last = media_range()
    return first + next(_turns), last


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _reserve(port: int) -> bool:
    """For as long as this process lives, by a name that only one process can have."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0siprecord-tests-port-{port}")
    except OSError:
        name.close()
        return False
    name.detach()
    return True
