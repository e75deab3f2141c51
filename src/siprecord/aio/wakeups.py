"""A file descriptor that becomes readable, as a callback on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType


class Wakeup:
    """Calls `callback` on the running loop each time `fd` is readable, until `close()`.

    The callback must read what made the descriptor readable, or it is called again at once. The descriptor
    stays the caller's: closing it is not done here, and must come after `close()`.
    """

    def __init__(self, fd: int, callback: Callable[[], None]) -> None:
        self._fd: int | None = fd
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, callback)

    def close(self) -> None:
        """Stop listening; may be called more than once."""
        if self._fd is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
        self._fd = None

    def __enter__(self) -> Wakeup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
