"""A holder around a small recorder that writes down what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.patience import PATIENCE

RECORDER = Path(__file__).parent / "recorder.py"


class Running:
    """`python -m siprecord.holder` around a small recorder."""

    def __init__(self, mode: str, directory: Path, **environ: str) -> None:
        self.notes = directory / "notes"
        self.notes.touch()
        self.log = directory / "log"
        recorder = [sys.executable, str(RECORDER), mode, str(self.notes)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "siprecord.holder", *recorder],
                stderr=log,
                env={**os.environ, **environ},
            )

    def lines(self) -> list[str]:
        return self.notes.read_text().splitlines()

    def wait_lines(self, count: int) -> list[str]:
        end = time.monotonic() + PATIENCE
        while len(self.lines()) < count:
            assert time.monotonic() < end, self.log.read_text() + self.notes.read_text()
            time.sleep(0.01)
        return self.lines()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)
