"""A finished recording as its user finds it: files on disk."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import audio
from tests.support.audio import Samples
from tests.support.patience import PATIENCE
from tests.support.server import RunningServer


@dataclass(frozen=True)
class FoundRecording:
    """One directory of recordings/."""

    directory: Path

    @cached_property
    def metadata(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.directory / "metadata.json").read_text())
        return loaded

    @cached_property
    def channels(self) -> Samples:
        return audio.read_channels(self.directory / "audio.wav")

    @property
    def outcome(self) -> str:
        return str(self.metadata["outcome"])

    @property
    def capture(self) -> Path:
        return self.directory / "capture.pcapng"

    def stream(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.metadata["streams"][number]
        return found

    def place(self, number: int, samples: Samples) -> int:
        """The frame at which exactly these samples stand in that stream's channel."""
        at = audio.find(samples, self.channels[number])
        assert at is not None, f"channel {number} does not hold what was sent: {self.directory}"
        return at

    def spoken(self, number: int) -> Samples:
        """That stream's channel without its gaps, whose lengths a busy sender decides."""
        samples = self.channels[number]
        keep = np.ones(len(samples), np.bool_)
        for gap in self.stream(number)["gaps"]:
            keep[max(0, round(gap["start_s"] * audio.RATE)) : round(gap["end_s"] * audio.RATE)] = False
        kept: Samples = samples[keep]
        return kept

    def assert_spoken(self, number: int, samples: Samples) -> None:
        """Exactly these samples were said on that stream, with pauses of any length between packets."""
        found = audio.find(samples, self.spoken(number))
        assert found is not None, f"channel {number} does not hold what was sent: {self.directory}"

    def causes(self, number: int) -> list[str]:
        return [gap["cause"] for gap in self.stream(number)["gaps"]]


def find_recording(server: RunningServer, call_id: str) -> FoundRecording | None:
    """The recording of this Call-ID, when it is rendered."""
    for directory in server.recordings():
        found = FoundRecording(directory)
        if found.metadata["sip"]["call_id"] == call_id:
            return found
    return None


def wait_recording(server: RunningServer, call_id: str, seconds: float = PATIENCE) -> FoundRecording:
    """The recording of this Call-ID, once it is rendered."""
    end = time.monotonic() + seconds
    while (found := find_recording(server, call_id)) is None:
        assert time.monotonic() < end, f"no recording of {call_id}:\n{server.log.read_text()[-4000:]}"
        time.sleep(0.02)
    return found
