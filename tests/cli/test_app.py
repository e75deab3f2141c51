from __future__ import annotations

import os
import subprocess
import sys
from errno import EACCES
from pathlib import Path

import pytest

import siprecord
from siprecord.cli.app import run as run_command
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


def test_what_others_may_not_read_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recordings are for their owner and group alone; a test that runs as root can't be refused them."""

    def refuse(path: Path) -> None:
        raise PermissionError(EACCES, "Permission denied", str(path))

    monkeypatch.setattr(sys, "argv", ["siprecord", "recordings", "list", "--data", str(tmp_path)])
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SystemExit) as caught:
        run_command()
    told = f"siprecord: {tmp_path}/recordings: Permission denied; run it as the user of the server\n"
    assert (caught.value.code, capsys.readouterr().err) == (1, told)
