"""Debian's rtpengine as a foreign media proxy: it takes plain RTP and sends it on as SRTP."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.support.patience import PATIENCE
from tests.support.ports import free_port, free_range

Value: TypeAlias = "str | Sequence[Value] | Mapping[str, Value]"

ATTEMPT_SECONDS = 0.5
"""A request over UDP is sent again after this long; the same cookie gets the same answer."""


def encode(value: Value) -> bytes:
    """Bencoding, in which rtpengine's control protocol is written."""
    if isinstance(value, str):
        return b"%d:%b" % (len(value.encode()), value.encode())
    if isinstance(value, Mapping):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    return b"l" + b"".join(map(encode, value)) + b"e"


def texts(data: bytes) -> dict[str, str]:
    """The texts that a dictionary holds directly, by their names."""
    values = iter(_values(data, [1]))
    return {str(key): value for key, value in zip(values, values, strict=True) if isinstance(value, str)}


def _values(data: bytes, at: list[int]) -> Iterator[object]:
    """What a list or a dictionary holds; `at` says where it is read, and moves on."""
    while (first := data[at[0] : at[0] + 1]) != b"e":
        if first in b"ld":
            at[0] += 1
            yield list(_values(data, at))
        elif first == b"i":
            end = data.index(b"e", at[0])
            yield int(data[at[0] + 1 : end])
            at[0] = end + 1
        else:
            colon = data.index(b":", at[0])
            at[0] = colon + 1 + int(data[at[0] : colon])
            yield data[colon + 1 : at[0]].decode()
    at[0] += 1


@dataclass
class RtpEngine:
    """One process with its control port."""

    directory: Path
    control_port: int = field(default_factory=free_port)
    _cookies: Iterator[int] = field(default_factory=lambda: itertools.count(os.getpid() * 1000))

    @property
    def log(self) -> Path:
        return self.directory / "rtpengine.log"

    def command(self) -> list[str]:
        low, high = free_range(8)
        own = f"--listen-ng=127.0.0.1:{self.control_port}", f"--port-min={low}", f"--port-max={high}"
        modest = "--num-threads=1", "--media-num-threads=0", "--table=-1", "--log-level=6"
        here = "--foreground", "--log-stderr", "--config-file=none", "--interface=127.0.0.1"
        return ["rtpengine", *here, *modest, *own]

    def ask(self, command: str, **words: Value) -> dict[str, str]:
        """One request; names with `_` go out with `-`. Raises AssertionError when it is refused."""
        request = {name.replace("_", "-"): value for name, value in words.items()}
        cookie = b"%d " % next(self._cookies)
        end = time.monotonic() + PATIENCE
        with socket.socket(type=socket.SOCK_DGRAM) as link:
            link.connect(("127.0.0.1", self.control_port))
            link.settimeout(ATTEMPT_SECONDS)
            while time.monotonic() < end:
                try:
                    link.send(cookie + encode({"command": command, **request}))
                    answer = texts(link.recv(65535).removeprefix(cookie))
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.02)  # it is not there yet
                else:
                    assert answer["result"] in ("ok", "pong"), answer
                    return answer
        raise AssertionError(f"rtpengine does not answer: {self.log.read_text()}")


@contextmanager
def rtpengine(directory: Path) -> Iterator[RtpEngine]:
    """A running rtpengine without its kernel module, which ends with the block."""
    engine = RtpEngine(directory)
    with engine.log.open("wb") as log, subprocess.Popen(engine.command(), stdout=log, stderr=log) as process:
        try:
            engine.ask("ping")
            yield engine
        finally:
            process.kill()
