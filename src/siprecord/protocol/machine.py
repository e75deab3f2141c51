"""State machines as tables.

A machine is a dict `(state, input) -> (actions, next state)`. It decides and nothing else: whoever owns it
performs the actions, in order. A pair that is not in the table is something that can't happen, or must not
have an effect: `step` answers it with no action and the same state, and says so, so that it can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741  (the letter of the formula above)
A = TypeVar("A")

Table = Mapping[tuple[S, I], tuple[tuple[A, ...], S]]


def step(table: Table[S, I, A], state: S, given: I) -> tuple[tuple[A, ...], S, bool]:
    """The actions to perform, the next state, and whether the table knows the pair."""
    row = table.get((state, given))
    if row is None:
        return (), state, False
    return row[0], row[1], True
