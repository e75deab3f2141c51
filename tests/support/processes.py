"""Processes of a server as the kernel shows them."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.patience import PATIENCE


def children(pid: int, word: str) -> list[int]:
    """Children of a process whose command line holds `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, ValueError):
                continue
            if parent == pid and word in command:
                found.append(int(entry.name))
    return found


def wait_child(pid: int, word: str, seconds: float = PATIENCE) -> int:
    """The one such child, once it runs."""
    end = time.monotonic() + seconds
    while not (found := children(pid, word)):
        assert time.monotonic() < end, f"process {pid} has no child {word}"
        time.sleep(0.02)
    return found[0]
