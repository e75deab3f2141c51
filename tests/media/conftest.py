from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from siprecord.media import MediaEngine, MediaSettings
from tests.media.capture import Sender


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=10, threads=1))
    yield engine
    engine.close()


@pytest.fixture
def slow_engine() -> Iterator[MediaEngine]:
    """An engine that drains by itself only once, right at its start: the calls under test must drain."""
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=3_600_000, threads=1))
    yield engine
    engine.close()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.fixture
def free_range() -> Callable[[int], tuple[int, int]]:
    """Finds a range of free ports, beginning with an even one."""

    def find(count: int) -> tuple[int, int]:
        for first in range(41_000, 60_000, count + count % 2):
            if all(_is_free(port) for port in range(first, first + count)):
                return first, first + count - 1
        pytest.fail("no free range of ports")

    return find


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
