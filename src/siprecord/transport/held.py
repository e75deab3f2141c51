"""A TCP connection that another process can continue at any moment.

Bytes stay in the kernel until the messages in them have been handled: they are looked at first (MSG_PEEK),
handled and answered, and only then taken. So a process that dies loses none, and the next one sees them
again. While half an answer waits to be sent, or a message is too long to leave in the kernel, the connection
can't be continued; `safe` tells the keeper so.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any, Protocol

LOOK_BYTES = 128 * 1024
"""Looked at in one go."""
MOST_LEFT = 64 * 1024
"""Half messages longer than this are taken out of the kernel, whose buffer is no place to store them."""


class Receiver(Protocol):
    """The connection's protocol: `StreamConnection`."""

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport may be used."""

    def data_received(self, data: bytes) -> None:
        """Take these bytes, and handle the messages that are whole with them."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is closed."""


class HeldTransport(asyncio.Transport):
    """Runs `receiver` on a connected, non-blocking socket. `on_safe` is called with each change."""

    def __init__(self, sock: socket.socket, receiver: Receiver, on_safe: Callable[[bool], None]) -> None:
        super().__init__({"sockname": sock.getsockname(), "peername": sock.getpeername(), "socket": sock})
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._receiver = receiver
        self._on_safe = on_safe
        self._safe = False
        self._left = 0
        self._taken = False
        self._unsent = bytearray()
        self._ending = False
        self._closing = False
        self._over = False

    def start(self) -> None:
        """Begin to receive."""
        self._receiver.connection_made(self)
        if not self._over:
            self._loop.add_reader(self._sock.fileno(), self._readable)
            self._tell()

    # asyncio.Transport

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nobody waits for us to drain."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the peer."""
        return len(self._unsent)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self._closing or self._over

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send, now if the kernel takes it."""
        if self.is_closing() or self._ending:
            return
        if not self._unsent:
            data = memoryview(data)[self._send(data) :]
            if not data or self._over:
                return
            self._loop.add_writer(self._sock.fileno(), self._writable)
        self._unsent += data
        self._tell()

    def can_write_eof(self) -> bool:
        """Whether our half can be closed alone."""
        return True

    def write_eof(self) -> None:
        """Close our half when all is sent, and go on to receive."""
        if self.is_closing() or self._ending:
            return
        self._ending = True
        if self._left:  # it must be read too, and so it has to wake us
            self._left = 0
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if not self._unsent:
            self._send_end()
        self._tell()

    def close(self) -> None:
        """Close when all is sent."""
        if self.is_closing():
            return
        self._closing = True
        if self._unsent:
            self._loop.remove_reader(self._sock.fileno())
        else:
            self._end(None)

    def abort(self) -> None:
        """Close at once."""
        self._end(None)

    # From the loop

    def _readable(self) -> None:
        try:
            data = self._sock.recv(LOOK_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not data:  # the peer has closed
            self._end(None)
            return
        if len(data) <= self._left:
            self._let_go()
            return
        self._receiver.data_received(data[self._left :])
        if not self._over:
            self._take(len(data))

    def _take(self, seen: int) -> None:
        """Take out of the kernel what was handled."""
        pending = self._receiver.pending
        left = min(pending, seen)
        if pending > MOST_LEFT:
            left = 0
        self._taken = pending > left
        if seen > left:
            self._sock.recv(seen - left)
        if left != self._left:
            self._left = left
            # What is left must not wake us again: only more than that is news.
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, left + 1)
        self._tell()

    def _let_go(self) -> None:
        """Readable, but nothing new. The peer may have closed, and the next look shows it. Or the kernel is
        short of memory, and wakes us below the mark (tcp(7)): then half a message can't stay there.
        """
        self._sock.recv(self._left)
        self._left = 0
        self._taken = True
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self._tell()

    def _writable(self) -> None:
        del self._unsent[: self._send(self._unsent)]
        if self._over or self._unsent:
            return
        self._loop.remove_writer(self._sock.fileno())
        if self._closing:
            self._end(None)
            return
        if self._ending:
            self._send_end()
        self._tell()

    def _send(self, data: bytes | bytearray | memoryview[Any]) -> int:
        try:
            return self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._end(error)
            return 0

    def _send_end(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._end(error)

    def _tell(self) -> None:
        safe = not (self._unsent or self._taken or self._ending or self.is_closing())
        if safe != self._safe:
            self._safe = safe
            self._on_safe(safe)

    def _end(self, error: Exception | None) -> None:
        if self._over:
            return
        self._over = True
        fd = self._sock.fileno()
        self._loop.remove_reader(fd)
        self._loop.remove_writer(fd)
        self._tell()
        # Closing alone would not end it while somebody keeps a duplicate.
        with contextlib.suppress(OSError):  # it is gone already
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._loop.call_soon(self._receiver.connection_lost, error)
