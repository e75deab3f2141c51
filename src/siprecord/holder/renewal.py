"""After an upgrade the holder becomes the installed version too: the same process runs the new program.

All that it holds stays open across `execve`. A document in memory tells the new program what is what; its
names and descriptors mean the same in every version.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import asdict, dataclass

RENEWED = "SIPRECORD_INTERNAL_RENEWED"
"""The descriptor of the document."""


@dataclass(frozen=True)
class Estate:
    """What a holder leaves to its next version: descriptors, and the process that records."""

    kept: dict[str, list[int]]
    recorder: int
    sock: int
    lock: int | None

    def fds(self) -> list[int]:
        """All descriptors."""
        kept = [fd for fds in self.kept.values() for fd in fds]
        return [*kept, self.sock, *([] if self.lock is None else [self.lock])]


def become_new(estate: Estate, environ: Mapping[str, str], signals: Iterable[signal.Signals]) -> None:
    """Run the installed program in this process, as it was started; returns only by raising OSError.

    Signals wait until the new program takes them: whoever is told to stop must not die of it.
    """
    document = os.memfd_create("siprecord-holder")
    os.write(document, json.dumps(asdict(estate)).encode())
    fds = [document, *estate.fds()]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        _set_inheritable(fds, True)
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, {**environ, RENEWED: str(document)})
    except OSError:
        _set_inheritable(fds, False)
        os.close(document)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise


def left_by_the_old(environ: MutableMapping[str, str]) -> Estate | None:
    """What the version before this one has left; once. Raises OSError or ValueError when it can't be read."""
    fd = environ.pop(RENEWED, "")
    if not fd.isdigit():
        return None
    with os.fdopen(int(fd), "rb") as document:
        document.seek(0)
        told = json.load(document)
    estate = Estate(**{name: told[name] for name in Estate.__annotations__})
    _set_inheritable(estate.fds(), False)
    return estate


def _set_inheritable(fds: Iterable[int], inheritable: bool) -> None:
    for fd in fds:
        os.set_inheritable(fd, inheritable)
