"""SIPp as a client that has to prove a password. It knows MD5 only, as many clients do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support import sipp
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`"),
]
PASSWORD = "hunter2"


def run_of(server: RunningServer, transport: str) -> sipp.SippRun:
    directory = server.directory / f"sipp-{transport}"
    directory.mkdir()
    return sipp.SippRun(
        scenario="digest",
        port=server.sip_port,
        directory=directory,
        fields={"PASSWORD": PASSWORD},
        transport=transport,
        calls=5,
    )


def test_UAS_08_SEC_07_a_digest_handshake_ends_in_a_recording(tmp_path: Path) -> None:
    trunk = {"name": "sbc", "users": {"sbc": PASSWORD}, "algorithms": ["MD5"]}
    server = RunningServer(tmp_path, {"SIPRECORD_TRUNKS": json.dumps([trunk])}).start()
    try:
        for transport in ("u1", "t1"):
            sipp.play(run_of(server, transport))
        folders = server.wait_recordings(10)
        trunks = {json.loads((folder / "metadata.json").read_text())["sip"]["trunk"] for folder in folders}
        assert trunks == {"sbc"}
        assert 'siprecord_access_total{outcome="admitted"} 10.0' in server.get("/metrics")
    finally:
        server.stop()
    assert PASSWORD not in server.log.read_text()
    assert not [
        path for path in server.data.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
