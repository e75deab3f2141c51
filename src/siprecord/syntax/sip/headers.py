"""The headers of one message: an ordered multi-map that parses on demand, once (RFC 3261 section 7.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, TypeVar

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import WHITESPACE, split_list
from siprecord.syntax.sip.names import CANONICAL, KEYS, canonical_name, header_key

T = TypeVar("T")

# A comma in these is part of the value (RFC 3261 sections 7.3.1 and 20).
_NEVER_SPLIT = frozenset(
    {
        "authorization",
        "call-id",
        "date",
        "proxy-authenticate",
        "proxy-authorization",
        "retry-after",
        "server",
        "subject",
        "user-agent",
        "www-authenticate",
    }
)


class Headers:
    """Header rows in the order of the message; names match in any case and in compact form.

    A name is a token and a value has no CR or LF: anything else would be header injection, so the methods
    that take new rows raise ValueError. Rows of received messages can't break this rule, the parser takes
    lines apart.
    """

    __slots__ = ("_index", "_parsed", "_rows")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._rows = [_checked(name, value) for name, value in items]
        self._index: dict[str, list[str]] | None = None
        self._parsed: dict[str, Any] = {}

    @classmethod
    def received(cls, rows: list[tuple[str, str]]) -> Headers:
        """Headers that own these rows, which the parser has canonicalised already."""
        headers = cls()
        headers._rows = rows
        return headers

    def get(self, name: str) -> str | None:
        """The first row of that name as written, or None."""
        index = self._index if self._index is not None else self._rows_by_key()
        rows = index.get(KEYS.get(name) or header_key(name))
        return rows[0] if rows else None

    def get_all(self, name: str) -> list[str]:
        """All rows of that name in order."""
        return list(self._rows_by_key().get(header_key(name), ()))

    def get_list(self, name: str) -> list[str]:
        """The elements of all rows of that name; commas split, save in quotes, in `<>` and in credentials."""
        key = KEYS.get(name) or header_key(name)
        index = self._index if self._index is not None else self._rows_by_key()
        rows = index.get(key)
        if rows is None:
            return []
        if len(rows) == 1 and "," not in rows[0] and key not in _NEVER_SPLIT:
            only = rows[0].strip(WHITESPACE)
            return [only] if only else []
        if key in _NEVER_SPLIT:
            return list(rows)
        return [element for row in rows for element in split_list(row)]

    def parsed(self, name: str, parse: Callable[[str], T]) -> T:
        """The first row of that name through `parse`, kept until the headers change.

        Each name goes with one parser only. Raises ParseError, which names the header, when it is missing or
        malformed.
        """
        value: T | None = self._parsed.get(name)
        if value is None:
            try:
                value = self._parsed[name] = parse(self._required(name))
            except ParseError as error:
                raise _named(name, error) from None
        return value

    def remember(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, kept until the headers change; ParseErrors name the header."""
        value: T | None = self._parsed.get(name)
        if value is None:
            try:
                value = make()
            except ParseError as error:
                raise _named(name, error) from None
            self._parsed[name] = value
        return value

    def remembered(self, name: str) -> Any:
        """What `remember` has kept under that name, or None."""
        return self._parsed.get(name)

    def add(self, name: str, value: str) -> None:
        """Appends a row."""
        self._rows.append(_checked(name, value))
        self._forget()

    def set(self, name: str, value: str) -> None:
        """Makes this the only row of that name, at the place of the first one, or at the end."""
        row = _checked(name, value)
        key = header_key(name)
        places = [place for place, (have, _) in enumerate(self._rows) if header_key(have) == key]
        if not places:
            self.add(name, value)
            return
        self._rows[places[0]] = row
        for place in reversed(places[1:]):
            del self._rows[place]
        self._forget()

    def remove(self, name: str) -> None:
        """Removes all rows of that name, if there are any."""
        key = header_key(name)
        self._rows = [row for row in self._rows if header_key(row[0]) != key]
        self._forget()

    def keys(self) -> Set[str]:
        """The names that occur, in lower case and with compact forms expanded."""
        return self._rows_by_key().keys()

    def repeated(self) -> list[str]:
        """The names that have more than one row, spelled as in `keys`."""
        return [key for key, rows in self._rows_by_key().items() if len(rows) > 1]

    def items(self) -> Iterator[tuple[str, str]]:
        """Name and value of each row in order."""
        return iter(self._rows)

    def copy(self) -> Headers:
        """Headers with the same rows, to be changed without touching these."""
        return Headers.received(list(self._rows))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and header_key(name) in self._rows_by_key()

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """For logs and tracebacks: without what proves a password."""
        rows = [(name, "(hidden)" if "Authorization" in name else value) for name, value in self._rows]
        return f"Headers({rows!r})"

    def _required(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise ParseError(f"{name} header missing")
        return value

    def _rows_by_key(self) -> dict[str, list[str]]:
        if self._index is None:
            index: dict[str, list[str]] = {}
            for name, value in self._rows:
                key = KEYS.get(name) or header_key(name)
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
            self._index = index
        return self._index

    def _forget(self) -> None:
        self._index = None
        self._parsed.clear()


def _checked(name: str, value: str) -> tuple[str, str]:
    canonical = CANONICAL.get(name) or canonical_name(name)
    if canonical is None:
        raise ValueError(f"{name!r} is no header name")
    if "\r" in value or "\n" in value:
        raise ValueError(f"{canonical} value {value!r} has a line break")
    return canonical, value


def _named(name: str, error: ParseError) -> ParseError:
    text = str(error)
    return ParseError(text if text.startswith(name) else f"{name}: {text}", status=error.status)
