"""Messages between recorder and holder: those of systemd's sd_notify, one to a datagram.

A message is lines of KEY=VALUE; descriptors travel beside it (SCM_RIGHTS). What systemd has no message for
is ours: FDNAMES stands for several FDNAMEs, a name for each descriptor, in the same order. A recorder asks
by FDFETCH=1 and gets all that is kept, in as many messages as it takes; FDDONE=1 is in the last.
"""

from __future__ import annotations

import os
import re
import socket
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MAX_MESSAGE = 65_536
MAX_FDS = 250
"""Descriptors in one message; the kernel takes 253."""
READY, STOPPING, WATCHDOG, STATUS = "READY", "STOPPING", "WATCHDOG", "STATUS"
EXIT_STATUS = "EXIT_STATUS"
FD_STORE, FD_REMOVE, FD_NAME, FD_POLL = "FDSTORE", "FDSTOREREMOVE", "FDNAME", "FDPOLL"
SPARE, START = "SPARE", "START"
"""Ours too: a spare recorder has loaded everything and waits; the holder tells it to begin."""
RECORDER = "RECORDER"
"""Ours: the process that lost its holder and talks to the next one, with a pidfd of it; the first message."""
FD_FETCH, FD_NAMES, FD_DONE = "FDFETCH", "FDNAMES", "FDDONE"

_CONTROL = socket.CMSG_LEN(MAX_FDS * array("i").itemsize)
_NAME = re.compile(r"[!-9;-~]{1,255}")
"""What systemd takes for a name: printable, without a colon."""


@dataclass(frozen=True, slots=True)
class Message:
    """Fields and descriptors of one datagram. `cut` tells that the kernel could not hand over all of them."""

    fields: Mapping[str, str]
    fds: Sequence[int] = ()
    cut: bool = False


def names_in(fields: Mapping[str, str]) -> list[str]:
    """The names a message is about, one for each of its descriptors where it has some."""
    if FD_NAME in fields:
        return [fields[FD_NAME]]
    return [name for name in fields.get(FD_NAMES, "").split(":") if name]


def bundles(named: Sequence[tuple[str, int]]) -> Iterator[tuple[str, list[int]]]:
    """What FDNAMES says, and the descriptors to it, of as many messages as it takes."""
    for start in range(0, len(named), MAX_FDS):
        some = named[start : start + MAX_FDS]
        yield ":".join(name for name, _ in some), [fd for _, fd in some]


def is_name(text: str) -> bool:
    """Whether descriptors may be kept under this name."""
    return _NAME.fullmatch(text) is not None


def send(sock: socket.socket, fields: Mapping[str, str], fds: Sequence[int] = ()) -> None:
    """Send one message; raises OSError."""
    data = "\n".join(f"{key}={value}" for key, value in fields.items()).encode()
    if fds:
        socket.send_fds(sock, [data], list(fds))
    else:
        sock.send(data)


def receive(sock: socket.socket) -> Message | None:
    """The next message; None when the other side is gone. Raises OSError, as BlockingIOError when empty."""
    # Not socket.recv_fds: before Python 3.13 it ignores its flags, and children would inherit all of this.
    data, control, flags, _ = sock.recvmsg(MAX_MESSAGE, _CONTROL, socket.MSG_CMSG_CLOEXEC)
    fds = _descriptors(control)
    if not data:
        close_all(fds)
        return None
    return Message(_parse(data), fds, bool(flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)))


def close_all(fds: Iterable[int]) -> None:
    """Close descriptors that nobody will use."""
    for fd in fds:
        os.close(fd)


def _descriptors(control: Iterable[tuple[int, int, bytes]]) -> array[int]:
    fds = array("i")
    for level, kind, content in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    return fds


def _parse(data: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in data.decode("utf-8", "replace").splitlines())
    return {key: value for key, found, value in lines if found}
