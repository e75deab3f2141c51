from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from siprecord.aio import Wakeup
from tests.support.patience import PATIENCE


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


async def test_a_readable_descriptor_calls_back(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    with Wakeup(reader, lambda: heard.put_nowait(os.read(reader, 100))):
        os.write(writer, b"a")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == b"a"
        os.write(writer, b"b")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == b"b"


async def test_nothing_is_heard_after_close(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    calls: list[int] = []
    wakeup = Wakeup(reader, lambda: calls.append(1))
    wakeup.close()
    wakeup.close()
    os.write(writer, b"a")
    for _ in range(3):
        await asyncio.sleep(0)
    assert calls == []
