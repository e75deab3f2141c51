"""The application lives as long as any listener does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from siprecord.aio import spawn
from siprecord.errors import SiprecordError


class Lifetime:
    """Starts what several listeners share with the first of them, and stops it with the last."""

    def __init__(self, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]) -> None:
        self._start = start
        self._stop = stop
        self._members = 0
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Called by a listener before it binds; returns, or raises, when the start has."""
        if self._stopping is not None:
            raise SiprecordError("this server has been stopped; make a new one")
        self._members += 1
        if self._starting is None:
            self._starting = spawn(_wait(self._start), name="start", on_failure=_quiet)
        try:
            await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            await self.leave()
            raise
        except BaseException:
            self._members -= 1
            raise

    async def leave(self) -> None:
        """Called by a listener before it closes its socket; returns at once unless all are leaving.

        Then it returns when the stop has, so that the last messages still find a socket.
        """
        self._members -= 1
        await asyncio.sleep(0)  # listeners that are cancelled together leave together
        if self._members == 0 and self._stopping is None:
            self._stopping = spawn(self._stop_after_start(), name="stop")
        if self._stopping is not None:
            await asyncio.shield(self._stopping)

    async def _stop_after_start(self) -> None:
        """What has not started is not stopped."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
            if self._starting.exception() is None:
                await self._stop()


async def _wait(step: Callable[[], Awaitable[None]]) -> None:
    await step()


def _quiet(name: str, error: BaseException) -> None:
    """Every listener that joined raises it."""
