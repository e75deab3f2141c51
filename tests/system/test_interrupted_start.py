"""Ctrl-C before anything runs: no trace, nothing left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port

INTERRUPT = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            os.kill(os.getppid() if os.environ["WHO"] == "parent" else os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""


def interrupted(folder: Path, at: str, who: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command`; the process that is about to load the module `at`, or its parent, gets SIGINT."""
    (folder / "sitecustomize.py").write_text(INTERRUPT)
    path = f"{folder}:{os.environ.get('PYTHONPATH', '')}"
    environ = {**os.environ, "PYTHONPATH": path, "INTERRUPTED_AT": at, "WHO": who}
    return subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("at", ["siprecord.cli.app", "siprecord.cli.recordings"])
def test_ctrl_c_while_a_command_loads_leaves_no_trace(tmp_path: Path, at: str) -> None:
    command = (sys.executable, "-c", "from siprecord.cli import main; main()", "--version")
    done = interrupted(tmp_path, at, "itself", *command)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_ctrl_c_while_the_recorder_loads_ends_the_server_without_a_trace(tmp_path: Path) -> None:
    ports = [f"--port={free_port()}", f"--http-port={free_port()}"]
    serve = ("serve", f"--data={tmp_path / 'data'}", "--host=127.0.0.1", *ports)
    command = (sys.executable, "-c", "from siprecord.cli import main; main()", *serve)
    done = interrupted(tmp_path, "siprecord.server.reception", "parent", *command)
    assert "Traceback" not in done.stderr
    assert "ready" not in done.stderr
