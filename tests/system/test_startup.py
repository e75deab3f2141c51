"""What keeps a server from starting is said in one clear line, without a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disk import mounted
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.server import RunningServer
from tests.system.conftest import Start


@pytest.fixture(scope="module")
def udp_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def tcp_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def complaint(directory: Path, *arguments: str, **settings: str) -> str:
    """Start a server that can't start; gives the sentence it ends with."""
    server = RunningServer(directory, {f"SIPRECORD_{name}": value for name, value in settings.items()})
    environment = {**server.environment(), "SIPRECORD_MAX_CONCURRENT_CALLS": "100"} | server.settings
    ended = subprocess.run(
        [sys.executable, "-m", "siprecord", "serve", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    *log, line = ended.stderr.splitlines()
    assert all(json.loads(row)["logger"] == "siprecord.holder" for row in log)
    assert line.startswith("siprecord: ")
    return line


def test_a_taken_udp_port(tmp_path: Path, udp_port: int) -> None:
    told = complaint(tmp_path, SIP__PORT=str(udp_port))
    assert f"port {udp_port}/udp on 127.0.0.1 is taken by another program" in told
    assert "sip.port" in told


def test_a_taken_tcp_port(tmp_path: Path, tcp_port: int) -> None:
    told = complaint(tmp_path, SIP__PORT=str(tcp_port))
    assert f"port {tcp_port}/tcp on 127.0.0.1 is taken by another program" in told


def test_a_taken_http_port(tmp_path: Path, tcp_port: int) -> None:
    told = complaint(tmp_path, HTTP__PORT=str(tcp_port))
    assert f"HTTP port {tcp_port} on 127.0.0.1 is taken by another program" in told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"SIP__PROT": "5060"}, "unknown key sip.prot; did you mean sip.port?"),
        ({"MEDIA__PORT_MIN": "many"}, "media.port_min is 'many'"),
        ({"MEDIA__PORT_MIN": "30001", "MEDIA__PORT_MAX": "30002"}, "no stream fits between port_min (30001)"),
        ({"MEDIA__PORT_MIN": "30001", "MEDIA__PORT_MAX": "30000"}, "must be above port_min"),
        ({"MEDIA__BIND_ADDRESS": "192.0.2.77"}, "media can't be received on 192.0.2.77"),
        ({"SIP__HOST": "192.0.2.77"}, "this machine has no such address; set sip.host"),
        ({"SIP__UDP": "false", "SIP__TCP": "false"}, "nothing to listen on"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_setting(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    assert told in complaint(tmp_path, **settings)


def test_a_wrong_key_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "siprecord.toml"
    path.write_text("[recording]\nmedia_timeot_s = 30\n")
    told = complaint(tmp_path, "--config", str(path))
    assert f"{path}: unknown key recording.media_timeot_s" in told
    assert "did you mean recording.media_timeout_s?" in told


def test_a_file_in_the_place_of_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert f"{tmp_path / 'data'} can't be used" in complaint(tmp_path)


def test_a_file_in_the_place_of_the_spool(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").write_text("")
    assert f"{tmp_path / 'data' / 'spool'} can't be made" in complaint(tmp_path)


def test_a_data_directory_that_is_read_only(tmp_path: Path) -> None:
    with mounted(tmp_path / "data", "ro"):
        told = complaint(tmp_path)
    assert "Read-only file system" in told
    assert "data_dir" in told


def test_a_second_server_on_the_same_data(start_server: Start, tmp_path: Path) -> None:
    server = start_server()
    told = complaint(tmp_path, SIP__PORT=str(free_port()))
    assert f"a siprecord runs with {server.data} already (holder: process {server.pid})" in told
    assert server.get("/health/ready")
    assert server.stop() == 0
