"""`make demo` without its build: the first thing a newcomer runs has to work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: run `make packages`"
)
def test_the_demo_records_what_was_said() -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.partition(" ")[2][:3] for line in lines if line.startswith("== ")] == [
        f"{n}/5" for n in range(1, 6)
    ]
    for name in ("alice", "bob"):
        assert any(line.startswith("participant") and name in line for line in lines)
        assert any(f"equals {name}.wav, sample for sample" in line for line in lines)
    assert any(line.startswith("recording ") for line in lines)
    assert "Traceback" not in ended.stderr
