"""An element of a metadata document as its readers see it: by key, with aliases, noting what deviates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo

import msgspec

from siprecord.syntax.limits import Limits
from siprecord.syntax.metadata.model import NAMESPACE, RawTimes
from siprecord.syntax.metadata.times import read_time
from siprecord.syntax.metadata.xml import Element, write_element

KNOWN_NAMESPACES = frozenset(
    {NAMESPACE, "urn:ietf:params:xml:ns:recording", "urn:ietf:params:xml:ns:siprec", ""}
)
_NAMES = (
    *("datamode", "group", "session", "participant", "stream"),
    *("sessionrecordingassoc", "participantsessionassoc", "participantstreamassoc"),
    *("associate-time", "disassociate-time", "start-time", "stop-time"),
    *("sipSessionID", "reason", "group-ref", "nameID", "name", "label", "send", "recv", "param"),
)
_ATTRIBUTES = ("group_id", "session_id", "participant_id", "stream_id", "id", "aor", "cause", "protocol")
_UUID = re.compile(r"[A-Za-z0-9+/]{22}==")
_MAX_DEVIATIONS = 40
_EXTENSION_FACTOR = 4
"""Extensions, which repeat namespace declarations, may be this many times the largest document."""

Times = tuple[datetime | None, datetime | None, RawTimes]


def key_of(name: str) -> str:
    """A name without prefix, case, hyphens and underscores, as the readers compare it."""
    return _KEYS.get(name) or _bare(name)


def _bare(name: str) -> str:
    return name.rpartition(":")[2].lower().replace("-", "").replace("_", "")


# Nearly every name is spelled as it should be, so that the bare form need not be made again.
_KEYS = {name: _bare(name) for name in (*_NAMES, *_ATTRIBUTES)}
_SPELLINGS = {_bare(name): name for name in _NAMES}
_RIGHT = frozenset(_NAMES)


def joined(text: str) -> str:
    """An id without the white space base64Binary allows within; RFC 8068 wraps one over two lines."""
    return "".join(text.split())


class Extension(msgspec.Struct, frozen=True):
    """An element that RFC 7865 does not know, and the id of the metadata element that holds it."""

    parent: str
    element: Element


class Context:
    """What holds for a whole document: its namespaces, the zone of bare times, and what deviates."""

    def __init__(self, root: Element, limits: Limits, zone: tzinfo, deviations: Iterable[str]) -> None:
        self.namespaces = KNOWN_NAMESPACES | {root.namespace}
        self.zone = zone
        self.extensions: list[Extension] = []
        """Those of all elements, in the order these are read."""
        self._budget = limits.max_xml * _EXTENSION_FACTOR
        self._deviations = dict.fromkeys(deviations)

    @property
    def deviations(self) -> tuple[str, ...]:
        """Each once, in the order they were met."""
        return tuple(self._deviations)

    def note(self, text: str) -> None:
        """Add a deviation, unless there are too many."""
        if len(self._deviations) < _MAX_DEVIATIONS:
            self._deviations.setdefault(text)

    def written(self, element: Element) -> str:
        """An extension element as text; raises `ParseError` when all of them together get too long."""
        text = write_element(element, self._budget)
        self._budget -= len(text)
        return text


class Node:
    """One element: its children of the given keys, and the others as `extensions`."""

    def __init__(self, element: Element, keys: frozenset[str], context: Context) -> None:
        self.element = element
        self._context = context
        self._children: dict[str, list[Element]] = {}
        self._written: dict[str, str] | None = None
        self._others: list[Element] = []
        extensions = []
        children, namespaces = self._children, context.namespaces
        for child in element.children:
            local = child.local
            key = _KEYS.get(local) or _bare(local)
            if key in keys and child.namespace in namespaces:
                if key in children:
                    children[key].append(child)
                else:
                    children[key] = [child]
                if local not in _RIGHT:
                    self._note_spelling(key, local)
            else:
                extensions.append(self._extension(child))
                self._others.append(child)
        self.extensions = tuple(extensions)

    def _note_spelling(self, key: str, local: str) -> None:
        right = _SPELLINGS.get(key, local)
        if local != right:
            self._context.note(f"{right} is spelled {local[:40]} (RFC 7865 section 9)")

    def _extension(self, child: Element) -> str:
        if child.namespace == self.element.namespace:
            name = child.local[:40]
            self._context.note(f"{name} is no element of {self.element.local[:40]} (RFC 7865 section 9)")
        return self._context.written(child)

    def __contains__(self, key: str) -> bool:
        return key in self._children

    def all(self, key: str) -> list[Element]:
        """The children of that key, in order."""
        return self._children.get(key, [])

    def text(self, key: str) -> str | None:
        """The text of the first child of that key, or None when there is none or it is empty."""
        elements = self._children.get(key)
        return (elements[0].text or None) if elements else None

    def attribute(self, *keys: str) -> str | None:
        """The first attribute there is, in the order of `keys`."""
        written = self._written
        if written is None:
            written = {key_of(name): value for name, value in self.element.attributes.items()}
            self._written = written
        for key in keys:
            if key in written:
                return written[key]
        return None

    def file(self, holder: str) -> None:
        """Tell the context of the extensions; `holder` is the id they are said of."""
        if self._others:
            self._context.extensions += [Extension(holder, each) for each in self._others]
            self._others = []

    def id(self, right: str, *aliases: str) -> str:
        """The id in the attribute `right`, else in one of its aliases; "" when there is none.

        The first id that is asked for is the one that the extensions are said of.
        """
        found = self._find_id(right, aliases)
        self.file(found)
        return found

    def _find_id(self, right: str, aliases: tuple[str, ...]) -> str:
        value = self.element.attributes.get(right)
        if value is None:
            value = self.attribute(key_of(right), *aliases)
            if value is None:
                self._context.note(f"{self.element.local[:40]} has no {right} (RFC 7865 section 9)")
                return ""
            self._context.note(f"{right} has another name (RFC 7865 section 9, Q44)")
        value = joined(value)
        if not value:
            self._context.note(f"{right} is empty (Q47)")
        elif _UUID.fullmatch(value) is None:
            self._context.note(f"{right} is no UUID in base64 (RFC 7865 section 6.10, Q50)")
        return value

    def times(self, first: str = "associatetime", last: str = "disassociatetime") -> Times:
        """Two times, and each as it was written where it was."""
        if first not in self._children and last not in self._children:
            return None, None, ()
        raw: list[tuple[str, str]] = []
        values: list[datetime | None] = [None, None]
        notes: list[str] = []
        for index, key in enumerate((first, last)):
            text = self.text(key)
            if text is not None:
                raw.append((_SPELLINGS[key], text))
                values[index] = read_time(text, self._context.zone, notes)
        for note in notes:
            self._context.note(note)
        return values[0], values[1], tuple(raw)
