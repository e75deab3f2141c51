"""The short form of `make chaos`: proofs that no other test stands for. Three at a time: they mostly wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.chaos import clock, cluster, foreign, gaps, links, merge, recorder, room
from tests.chaos.proof import SHORT, Proof
from tests.support import netns, stepclock, wire
from tests.support.redis_server import PROGRAM

pytestmark = pytest.mark.timeout(400)
NO_COMPILER = "" if stepclock.COMPILER else "there is no C compiler"
NEEDED: dict[Proof, str] = {
    recorder.packets: foreign.unavailable(),
    recorder.protected: "",
    gaps.audit: "",
    links.bad_network: netns.unavailable() or wire.unavailable(),
    clock.clock_set: NO_COMPILER,
    merge.copies: NO_COMPILER,
    cluster.cut_off: "" if PROGRAM else "redis-server is not installed; run scripts/packages.sh",
    recorder.invite_again: "",
    room.no_files: "",
}
"""Each proof, and why it can't be had here."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[Proof, Future[str]]]:
    with ThreadPoolExecutor(3) as pool:
        begun = {
            proof: pool.submit(proof, SHORT, tmp_path_factory.mktemp(proof.__name__))
            for proof, why_not in NEEDED.items()
            if not why_not
        }
        yield begun
        for future in begun.values():
            future.cancel()


def test_R01_R02_calls_and_their_packets_outlive_the_recorder(running: Mapping[Proof, Future[str]]) -> None:
    test_it_is_proved(running, recorder.packets)


@pytest.mark.parametrize("proof", list(NEEDED)[1:], ids=lambda proof: proof.__name__)
def test_it_is_proved(running: Mapping[Proof, Future[str]], proof: Proof) -> None:
    if NEEDED[proof]:
        pytest.skip(NEEDED[proof])
    assert running[proof].result()
