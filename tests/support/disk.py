"""A small file system that a test fills, and gives room again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Disk:
    """A mounted file system; `fill` takes all that is free."""

    folder: Path

    @property
    def ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self) -> None:
        with self.ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def leave(self, free: int) -> None:
        """Take all but so many bytes."""
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - free)

    def relieve(self) -> None:
        self.ballast.unlink()


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Disk]:
    """A tmpfs at `folder`; skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
