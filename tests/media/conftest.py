from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from siprecord.media import MediaEngine, MediaSettings
from tests.media.capture import Sender, resting
from tests.support import ports


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=10, threads=1))
    yield engine
    engine.close()


@pytest.fixture
def slow_engine() -> Iterator[MediaEngine]:
    """An engine that drains by itself only once, right at its start: the calls under test must drain."""
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=3_600_000, threads=1))
    yield resting(engine)
    engine.close()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


@pytest.fixture
def free_range() -> Callable[[int], tuple[int, int]]:
    """Finds a range of free ports, beginning with an even one."""
    return ports.free_range
