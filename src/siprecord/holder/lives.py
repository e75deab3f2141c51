"""One life of the recorder, as the holder sees it: its process, and the socket that it talks on."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Protocol

from siprecord.holder import messages

UNKNOWN = -127
"""Stands for the exit code of a process that is no child of ours and said nothing."""


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None:
        """None while it runs; then its exit code, or the signal that ended it as a negative number."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs."""

    def kill(self) -> None:
        """SIGKILL."""

    def wait(self) -> int:
        """Until it has ended."""


@dataclass(slots=True)
class Recorder:
    """One life of the recorder."""

    process: Process
    sock: socket.socket
    ready: float = 0.0
    """When it began to serve; 0: not yet."""
    stopping: bool = False
    handed: bool = False
    """It was given what we keep."""
    stuck: bool = False
    """It was killed for giving no sign of life."""
    spare: bool = False
    """It has loaded everything, and waits to be told to begin."""
    heard: float = field(default_factory=time.monotonic)


class Adopted:
    """A recorder that this program has not started, known by a pidfd.

    The kernel tells an exit code to the parent alone: who is no child of ours says it before it ends.
    """

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.told: int | None = None
        self._pidfd = pidfd
        self._status: int | None = None

    def fileno(self) -> int:
        """Readable when it has ended."""
        return self._pidfd

    def poll(self) -> int | None:
        """Its exit code, or what it said of it, once it has ended; UNKNOWN where it said nothing."""
        return self._code() if self._ended(0) else None

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        """Until it has ended."""
        self._ended(None)
        return self._code()

    def close(self) -> None:
        """Know no more of it."""
        os.close(self._pidfd)

    def _ended(self, milliseconds: int | None) -> bool:
        # Not select(2), which knows no descriptor above 1023.
        watch = select.poll()
        watch.register(self._pidfd, select.POLLIN)
        return bool(watch.poll(milliseconds))

    def _code(self) -> int:
        if self._status is None:
            try:
                ended = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                return UNKNOWN if self.told is None else self.told
            assert ended is not None, "it has ended"
            self._status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return self._status


def adopt(sock: socket.socket, seconds: float) -> Adopted | None:
    """The recorder at the other end of a new connection; None when it does not say so in time."""
    sock.settimeout(seconds)
    try:
        message = messages.receive(sock)
    except OSError:
        return None
    sock.setblocking(False)
    if message is None:
        return None
    pid = message.fields.get(messages.RECORDER, "")
    if not pid.isdigit() or len(message.fds) != 1:
        messages.close_all(message.fds)
        return None
    return Adopted(int(pid), message.fds[0])


def how(code: int) -> str:
    """How a process ended, in words."""
    if code == UNKNOWN:
        return "has died"
    if code >= 0:
        return f"ended with status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
