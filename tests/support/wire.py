"""A wire between two machines (network namespaces) that loses, repeats, delays and reorders packets.

Not `tc netem`, which many kernels lack and which can't say what it lost: this one keeps an account.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import select
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.support.netns import SECONDS, Network

TUN = Path("/dev/net/tun")
NEAR, FAR = "10.98.0.1", "10.98.0.2"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_LARGEST = 2048


@dataclass(frozen=True)
class Weather:
    """What becomes of a packet: chances from 0 to 1, and by how many seconds it is late at most."""

    loss: float = 0.0
    twice: float = 0.0
    late: float = 0.0


@dataclass
class Wire:
    """Between the machines `near` and `far` of a network; `weather` may be changed at any time.

    `keep` says of which packets (IP) the account is: all that are handed to `far` are in `arrived`, in order.
    """

    network: Network
    chance: Random
    keep: Callable[[bytes], bool]
    weather: Weather = field(default_factory=Weather)
    sent: list[bytes] = field(default_factory=list)
    arrived: list[bytes] = field(default_factory=list)

    def start(self) -> Wire:
        self._near = self._end("near", NEAR, FAR)
        self._far = self._end("far", FAR, NEAR)
        self._woken, self._waker = os.pipe()
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        os.close(self._waker)
        self._thread.join()
        for fd in (self._near, self._far, self._woken):
            os.close(fd)

    def link(self, machine: str, *, up: bool) -> None:
        """Cut the link at that machine, or put it up again."""
        self._command(machine, f"ip link set dev wire0 {'up' if up else 'down'}")

    def _end(self, machine: str, own: str, other: str) -> int:
        self.network.add(machine)
        fd = self.network.within(machine, _tun)
        self._command(machine, f"ip addr add {own} peer {other} dev wire0")
        self._command(machine, "ip link set wire0 up")
        return fd

    def _command(self, machine: str, command: str) -> None:
        inside = self.network.inside(machine, command.split())
        subprocess.run(inside, check=True, capture_output=True, timeout=SECONDS)

    def _run(self) -> None:
        others = {self._near: self._far, self._far: self._near}
        while True:
            due = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            readable, _, _ = select.select([*others, self._woken], [], [], due)
            if self._woken in readable:
                return
            for fd in readable:
                with contextlib.suppress(OSError):  # the link is down
                    self._take(fd, others[fd], os.read(fd, _LARGEST))
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                _, _, fd, packet = heapq.heappop(self._waiting)
                self._hand_over(fd, packet)

    def _take(self, fd: int, other: int, packet: bytes) -> None:
        weather, chance = self.weather, self.chance
        if fd == self._near and self.keep(packet):
            self.sent.append(packet)
        if chance.random() < weather.loss:
            return
        for _ in range(1 + (chance.random() < weather.twice)):
            at = time.monotonic() + chance.random() * weather.late
            heapq.heappush(self._waiting, (at, chance.getrandbits(60), other, packet))

    def _hand_over(self, fd: int, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # the link is down: it is lost
            os.write(fd, packet)
            if fd == self._far and self.keep(packet):
                self.arrived.append(packet)


def _tun() -> int:
    """A device for IP packets on the machine that the thread is on."""
    fd = os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", b"wire0", _IFF_TUN | _IFF_NO_PI))
    return fd


def unavailable() -> str:
    """Why there can be no such wire here; "" when there can."""
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{TUN}: {error.strerror}"
    return ""
