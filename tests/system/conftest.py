from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import wait_child
from tests.support.server import RunningServer

Start = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server for all tests of a module that leave it alive."""
    settings = {"SIPRECORD_RECORDING__DRAIN_GRACE_S": "1", "SIPRECORD_RECORDING__LINGER_MS": "50"}
    running = RunningServer(tmp_path_factory.mktemp("server"), settings).start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that a test ends by itself, and ends those it forgot."""
    started: list[RunningServer] = []

    def start(directory: Path = tmp_path, **settings: str) -> RunningServer:
        running = RunningServer(directory, {f"SIPRECORD_{name}": value for name, value in settings.items()})
        started.append(running)
        return running.start()

    yield start
    for running in started:
        if running.process is not None and running.process.poll() is None:
            running.crash(wait_child(running.pid, "siprecord.server.recorder"))
