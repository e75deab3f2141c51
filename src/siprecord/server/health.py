"""Whether this server lives, whether it takes calls, and if not, why: one answer for HTTP, SIP and people."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

FRESH_FOR = 2.0
"""Seconds for which a result stands: probes and OPTIONS pings may come often, the disk is asked seldom."""

FILES_TO_KEEP = 48
"""Descriptors that no new call may take."""
_OWN_FILES = Path("/proc/self/fd")

Check = Callable[[], "Reason | None"]
"""Looks at one thing; None when it is well."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a server is not well: a word for machines, a sentence for people."""

    code: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"code": self.code, "text": self.text}


class Health:
    """Asks all checks, not more often than every `FRESH_FOR` seconds of `clock`."""

    def __init__(self, *, live: Iterable[Check], ready: Iterable[Check], clock: Callable[[], float]) -> None:
        self._live_checks = tuple(live)
        self._ready_checks = tuple(ready)
        self._clock = clock
        self._asked: float | None = None
        self._live: tuple[Reason, ...] = ()
        self._ready: tuple[Reason, ...] = ()

    def live(self) -> tuple[Reason, ...]:
        """Why this process should be started again; empty when it is well."""
        self._ask()
        return self._live

    def ready(self) -> tuple[Reason, ...]:
        """Why this server takes no new call; empty when it does. Running calls go on."""
        self._ask()
        return self._live + self._ready

    def forget(self) -> None:
        """Ask again next time: something has changed."""
        self._asked = None

    def _ask(self) -> None:
        now = self._clock()
        if self._asked is not None and now - self._asked < FRESH_FOR:
            return
        self._asked = now
        self._live = _found(self._live_checks)
        self._ready = _found(self._ready_checks)


def _found(checks: Iterable[Check]) -> tuple[Reason, ...]:
    return tuple(reason for check in checks if (reason := check()) is not None)


def disk_free(path: Path) -> int | None:
    """Bytes that may still be written below `path`; None when it can't be asked."""
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def disk_low(path: Path, min_free: int) -> Check:
    """Less than `min_free` bytes are left where recordings go."""

    def check() -> Reason | None:
        free = disk_free(path)
        if free is None or free >= min_free:
            return None
        return Reason(
            "disk_low", f"{free // 2**20} MiB free in {path}, below the {min_free // 2**20} MiB to keep"
        )

    return check


def not_writable(path: Path) -> Check:
    """A file can't be made where capture logs go."""

    def check() -> Reason | None:
        probe = path / f".probe-{os.getpid()}"
        try:
            probe.touch()
            probe.unlink()
        except OSError as error:
            return Reason("not_writable", f"{path} can't be written: {error.strerror}")
        return None

    return check


def files_low(most: Callable[[], int], opened: Callable[[], int]) -> Check:
    """Hardly any more files may be opened, and running calls and their rendering need some."""

    def check() -> Reason | None:
        limit, used = most(), opened()
        if limit - used >= FILES_TO_KEEP:
            return None
        return Reason("files_low", f"{used} of {limit} files are open; raise the limit (ulimit -n)")

    return check


def open_files() -> int:
    """Descriptors of this process; before Linux 6.2 that takes the longer the more there are."""
    return _OWN_FILES.stat().st_size or sum(1 for _ in _OWN_FILES.iterdir())


def file_limit() -> int:
    """How many there may be."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def full(calls: Callable[[], int], most: int) -> Check:
    """As many calls as configured are running."""

    def check() -> Reason | None:
        return (
            Reason("full", f"{most} calls are being recorded, the most allowed") if calls() >= most else None
        )

    return check


def flagged(code: str, text: str, flag: Callable[[], bool]) -> Check:
    """Something is so."""

    def check() -> Reason | None:
        return Reason(code, text) if flag() else None

    return check


def stalled(
    reason: Reason, progress: Callable[[], float | None], patience: float, clock: Callable[[], float]
) -> Check:
    """A figure that has to move has stood still for `patience` seconds. None: it need not move at present."""
    seen: list[tuple[float | None, float]] = [(None, clock())]

    def check() -> Reason | None:
        now, value = clock(), progress()
        if value is None or value != seen[0][0]:
            seen[0] = (value, now)
        return reason if now - seen[0][1] >= patience else None

    return check
