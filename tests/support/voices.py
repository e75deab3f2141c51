"""What is said in a call, as it is sent and as it must come back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siprecord.media.audio import decode_g711, encode_g711
from tests.support import audio
from tests.support.audio import Samples

Law = Literal["pcmu", "pcma"]
FRAME = 160
PAYLOAD_TYPES: dict[Law, int] = {"pcmu": 0, "pcma": 8}


@dataclass(frozen=True)
class Voice:
    """Seconds of sound that no other seed has, in one law of G.711."""

    seed: int
    seconds: float = 0.6
    law: Law = "pcmu"

    @property
    def codes(self) -> bytes:
        """As it is sent, one octet a sample."""
        return encode_g711(audio.voice(self.seed, self.seconds).tobytes(), self.law)

    @property
    def heard(self) -> Samples:
        """As it must stand in the channel."""
        return np.frombuffer(decode_g711(self.codes, self.law), np.int16)

    @property
    def packets(self) -> int:
        return -(-len(self.codes) // FRAME)

    def heard_but(self, missing: Iterable[int]) -> Samples:
        """The same with nothing in the place of packets that never come."""
        keep = np.ones(len(self.heard), np.bool_)
        for number in missing:
            keep[number * FRAME : (number + 1) * FRAME] = False
        kept: Samples = self.heard[keep]
        return kept

    def heard_without(self, missing: Iterable[int]) -> Samples:
        """The same with silence for the packets that never come."""
        samples = self.heard.copy()
        for number in missing:
            samples[number * FRAME : (number + 1) * FRAME] = 0
        return samples
