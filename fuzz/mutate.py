"""Seeded mutation of inputs: octets, words, lines, numbers, nesting, and pieces of other inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from fuzz.words import CHARACTERS, FIELDS, LINES, NESTS, NUMBERS, ODD_TEXT, WORDS

MAX_INPUT = 16 * 1024
"""Octets of most inputs; a piece is now and then repeated up to `MAX_LARGE`."""
MAX_LARGE = 192 * 1024
_LARGE_SHARE = 0.0005
"""Of the inputs, those with such a piece: 500 in a million, each as dear as a hundred others."""
_SMALLER_SHARE = 0.15
"""Of the inputs, those made from the smaller one of two: small inputs find as much in less time."""
_NUMBER = re.compile(rb"[0-9]+")
_WORD = re.compile(rb"[A-Za-z0-9_.+\-]+")
_LENGTH = re.compile(rb"(?im)^(Content-Length|l)([ \t]*:[ \t]*)[0-9]+")
_TAG = re.compile(rb"<([A-Za-z][\w:.-]*)[^<>]*>")
_TAGS_TRIED = 3
_GAP = re.compile(rb">[^<>]*<")
_HEAD_END = re.compile(rb"\n\r?\n")

Step = Callable[[bytes, Sequence[bytes]], bytes]


class Mutator:
    """Makes new inputs out of those of a pool; the same seed makes the same inputs."""

    def __init__(self, random: Random, *, binary: bool = False) -> None:
        self._random = random
        octets: list[Step] = [
            self._flip, self._set_octet, self._insert_octets, self._delete, self._repeat, self._cut_off,
            self._swap, self._mix,
        ]  # fmt: skip
        text: list[Step] = [
            self._replace_word, self._insert_word, self._number, self._odd_text, self._lines, self._nest,
            self._splice_lines, self._fold, self._add_line, self._letter_case, self._line_end,
            self._element, self._element_text,
        ]  # fmt: skip
        fields: list[Step] = [self._field, self._small_field, self._blocks, self._field, self._resized]
        self._steps = octets + (fields * 2 if binary else text * 2)
        self._text = not binary

    def next(self, pool: Sequence[bytes]) -> bytes:
        """One more input."""
        random = self._random
        data = random.choice(pool)
        if random.random() < _SMALLER_SHARE:
            data = min(data, random.choice(pool), key=len)
        for _ in range(1 + int(random.expovariate(0.5))):
            data = random.choice(self._steps)(data, pool)
        if self._text and random.random() < 0.4:
            data = repaired(data)
        if random.random() < _LARGE_SHARE:
            return self._enlarge(data)
        return data[:MAX_INPUT]

    def _place(self, data: bytes) -> int:
        return self._random.randrange(len(data) + 1)

    def _range(self, data: bytes, longest: int = 64) -> tuple[int, int]:
        start = self._place(data)
        return start, min(len(data), start + self._random.randint(1, longest))

    def _flip(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        bit = 1 << self._random.randrange(8)
        return data[:place] + bytes(octet ^ bit for octet in data[place : place + 1]) + data[place + 1 :]

    def _set_octet(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        return data[:place] + bytes([self._random.randrange(256)]) + data[place + 1 :]

    def _insert_octets(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        return data[:place] + self._random.randbytes(self._random.randint(1, 8)) + data[place:]

    def _delete(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._range(data)
        return data[:start] + data[end:]

    def _repeat(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._range(data, 256)
        return data[:end] + data[start:end] * self._random.randint(1, 8) + data[end:]

    def _cut_off(self, data: bytes, _: Sequence[bytes]) -> bytes:
        return data[: self._place(data)] if self._random.random() < 0.8 else data[self._place(data) :]

    def _swap(self, data: bytes, _: Sequence[bytes]) -> bytes:
        first, second, third = sorted(self._place(data) for _ in range(3))
        return data[:first] + data[second:third] + data[first:second] + data[third:]

    def _mix(self, data: bytes, pool: Sequence[bytes]) -> bytes:
        other = self._random.choice(pool)
        start, end = self._range(other, 512)
        place = self._place(data)
        return (
            data[:place]
            + other[start:end]
            + data[place if self._random.random() < 0.5 else place + end - start :]
        )

    def _replaced(self, data: bytes, found: re.Pattern[bytes], new: bytes) -> bytes:
        match = found.search(data, self._place(data)) or found.search(data)
        return data if match is None else data[: match.start()] + new + data[match.end() :]

    def _replace_word(self, data: bytes, _: Sequence[bytes]) -> bytes:
        return self._replaced(data, _WORD, self._random.choice(WORDS))

    def _insert_word(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        blank = self._random.choice((b"", b"", b" ", b"\r\n"))
        return data[:place] + blank + self._random.choice(WORDS) + blank + data[place:]

    def _number(self, data: bytes, _: Sequence[bytes]) -> bytes:
        return self._replaced(data, _NUMBER, self._random.choice(NUMBERS))

    def _odd_text(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        return data[:place] + self._random.choice(ODD_TEXT) + data[place:]

    def _lines(self, data: bytes, _: Sequence[bytes]) -> bytes:
        lines = data.split(b"\n")
        first, second = (self._random.randrange(len(lines)) for _ in range(2))
        match self._random.randrange(4):
            case 0:
                lines[first], lines[second] = lines[second], lines[first]
            case 1:
                lines.insert(first, lines[second])
            case 2:
                del lines[min(first, second) : max(first, second)]
            case _:
                del lines[first]
        return b"\n".join(lines)

    def _splice_lines(self, data: bytes, pool: Sequence[bytes]) -> bytes:
        lines, others = data.split(b"\n"), self._random.choice(pool).split(b"\n")
        start = self._random.randrange(len(others))
        taken = others[start : start + self._random.choice((1, 1, 2, 5, 20))]
        place = self._random.randrange(len(lines) + 1)
        return b"\n".join(lines[:place] + taken + lines[place + self._random.choice((0, 0, 1, len(taken))) :])

    def _add_line(self, data: bytes, _: Sequence[bytes]) -> bytes:
        lines = data.split(b"\n")
        lines.insert(self._random.randrange(len(lines) + 1), self._random.choice(LINES) + b"\r")
        return b"\n".join(lines)

    def _line_end(self, data: bytes, _: Sequence[bytes]) -> bytes:
        new = self._random.choice((b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\n", b" \r\n", b"\r\n "))
        if self._random.random() < 0.3:
            return data.replace(b"\r\n", new)
        place = data.find(b"\n", self._place(data))
        return data if place < 0 else data[:place].rstrip(b"\r") + new + data[place + 1 :]

    def _fold(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = data.find(b" ", self._place(data))
        return (
            data if place < 0 else data[:place] + self._random.choice((b"\r\n ", b"\n\t")) + data[place + 1 :]
        )

    def _letter_case(self, data: bytes, _: Sequence[bytes]) -> bytes:
        start, end = self._range(data, 16)
        return data[:start] + data[start:end].swapcase() + data[end:]

    def _element(self, data: bytes, pool: Sequence[bytes]) -> bytes:
        """Delete, repeat, move or borrow a whole XML element, so that the document stays well-formed."""
        found = element_of(data, self._place(data))
        if found is None:
            return data
        start, end = found
        piece = data[start:end]
        rest = data[:start] + data[end:]
        target = _GAP.search(rest, self._place(rest))
        match self._random.randrange(4):
            case 0:
                return rest
            case 1:
                return data[:end] + piece * self._random.choice((1, 1, 30)) + data[end:]
            case 2 if target is not None:
                return rest[: target.end() - 1] + piece + rest[target.end() - 1 :]
            case _:
                other = self._random.choice(pool)
                first, last = element_of(other, self._place(other)) or (0, 0)
                return data[:start] + (other[first:last] or piece) + data[end:]

    def _element_text(self, data: bytes, _: Sequence[bytes]) -> bytes:
        """Put a character reference or odd text into an element or an attribute."""
        found = _GAP.search(data, self._place(data)) if self._random.random() < 0.5 else None
        place = found.start() + 1 if found else data.find(b'"', self._place(data)) + 1
        return data[:place] + self._random.choice(CHARACTERS) + data[place:]

    def _nest(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data)
        return data[:place] + self._random.choice(NESTS) * self._random.choice((2, 5, 33, 300)) + data[place:]

    def _field(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data) & ~3
        value = self._random.choice(FIELDS)
        return data[:place] + value.to_bytes(4, self._random.choice(("little", "big"))) + data[place + 4 :]

    def _small_field(self, data: bytes, _: Sequence[bytes]) -> bytes:
        place = self._place(data) & ~1
        value = self._random.choice(FIELDS) & 0xFFFF
        return data[:place] + value.to_bytes(2, self._random.choice(("little", "big"))) + data[place + 2 :]

    def _blocks(self, data: bytes, pool: Sequence[bytes]) -> bytes:
        """Delete, repeat, move or borrow whole pcapng blocks."""
        blocks, others = blocks_of(data), blocks_of(self._random.choice(pool))
        place = self._random.randrange(len(blocks))
        match self._random.randrange(4):
            case 0:
                del blocks[place]
            case 1:
                blocks.insert(self._random.randrange(len(blocks) + 1), blocks[place])
            case 2:
                blocks.append(blocks.pop(place))
            case _:
                blocks.insert(place, self._random.choice(others))
        return b"".join(blocks)

    def _resized(self, data: bytes, _: Sequence[bytes]) -> bytes:
        """Change the content of one block and make its lengths right again."""
        blocks = blocks_of(data)
        place = self._random.randrange(len(blocks))
        content = blocks[place][8:-4]
        content = self._random.choice((self._flip, self._delete, self._insert_octets, self._repeat))(
            content, ()
        )
        content += bytes(-len(content) % 4)
        length = (len(content) + 12).to_bytes(4, "little")
        blocks[place] = blocks[place][:4] + length + content + length
        return b"".join(blocks)

    def _enlarge(self, data: bytes) -> bytes:
        """One piece many times, so that anything that is not linear in its input shows."""
        size = self._random.choice((32 * 1024, 64 * 1024, MAX_LARGE))
        piece = self._random.choice(self._random.choice((NESTS, WORDS, LINES))) or b" "
        if self._text and self._random.random() < 0.5:
            start, end = self._range(data, 80)
            piece = data[start:end] or piece
        place = self._place(data)
        return (data[:place] + piece * (size // len(piece)) + data[place:])[:MAX_LARGE]


def element_of(data: bytes, place: int) -> tuple[int, int] | None:
    """Where one of the next XML elements begins and ends; None when none of the next tags has an end.

    The first end tag of the same name counts, so that the search takes linear time in any data.
    """
    for _ in range(_TAGS_TRIED):
        tag = _TAG.search(data, place)
        if tag is None:
            return None
        if tag[0].endswith(b"/>"):
            return tag.span()
        close = b"</" + tag[1] + b">"
        end = data.find(close, tag.end())
        if end >= 0:
            return tag.start(), end + len(close)
        place = tag.end()
    return None


def repaired(data: bytes) -> bytes:
    """The message with a Content-Length that fits its body, so that mutated bodies are read at all."""
    end = _HEAD_END.search(data)
    if end is None:
        return data
    length = b"%d" % (len(data) - end.end())
    return _LENGTH.sub(rb"\g<1>\g<2>" + length, data[: end.end()], count=1) + data[end.end() :]


def blocks_of(data: bytes) -> list[bytes]:
    """The blocks of a pcapng file, what is no block in pieces of 64 octets; never empty."""
    blocks: list[bytes] = []
    place = 0
    while place < len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        size = length if 12 <= length <= len(data) - place else 64
        blocks.append(data[place : place + size])
        place += size
    return blocks or [b""]
