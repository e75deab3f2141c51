"""What a proof is: a function that does something to a real server and tells what it saw, or fails.

Hook one in by naming it in `requirements.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Scale:
    """How hard to try: calls that are up while the recorder is killed, and how often it is killed."""

    calls: int = 100
    kills: int = 20
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))

    def chance(self, name: str) -> random.Random:
        """The chance of one proof: the same for the same seed."""
        return random.Random(f"{self.seed}/{name}")


SHORT = Scale(calls=8, kills=2)
"""For the tests."""

Proof = Callable[[Scale, Path], str]
"""Gets an empty directory, returns what it saw in a line with figures; raises Failure or AssertionError."""


@dataclass(frozen=True)
class Requirement:
    """One line of the report. It is proved when each of its proofs is; without any it is not built."""

    name: str
    title: str
    proofs: tuple[Proof, ...]


class Failure(Exception):
    """A requirement is not met."""


def need(met: object, text: object) -> None:
    """Fail with this text unless `met`."""
    if not met:
        raise Failure(str(text))
