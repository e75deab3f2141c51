"""Speech with keys pressed in between (RFC 4733), sent by hand so that each octet is known."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field

from tests.support.voices import FRAME, Voice

HOST = "127.0.0.1"
KEYS = "0123456789*#ABCD"
VOLUME = 0x0D
TICKS = 1234
"""A duration that no other packet has, so that a search for the event finds nothing else."""


def event(key: str, *, last: bool = False) -> bytes:
    """The payload that tells of a key."""
    return struct.pack(">BBH", KEYS.index(key), VOLUME | (0x80 if last else 0), TICKS)


def masked_event(*, last: bool = False) -> bytes:
    """What is to stand in the log instead."""
    return b"\xff" + event("0", last=last)[1:]


@dataclass
class Keypad:
    """One stream to one port of the server."""

    port: int
    payload_type: int = 101
    sequence: int = 500
    timestamp: int = 16_000
    ssrc: int = 0x0D1617
    link: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    packets: int = 0

    def speak(self, voice: Voice) -> None:
        """A voice, as fast as it goes."""
        for at in range(0, len(voice.codes), FRAME):
            self._send(0, self.timestamp, voice.codes[at : at + FRAME])
            self.timestamp += FRAME

    def press(self, keys: str) -> None:
        """Each key in five packets, the last of which says that it is over three times."""
        for key in keys:
            for number in range(5):
                self._send(self.payload_type, self.timestamp, event(key, last=number > 1))
            self.timestamp += 2000

    def close(self) -> None:
        self.link.close()

    def _send(self, payload_type: int, timestamp: int, payload: bytes) -> None:
        head = struct.pack(">BBHII", 0x80, payload_type, self.sequence & 0xFFFF, timestamp, self.ssrc)
        self.link.sendto(head + payload, (HOST, self.port))
        self.sequence += 1
        self.packets += 1
        time.sleep(0.001)
