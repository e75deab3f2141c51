from __future__ import annotations

import asyncio

import pytest

from siprecord.errors import ConfigError, SiprecordError
from siprecord.transport.lifetime import Lifetime


class Shared:
    def __init__(self, *, fails: bool = False) -> None:
        self.log: list[str] = []
        self.fails = fails
        self.lifetime = Lifetime(self.start, self.stop)

    async def start(self) -> None:
        await asyncio.sleep(0)
        self.log.append("start")
        if self.fails:
            raise ConfigError("no")

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.log.append("stop")


async def test_it_starts_once_and_stops_with_the_last() -> None:
    shared = Shared()
    await asyncio.gather(*(shared.lifetime.join() for _ in range(3)))
    await shared.lifetime.leave()
    await shared.lifetime.leave()
    assert shared.log == ["start"]
    await shared.lifetime.leave()
    assert shared.log == ["start", "stop"]


async def test_those_who_leave_together_all_wait_for_the_stop() -> None:
    shared = Shared()
    await asyncio.gather(*(shared.lifetime.join() for _ in range(3)))
    seen: list[list[str]] = []

    async def leave() -> None:
        await shared.lifetime.leave()
        seen.append(list(shared.log))

    await asyncio.gather(*(leave() for _ in range(3)))
    assert seen == [["start", "stop"]] * 3


async def test_a_start_that_fails_fails_for_all() -> None:
    shared = Shared(fails=True)
    results = await asyncio.gather(*(shared.lifetime.join() for _ in range(2)), return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no"]
    assert shared.log == ["start"]


async def test_whoever_is_cancelled_while_it_starts_stops_it() -> None:
    shared = Shared()
    task = asyncio.get_running_loop().create_task(shared.lifetime.join())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert shared.log == ["start", "stop"]


async def test_it_has_one_life() -> None:
    shared = Shared()
    await shared.lifetime.join()
    await shared.lifetime.leave()
    with pytest.raises(SiprecordError, match="has been stopped"):
        await shared.lifetime.join()
