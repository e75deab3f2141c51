"""A recorder for tests of the holder: does what its first argument says, and writes down what happened."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from pathlib import Path

from siprecord.holder import HolderStore, find_store
from siprecord.holder.place import LOCK_NAME, Place, take_lock
from siprecord.holder.process import FRESH, HANDED_OVER, WAITING


def main() -> int:
    mode, notes = sys.argv[1], Path(sys.argv[2])
    store = find_store(os.environ)
    directory = (
        Path(os.environ["SIPRECORD_INTERNAL_DATA_DIR"])
        if "SIPRECORD_INTERNAL_DATA_DIR" in os.environ
        else None
    )
    if os.environ.get(WAITING) and isinstance(store, HolderStore):
        note(notes, "spare")
        if store.wait_for_start() is None:
            return 0
    if directory is not None:
        take_lock(directory / LOCK_NAME)
    kept = store.take()
    note(notes, f"start kept={sorted(name for name, _ in kept)} fresh={FRESH in os.environ}")
    if mode == "hang" and len(notes.read_text().splitlines()) == 2:
        signal.pause()
    if mode == "fail":
        return 3
    if mode == "crash-before-ready" and kept:
        return 4
    if not kept:
        first, second = socket.socketpair()
        first.send(b"hello")
        store.store({"pair.1": [second.fileno()], "pair.2": [first.fileno(), second.fileno()]})
        store.remove("pair.2")
    else:
        with socket.socket(fileno=dict(kept)["pair.1"]) as second:
            note(notes, f"heard {second.recv(5, socket.MSG_PEEK)!r}")
    store.ready()
    if mode == "alone" and directory is not None and isinstance(store, HolderStore):
        live_alone(store, directory, notes)
    die_if(mode in ("die", "crash-before-ready") or (mode in ("die-once", "hang") and not kept))
    stop = signal.sigtimedwait({signal.SIGTERM, signal.SIGUSR2}, 0 if mode == "end" else 30)
    if stop is not None and stop.si_signo == signal.SIGUSR2:
        note(notes, "handed over")
        store.ending(HANDED_OVER)
        return HANDED_OVER
    note(notes, f"stop {stop is not None}")
    store.stopping()
    die_if(mode == "die-draining" and not kept)
    code = {"code": 7, "alone": 5}.get(mode, 0)
    store.ending(code)
    return code


def live_alone(store: HolderStore, directory: Path, notes: Path) -> None:
    """Until the holder has died and another one has come."""
    select.select([store.fileno()], [], [], 30)
    store.lost()
    place = Place(directory)
    first, second = socket.socketpair()
    first.send(b"hello")
    with place.listen() as listener:
        note(notes, "alone")
        listener.settimeout(30)
        sock = listener.accept()[0]
    store.found(sock)
    store.store({"pair.1": [first.fileno(), second.fileno()]})
    store.ready()


def die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


def note(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2})
    sys.exit(main())
