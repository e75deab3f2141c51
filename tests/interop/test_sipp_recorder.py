"""SIPp as the recorder: our client against a foreign one that answers reliably before its 200."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import audio, sipp
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`"),
    pytest.mark.timeout(90),
]


def wait_bound(port: int, transport: str) -> None:
    """Wait until somebody has that port, without sending anything there."""
    end = time.monotonic() + 20
    while f"0100007F:{port:04X} " not in Path(f"/proc/net/{transport}").read_text():
        assert time.monotonic() < end, "SIPp does not listen"
        time.sleep(0.02)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_REL_03_our_client_acknowledges_a_reliable_answer(tmp_path: Path, transport: str) -> None:
    """Its PRACK is checked by SIPp, and the audio goes where the 183 says: the 200 has no SDP."""
    voice = audio.write_wav(tmp_path / "voice.wav", audio.voice(1, 0.2))
    port = free_port()
    with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
            one.settimeout(20)
        ports = [str(one.getsockname()[1]) for one in (first, second)]
        run = sipp.SippRun(
            scenario="reliable_recorder",
            port=port,
            directory=tmp_path,
            fields=dict(zip(("FIRST", "SECOND"), ports, strict=True)),
            transport="u1" if transport == "udp" else "t1",
            options=("-p", str(port)),
        )
        recorder = sipp.start(run)
        wait_bound(port, transport)
        uri = f"sip:srs@127.0.0.1:{port};transport={transport}"
        words = ("call", uri, "--json", "-a", str(voice), "-a", str(voice))
        done = subprocess.run(
            [sys.executable, "-m", "siprecord", *words], capture_output=True, timeout=60, check=False
        )
        sipp.finish(recorder, run)
        report = json.loads(done.stdout)
        assert (report["ok"], report["code"]) == (True, 200), report
        assert [str(stream["port"]) for stream in report["streams"]] == ports
        assert all(len(one.recv(2000)) == 172 for one in (first, second))
