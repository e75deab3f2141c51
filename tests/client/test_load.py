from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import pytest

from siprecord.client import CallError, CallOutcome, ClientDriver, DriverSettings, Load, LoadPlan, figures
from siprecord.client import load as load_module
from siprecord.client.safety import is_ours, refuse_strangers
from tests.client.recorder import InstantPlayer, Recorder, accept, listening, refuse
from tests.support.patience import PATIENCE


def plan(port: int, calls: int = 6, rate: float = 500) -> LoadPlan:
    return LoadPlan(
        uris=(f"sip:127.0.0.1:{port};transport=udp",), calls=calls, rate=rate, seconds=0.04, patience=PATIENCE
    )


async def place(
    load_plan: LoadPlan,
    player: InstantPlayer | None = None,
    meanwhile: Callable[[Load], object] = lambda load: None,
) -> list[CallOutcome]:
    async with ClientDriver(DriverSettings(force_udp=True)) as driver:
        load = Load(load_plan, driver, player or InstantPlayer())
        meanwhile(load)
        return await load.run()


async def test_all_calls_are_placed_and_ended() -> None:
    recorder, player = Recorder(accept()), InstantPlayer()
    async with listening(recorder) as port:
        outcomes = await place(plan(port), player)
    found = figures(outcomes)
    assert (found.calls, found.calls_answered, found.calls_failed) == (6, 6, 0)
    assert sorted(outcome.number for outcome in outcomes) == list(range(6))
    assert sorted(track.mark for track in player.tracks if track.mark is not None) == list(range(12))
    assert (recorder.methods.count("INVITE"), recorder.methods.count("BYE")) == (6, 6)


async def test_refusals_are_outcomes() -> None:
    async with listening(Recorder(refuse(486))) as port:
        found = figures(await place(plan(port)))
    assert (found.calls, found.calls_failed) == (6, 6)
    assert list(found.failures) == ["refused: 486 Busy Here"]


async def test_stopping_ends_calls_and_places_no_more() -> None:
    recorder, player = Recorder(accept()), InstantPlayer(stuck=True)

    def stop_soon(load: Load) -> None:
        def look() -> None:
            if load.progress().up:
                load.stop()
            else:
                asyncio.get_running_loop().call_later(0.005, look)

        look()

    async with listening(recorder) as port:
        outcomes = await place(plan(port, calls=1000, rate=20), player, stop_soon)
    found = figures(outcomes)
    assert 1 <= found.calls < 1000
    assert found.failures == {"we hung up before everything was sent": found.calls}
    assert recorder.methods.count("BYE") == found.calls


async def test_stopping_at_the_moment_of_the_next_call_places_it_no_more() -> None:
    class JustInTime(asyncio.Event):
        async def wait(self) -> Literal[True]:
            self.set()
            raise TimeoutError

    async with ClientDriver(DriverSettings(force_udp=True)) as driver:
        load = Load(plan(9), driver, InstantPlayer())
        load._stopping = JustInTime()
        assert await load._stopped_before(driver.now() + 10)


async def test_a_recorder_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_module, "SILENCE_SECONDS", 0.05)
    silent = Recorder(lambda *_: None)
    async with listening(silent) as port:
        with pytest.raises(CallError, match=f"nobody answers at sip:127.0.0.1:{port}"):
            await place(plan(port))


async def test_a_closed_port_is_an_error_that_says_so() -> None:
    async with listening(Recorder(accept()), "tcp") as port:
        pass
    closed = LoadPlan(uris=(f"sip:127.0.0.1:{port};transport=tcp",), calls=50, rate=1000, seconds=1)
    with pytest.raises(CallError, match="no TCP connection"):
        await place(closed)


def test_only_our_own_addresses_are_loaded() -> None:
    assert is_ours("127.0.0.1")
    assert is_ours("127.9.9.9")
    for stranger in ("192.0.2.1", "2001:db8::1", "0.0.0.0", "224.0.0.1"):
        assert not is_ours(stranger)
    refuse_strangers("::1")
    with pytest.raises(CallError, match="--i-own-this-target"):
        refuse_strangers("192.0.2.1")
