"""A server on an address that others reach, and the commands that ask it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from tests.support.src import src
from tests.system.conftest import Start

TOKEN = "correct-horse-battery-staple"


def command(server: RunningServer, *words: str, token: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**server.environment()}
    environment.pop("SIPRECORD_HTTP__TOKEN_FILE", None)
    if token is not None:
        environment["SIPRECORD_HTTP__TOKEN"] = token
    else:
        environment["SIPRECORD_HTTP__HOST"] = "127.0.0.1"
    return subprocess.run(
        [sys.executable, "-m", "siprecord", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_a_token_it_does_not_start(tmp_path: Path) -> None:
    server = RunningServer(tmp_path, {"SIPRECORD_HTTP__HOST": "0.0.0.0"})
    done = subprocess.run(
        [sys.executable, "-m", "siprecord", "serve"],
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "host 0.0.0.0 can be reached by others" in done.stderr
    assert "token_file" in done.stderr


def test_commands_show_the_token_and_nothing_tells_it(start_server: Start, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    server = start_server(HTTP__HOST="0.0.0.0", HTTP__TOKEN_FILE=str(file), LOG__LEVEL="debug")
    with src(server.sip_port) as client:
        client.call()
        refused = command(server, "calls", "stop", "2", token=None)
        assert (refused.returncode, "needs the token" in refused.stderr) == (1, True)
        wrong = command(server, "calls", "list", token=TOKEN + "x")
        assert (wrong.returncode, "needs the token" in wrong.stderr) == (1, True)
        done = command(server, "calls", "stop", "2", token=TOKEN)
        assert done.returncode == 0, done.stderr
        client.await_request("BYE")
    server.wait_recordings(1)
    assert command(server, "status", token=TOKEN).returncode == 0
    told = [server.log.read_text(), done.stdout, wrong.stderr]
    told += [path.read_text(errors="replace") for path in server.data.rglob("*") if path.is_file()]
    assert not [text for text in told if TOKEN in text]


@pytest.mark.parametrize("words", [("config", "show"), ("config", "show", "--json")])
def test_config_show_masks_it(tmp_path: Path, words: tuple[str, ...]) -> None:
    server = RunningServer(tmp_path)
    shown = command(server, *words, token=TOKEN)
    assert shown.returncode == 0, shown.stderr
    assert TOKEN not in shown.stdout
    assert "********" in shown.stdout
