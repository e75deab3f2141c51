"""The example is run as a user runs it: its own process, a real call, audio while the call lasts."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import audio
from tests.support.patience import PATIENCE
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]


def wait_until_open(port: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "the example did not open its port"
            time.sleep(0.05)
        else:
            return


def test_the_example_hears_both_parties_while_they_speak(tmp_path: Path) -> None:
    voices = [
        audio.write_wav(tmp_path / f"{name}.wav", audio.voice(n, 2.0))
        for n, name in enumerate(("ann", "ben"))
    ]
    port = free_port()
    example = [sys.executable, str(ROOT / "examples/live_audio.py"), "--port", str(port)]
    with subprocess.Popen(
        [*example, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    ) as running:
        wait_until_open(port)
        call = [sys.executable, "-m", "siprecord", "call", f"sip:srs@127.0.0.1:{port}", "--json"]
        placed = subprocess.run(
            [*call, *(word for voice in voices for word in ("--audio", str(voice)))],
            capture_output=True, text=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        running.send_signal(signal.SIGINT)
        heard, _ = running.communicate(timeout=PATIENCE)
    assert json.loads(placed.stdout)["status"] == "completed"
    for name in ("ann", "ben"):
        pieces = [line for line in heard.splitlines() if f" {name}: " in line]
        assert len(pieces) >= 2, "while they speak, however busy the machine is"
        assert sum(int(line.split(": ")[1].removesuffix(" ms")) for line in pieces) == pytest.approx(
            2000, abs=60
        )
    (document,) = (tmp_path / "data").glob("recordings/*/*/*/*/metadata.json")
    assert json.loads(document.read_text())["outcome"] == "complete"
