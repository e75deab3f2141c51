"""Tasks that are neither lost nor silent.

The event loop holds its tasks weakly, and an exception in a task nobody awaits is told only when the task is
collected. So every task of this package starts here, and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
FailureHook = Callable[[str, BaseException], None]
"""Takes the name of the task and what it died of."""

_log = logging.getLogger("siprecord.aio")
_running: set[asyncio.Task[Any]] = set()


def _log_failure(name: str, error: BaseException) -> None:
    _log.error("background task %s failed", name, exc_info=error)


def spawn(
    coro: Coroutine[Any, Any, T], *, name: str, on_failure: FailureHook | None = None
) -> asyncio.Task[T]:
    """Start `coro` as a task that is kept alive until it ends.

    An exception is handed to `on_failure` (default: logged) at once, also if nobody awaits the task;
    whoever awaits it still gets it. Cancellation is not a failure.
    """
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _running.add(task)
    report = on_failure or _log_failure

    def finished(done: asyncio.Task[T]) -> None:
        _running.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            report(name, error)

    task.add_done_callback(finished)
    return task


async def finish(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and wait until each has ended; what they died of has been reported already."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
