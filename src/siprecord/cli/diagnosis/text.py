"""The lines of a message as they are read by people, and the search for those that matter."""

from __future__ import annotations

import re

from siprecord.cli.diagnosis.finding import Line

SHOWN = 120
"""Characters of a line that are shown; ours."""


class Text:
    """A message cut into lines."""

    def __init__(self, message: bytes) -> None:
        text = message.decode("utf-8", "replace")
        self._lines = [line.removesuffix("\r") for line in text.split("\n")]
        self._body = next(
            (at + 1 for at, line in enumerate(self._lines) if at and not line), len(self._lines)
        )
        self._media = [
            at for at, line in enumerate(self._lines) if at >= self._body and line.startswith("m=")
        ]

    def header(self, *names: str) -> Line | None:
        """The first header of one of these names."""
        pattern = re.compile(rf"^(?:{'|'.join(names)})[ \t]*:", re.IGNORECASE)
        return self._first(pattern, 0, self._body)

    def body(self, pattern: str) -> Line | None:
        """The first line of the body in which this is found."""
        return self._first(re.compile(pattern), self._body, len(self._lines))

    def media(self, number: int, pattern: str = r"m=") -> Line | None:
        """The first such line of an m-line's section, from 0; the m= line itself when there is none."""
        if not 0 <= number < len(self._media):
            return None
        at = self._media[number]
        following = self._media[number + 1] if number + 1 < len(self._media) else len(self._lines)
        end = next((each for each in range(at, following) if not self._lines[each]), following)
        return self._first(re.compile(pattern), at, end) or self._shown(at)

    def connection(self, number: int) -> Line | None:
        """The c= line that holds for an m-line: its own, else that of the session."""
        own = self.media(number, r"c=")
        return own if own is not None and own.text.startswith("c=") else self.body(r"^c=")

    def document(self, number: int) -> Line | None:
        """A line of the metadata, from 1; the document begins with its first tag."""
        start = self._first(re.compile(r"^\s*<"), self._body, len(self._lines))
        if start is None or not 0 < number <= len(self._lines) - start.number + 1:
            return start
        return self._shown(start.number + number - 2)

    def last(self) -> Line | None:
        """The last line that is not empty."""
        at = next((at for at in range(len(self._lines) - 1, -1, -1) if self._lines[at].strip()), None)
        return None if at is None else self._shown(at)

    def _first(self, pattern: re.Pattern[str], start: int, end: int) -> Line | None:
        at = next((at for at in range(start, end) if pattern.search(self._lines[at])), None)
        return None if at is None else self._shown(at)

    def _shown(self, at: int) -> Line:
        return Line(at + 1, self._lines[at].strip()[:SHOWN])
