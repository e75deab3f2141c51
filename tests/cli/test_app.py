from __future__ import annotations

import subprocess
import sys

import pytest

import siprecord
from tests.cli.conftest import Run

COMMANDS = (
    ("serve",),
    ("call",),
    ("status",),
    ("inspect",),
    ("render",),
    ("recordings", "list"),
    ("recordings", "show"),
    ("config", "check"),
    ("config", "show"),
    ("config", "example"),
)


def test_the_version_is_shown(run: Run) -> None:
    assert run("--version").text == f"siprecord {siprecord.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_teaches_by_examples(run: Run, command: tuple[str, ...]) -> None:
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert "Example" in outcome.text
    assert f"siprecord {' '.join(command)}" in outcome.text


def test_an_error_is_one_line_and_exit_code_1() -> None:
    command = [sys.executable, "-m", "siprecord", "inspect", "/nowhere/at-all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "siprecord: can't read /nowhere/at-all: No such file or directory\n"


def test_a_wrong_usage_is_exit_code_2(run: Run) -> None:
    assert run("call").code == 2
    assert run("no-such-command").code == 2


def test_help_loads_nothing_heavy() -> None:
    heavy = "[m for m in ('numpy', 'soundfile', 'fastapi', 'pydantic', 'lxml') if m in sys.modules]"
    script = f"import sys, siprecord.cli.app; print({heavy})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
