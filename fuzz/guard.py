"""What no parser may do while it reads: open files, connect, start programs; or never come back."""

from __future__ import annotations

import codecs
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from fuzz.outcome import Broken

_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "ctypes.", "urllib.")
_CODECS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "iso8859-15", "cp1251", "cp1252")
_TICK = 2.0
"""Seconds of processor time between two looks at whether the runner still moves."""


@dataclass(slots=True)
class _State:
    """What the audit hook, which can never be taken away again, looks at."""

    watching: bool = False
    files: bool = False
    installed: bool = False


_STATE = _State()


class Stuck(Broken):
    """One input takes seconds."""


def _audit(event: str, _: tuple[object, ...]) -> None:
    if not _STATE.watching:
        return
    if event.startswith(_FORBIDDEN) or (event == "open" and not _STATE.files):
        _STATE.watching = False
        raise Broken(f"a parser did what it must never do: {event}")


def _install() -> None:
    for name in _CODECS:
        codecs.lookup(name)  # loads a module, which would look like a parser that opens a file
    sys.addaudithook(_audit)
    _STATE.installed = True


@contextmanager
def watched(*, files: bool) -> Iterator[None]:
    """Make files, sockets and programs a finding for as long as this lasts."""
    if not _STATE.installed:
        _install()
    _STATE.watching, _STATE.files = True, files
    try:
        yield
    finally:
        _STATE.watching = False


class Watchdog:
    """Raises `Stuck` in a check that takes several seconds of processor time, so that no run hangs."""

    def __init__(self) -> None:
        self.inputs = 0
        self._seen = -1

    def __enter__(self) -> Watchdog:
        signal.signal(signal.SIGVTALRM, self._look)
        signal.setitimer(signal.ITIMER_VIRTUAL, _TICK, _TICK)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        if self._seen == self.inputs:
            raise Stuck(f"one input takes more than {_TICK:g} s")
        self._seen = self.inputs
