"""A clock that a test may set, for one server: nobody touches the clock of this machine."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("stepclock.c")
COMPILER = shutil.which("cc")
SECOND = 1_000_000_000
_SETTING = struct.Struct("=qqq")


class StepClock:
    """Give `settings` to a server; `set` then moves its time of day, and the stamps of what comes later."""

    def __init__(self, directory: Path) -> None:
        assert COMPILER, "there is no C compiler (cc)"
        directory.mkdir(parents=True, exist_ok=True)
        library, self._file = directory / "stepclock.so", directory / "setting"
        command = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True, capture_output=True)
        self._file.write_bytes(bytes(_SETTING.size))
        self.settings = {"LD_PRELOAD": str(library), "STEPCLOCK": str(self._file)}
        self.ahead = 0.0
        """Seconds before the machine's clock."""

    def set(self, seconds: float) -> None:
        """Set it by so many seconds."""
        before, self.ahead = self.ahead, self.ahead + seconds
        with self._file.open("r+b") as file, mmap.mmap(file.fileno(), _SETTING.size) as memory:
            row = int(self.ahead * SECOND), int(before * SECOND), time.time_ns()
            memory[:] = _SETTING.pack(*row)

    def time(self) -> float:
        """What it shows."""
        return time.time() + self.ahead
