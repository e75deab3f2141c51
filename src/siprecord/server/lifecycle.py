"""The life of a server process: one to a data directory, asked to end by signals."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from siprecord.errors import ConfigError
from siprecord.holder.place import LOCK_NAME, TakenError, take_lock

T = TypeVar("T")
LoopKind = Literal["auto", "uvloop", "asyncio"]
COLLECT_AFTER = (20_000, 20, 100)
"""New objects, rounds, and rounds of rounds before a collection; Python's are 700, 10, 10."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class DataDirLock:
    """Keeps two servers from writing into one data directory. The kernel gives the lock back at any death."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._fd: int | None = None

    def __enter__(self) -> DataDirLock:
        """Make the directory if it is missing, and take it; raises ConfigError when another server has it."""
        path = self._data_dir / LOCK_NAME
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._fd = take_lock(path)
        except TakenError as taken:
            who = f"another siprecord (process {taken.pid})"
            raise ConfigError(f"{self._data_dir} is in use by {who}; stop it or set data_dir") from None
        except OSError as error:
            may_enter = os.access(self._data_dir, os.W_OK | os.X_OK)
            reason = f"{path.name}: {error.strerror}" if may_enter else error.strerror
            raise ConfigError(
                f"{self._data_dir} can't be used: {reason}; set data_dir to a directory we may write"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class StopRequests:
    """The first SIGTERM or SIGINT asks to drain, any further one to end at once."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.now = asyncio.Event()

    def request(self) -> None:
        """What a signal does; may also be called directly."""
        (self.now if self.drain.is_set() else self.drain).set()

    def listening(self) -> contextlib.AbstractContextManager[None]:
        """Take the signals within this context."""
        return _taking(STOP_SIGNALS, self.request)


def reloading(reload: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
    """Call `reload` at each SIGHUP within this context."""
    return _taking((signal.SIGHUP,), reload)


def handing_over(hand_over: Callable[[], object]) -> contextlib.AbstractContextManager[None]:
    """Call `hand_over` at SIGUSR2 within this context."""
    return _taking((signal.SIGUSR2,), hand_over)


@contextlib.contextmanager
def _taking(signals: tuple[signal.Signals, ...], callback: Callable[[], object]) -> Iterator[None]:
    """Only the main thread can take signals; elsewhere nothing is taken."""
    loop = asyncio.get_running_loop()
    taken = []
    for number in signals:
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, callback)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us, and say how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def loop_factory(kind: LoopKind = "auto") -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed (it takes bursts of datagrams eight times as fast), asyncio elsewhere.

    Raises ConfigError when uvloop is asked for and not there.
    """
    if kind == "asyncio" or (kind == "auto" and sys.platform != "linux"):
        return asyncio.new_event_loop
    try:
        import uvloop
    except ImportError:
        if kind == "uvloop":
            raise ConfigError("event_loop is uvloop, which is not installed; set it to auto") from None
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def quiet_collector() -> None:
    """Let the garbage collector look less often, and never again at what exists already.

    A call is a few thousand objects without cycles that live for minutes. With Python's defaults a tenth of
    the time of each INVITE goes into walking those of all other calls.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def run(main: Coroutine[Any, Any, T], kind: LoopKind = "auto") -> T:
    """Run `main`, on the fastest loop there is unless told otherwise."""
    quiet_collector()
    with asyncio.Runner(loop_factory=loop_factory(kind)) as runner:
        return runner.run(main)
