"""One fault, told so that whoever runs the client's side can act on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the message, counted from 1 as an editor counts."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, on which line, what the rule says, and what to change on the client.

    `line` is None where something is missing altogether. `change` is empty where nothing can be changed.
    """

    fault: str
    reference: str
    rule: str = ""
    change: str = ""
    line: Line | None = None
