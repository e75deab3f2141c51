"""What a target says about one input, and how it says that an invariant does not hold."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass

_VARIES = re.compile(r"'.*'|\".*\"|\d+", re.DOTALL)
_KEPT = 48


class Broken(AssertionError):
    """An invariant of a target does not hold for an input."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an input was taken: refused or not, and the rough shape of what came out.

    An input with a shape not seen before is worth mutating further.
    """

    rejected: bool
    shape: Hashable


def held(condition: object, invariant: str) -> None:
    """Raise `Broken` unless the condition is true."""
    if not condition:
        raise Broken(invariant)


def same(left: object, right: object, invariant: str) -> None:
    """Raise `Broken`, which shows where the two begin to differ, unless they are equal."""
    if left != right:
        one, other = repr(left), repr(right)
        start = max(0, next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0) - 40)
        raise Broken(f"{invariant}: ...{one[start : start + 160]} and ...{other[start : start + 160]}")


def refusal(error: Exception) -> Outcome:
    """The outcome of an input that was refused: the words of the error without what varies."""
    return Outcome(True, (type(error).__name__, getattr(error, "status", 0), plain(str(error))))


def plain(text: str) -> str:
    """A sentence without the quoted text and the numbers in it; its end, which says what was expected."""
    return _VARIES.sub("", text)[-_KEPT:]


def bucket(count: int) -> int:
    """A count, coarsely: 0, 1, 2, 3, 4 to 7, 8 to 15 and so on."""
    return count if count < 4 else 1 << (count.bit_length() - 1)
