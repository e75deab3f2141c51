"""R7: two servers record the same calls, each with losses of its own, and `siprecord merge` joins them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from siprecord.media.sender import Impairments
from tests.chaos.proof import Scale, need
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, Src
from tests.support.stepclock import StepClock
from tests.support.voices import Voice

LOSS = 0.06
AHEAD_S = 47.0
"""How far the second server's clock is before the first one's."""
OTHER_NUMBERS = {"sequence": 65_400, "timestamp": 4_294_900_000}


@dataclass(frozen=True)
class Leg:
    """One of the two sides that a call is sent to, and which packets never leave for it, stream by stream."""

    client: Src
    drops: tuple[frozenset[int], ...]
    numbers: dict[str, int]

    def start(self, voices: tuple[Voice, ...]) -> None:
        plays = [
            Play(voice=voice, impairments=Impairments(drop=tuple(sorted(drop))), **self._numbers())
            for voice, drop in zip(voices, self.drops, strict=True)
        ]
        self.client.start(*plays)

    def _numbers(self) -> dict[str, Any]:
        return dict(self.numbers)

    def end(self) -> None:
        need(self.client.sender.wait(PATIENCE), "the audio does not end")
        need(self.client.bye().status == 200, "BYE")
        self.client.close()


def copies(scale: Scale, directory: Path) -> str:
    """What is lost in the end is what both lost; what can't be joined is told and stays."""
    chance, clock = scale.chance("merge"), StepClock(directory / "clock")
    count = 2 if scale.calls < 20 else 4
    clock.set(AHEAD_S)
    first, second = directory / "first", directory / "second"
    for each in (first, second):
        each.mkdir()
    with served(first) as one, served(second, settings=clock.settings) as two:
        calls = [_record((one, two), chance, number) for number in range(count)]
    told = [_merge(pair, directory / f"both-{number}") for number, pair in enumerate(calls)]
    strangers = _refused(calls[0][0].directory, calls[1][1].directory, directory / "never")
    packets, lost_first, lost_second, lost = (sum(row) for row in zip(*told, strict=True))
    return (
        f"{count} calls on two servers whose clocks differ by {AHEAD_S:.0f} s, {packets} packets: one lost "
        f"{lost_first}, the other {lost_second}, the merged ones the {lost} that both lost, audio equal to "
        f"the sample; copies of two calls are refused, both stay: {strangers!r}"
    )


@dataclass(frozen=True)
class Copy:
    """What one server has of a call."""

    directory: Path
    voices: tuple[Voice, ...]
    drops: tuple[frozenset[int], ...]


def _record(servers: tuple[RunningServer, RunningServer], chance: Random, number: int) -> tuple[Copy, Copy]:
    voices = (
        Voice(seed=100 + 2 * number, seconds=3.0),
        Voice(seed=101 + 2 * number, seconds=3.0, law="pcma"),
    )
    legs = []
    for side, server in enumerate(servers):
        client = Src(server.sip_port)
        client.call()
        drops = tuple(_some(chance, voice.packets) for voice in voices)
        legs.append(Leg(client, drops, OTHER_NUMBERS if side and number % 2 else {}))
    for leg in legs:
        leg.start(voices)
    made = []
    for leg, server in zip(legs, servers, strict=True):
        leg.end()
        found = wait_recording(server, leg.client.call_id)
        _check(found, voices, leg.drops)
        made.append(Copy(found.directory, voices, leg.drops))
    return made[0], made[1]


def _some(chance: Random, packets: int) -> frozenset[int]:
    """Packets that get lost; the first and the last come."""
    return frozenset(number for number in range(1, packets - 1) if chance.random() < LOSS)


def _check(found: FoundRecording, voices: tuple[Voice, ...], drops: tuple[frozenset[int], ...]) -> None:
    for number, (voice, drop) in enumerate(zip(voices, drops, strict=True)):
        row = found.stream(number)
        counts = row["packets_unique"], row["packets_lost"]
        need(counts == (voice.packets - len(drop), len(drop)), f"{counts}, {len(drop)} were lost")
        found.assert_spoken(number, voice.heard_but(drop))


def _merge(pair: tuple[Copy, Copy], folder: Path) -> tuple[int, int, int, int]:
    """Join the copies; packets, and how many are lost in the first, the second, and in the end."""
    before = [_content(each.directory) for each in pair]
    done = _run(pair[0].directory, pair[1].directory, folder)
    need(done.returncode == 0, done.stderr)
    account = json.loads(done.stdout)["merged"]
    need(abs(account["clock_offset_s"] - AHEAD_S) < 1, f"clocks {account['clock_offset_s']} s apart")
    both = tuple(one & two for one, two in zip(pair[0].drops, pair[1].drops, strict=True))
    _check(FoundRecording(folder), pair[0].voices, both)
    need([_content(each.directory) for each in pair] == before, "a copy was changed")
    packets = sum(voice.packets for voice in pair[0].voices)
    first, second, lost = (sum(map(len, drops)) for drops in (pair[0].drops, pair[1].drops, both))
    return packets, first, second, lost


def _refused(first: Path, second: Path, folder: Path) -> str:
    """Two recordings that have nothing in common: what people are told."""
    before = _content(first), _content(second)
    done = _run(first, second, folder)
    need(done.returncode == 1 and not folder.exists(), f"exit code {done.returncode}, {done.stdout}")
    need((_content(first), _content(second)) == before, "a copy was changed")
    return done.stderr.rpartition("have ")[2].strip()


def _run(first: Path, second: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(each) for each in (first, second, folder)]
    command = [sys.executable, "-m", "siprecord", "merge", *words, "--json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def _content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}
