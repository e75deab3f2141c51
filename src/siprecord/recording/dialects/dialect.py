"""What a vendor's file consists of: marks that give it away, and tables of where it puts things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from siprecord.recording.dialects.evidence import Evidence, Signs, plain
from siprecord.recording.dialects.findings import Direction, Fact, Party, Side
from siprecord.recording.dialects.values import same

Basis = Literal["documented", "seen", "field guide", "unverified"]
"""What the knowledge of a name rests on: a public manual; messages or sources that others published;
a row of the field guide; or memory alone, which costs nothing if it is wrong."""
Where = Literal["product", "header", "namespace", "part", "from", "element"]
WEIGHT: Mapping[Where, int] = {
    "product": 4, "namespace": 3, "header": 3, "from": 3, "element": 2, "part": 1
}  # fmt: skip
"""How much a mark counts: a name is plain speech, a body part may have come through from elsewhere."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign of a vendor: a text that occurs (product, namespace), or a name that is present."""

    where: Where
    text: str

    def seen(self, signs: Signs) -> bool:
        """Whether the message bears it."""
        text = self.text
        match self.where:
            case "product":
                return text in signs.product
            case "header":
                prefix = text.lower()
                return any(name.startswith(prefix) for name in signs.headers)
            case "namespace":
                return any(text in namespace for namespace in signs.namespaces)
            case "part":
                return any(kind.startswith(text) for kind in signs.parts)
            case "from":
                return text in signs.from_params
            case "element":
                return text in signs.elements


@dataclass(frozen=True, slots=True)
class HeaderId:
    """An id that is the value of a header, or of a parameter of it."""

    kind: str
    header: str
    normal: Callable[[str], str] = same
    param: str | None = None

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.header.lower() in signs.headers

    def find(self, evidence: Evidence) -> list[Fact]:
        """The facts that are there."""
        value = evidence.header(self.header)
        if value is not None and self.param is not None:
            params = dict(pair.strip().partition("=")[::2] for pair in value.split(";"))
            value = params.get(self.param)
        text = plain(value)
        return [Fact(self.kind, self.normal(text), self.header)] if text else []


@dataclass(frozen=True, slots=True)
class FromId:
    """An id in a parameter of the From URI."""

    kind: str
    param: str
    normal: Callable[[str], str] = same

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.param in signs.from_params

    def find(self, evidence: Evidence) -> list[Fact]:
        """The facts that are there."""
        text = plain(evidence.from_params.get(self.param))
        return [Fact(self.kind, self.normal(text), f"From;{self.param}")] if text else []


@dataclass(frozen=True, slots=True)
class ElementId:
    """An id that is the text of an extension element; `name` is its local name in bare form."""

    kind: str
    name: str
    normal: Callable[[str], str] = same

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.name in signs.elements

    def find(self, evidence: Evidence) -> list[Fact]:
        """The facts that are there."""
        return [
            Fact(self.kind, self.normal(item.text), f"metadata {item.name}")
            for item in evidence.texts(self.name)
        ]


@dataclass(frozen=True, slots=True)
class ElementParty:
    """An extension element whose text is the address of a party on this side."""

    side: Side | None
    name: str

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.name in signs.elements

    def find(self, evidence: Evidence) -> list[Party]:
        """The parties that are there."""
        return [
            Party(aor=item.text, side=self.side, source=f"metadata {item.name}")
            for item in evidence.texts(self.name)
        ]


@dataclass(frozen=True, slots=True)
class HeaderParty:
    """A header that holds the address of a party on this side."""

    side: Side | None
    header: str

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.header.lower() in signs.headers

    def find(self, evidence: Evidence) -> list[Party]:
        """The parties that are there."""
        address = evidence.address(self.header)
        if not address.uri:
            return []
        return [Party(aor=address.uri, name=address.display, side=self.side, source=self.header)]


@dataclass(frozen=True, slots=True)
class ElementWay:
    """An extension element whose text says which way the call went."""

    name: str
    words: Mapping[str, Direction]

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.name in signs.elements

    def find(self, evidence: Evidence) -> Direction | None:
        """The direction, if it is told."""
        told = (self.words.get(item.text.lower()) for item in evidence.texts(self.name))
        return next((direction for direction in told if direction), None)


@dataclass(frozen=True, slots=True)
class HeaderWay:
    """A header whose value says it."""

    header: str
    words: Mapping[str, Direction]

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return self.header.lower() in signs.headers

    def find(self, evidence: Evidence) -> Direction | None:
        """The direction, if it is told."""
        return self.words.get(plain(evidence.header(self.header)).lower())


@dataclass(frozen=True, slots=True)
class PresenceWay:
    """An extension element whose mere presence says it; `words` maps names to directions."""

    words: Mapping[str, Direction]

    def may_find(self, signs: Signs) -> bool:
        """Whether a message with these signs can hold such a thing at all."""
        return not signs.elements.isdisjoint(self.words)

    def find(self, evidence: Evidence) -> Direction | None:
        """The direction, if it is told."""
        return next((way for name, way in self.words.items() if name in evidence.item_names), None)


WAYS: Mapping[str, Direction] = {
    "inbound": "inbound", "incoming": "inbound", "in": "inbound", "terminating": "inbound",
    "termination": "inbound", "outbound": "outbound", "outgoing": "outbound", "out": "outbound",
    "originating": "outbound", "origination": "outbound",
}  # fmt: skip


def no_parties(evidence: Evidence) -> list[Party]:
    """For vendors that have no way of their own to name parties."""
    return []


IdRule = HeaderId | FromId | ElementId
PartyRule = ElementParty | HeaderParty
WayRule = ElementWay | HeaderWay | PresenceWay


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One vendor. `quirks` are those of the field guide it is known for, each with what to change on it.

    `basis` tells for each header, parameter, namespace and element above why we believe in it.
    """

    vendor: str
    title: str
    marks: tuple[Mark, ...]
    ids: tuple[IdRule, ...] = ()
    parties: tuple[PartyRule, ...] = ()
    ways: tuple[WayRule, ...] = ()
    more_parties: Callable[[Evidence], list[Party]] = no_parties
    quirks: Mapping[str, str] = field(default_factory=dict)
    basis: Mapping[str, Basis] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """All names that the tables look for, apart from names of products."""
        marks = {mark.text for mark in self.marks if mark.where != "product"}
        headers = {rule.header for rule in (*self.ids, *self.parties, *self.ways) if hasattr(rule, "header")}
        named = {rule.name for rule in (*self.ids, *self.parties, *self.ways) if hasattr(rule, "name")}
        params = {rule.param for rule in self.ids if isinstance(rule, FromId)}
        words = {word for way in self.ways if isinstance(way, PresenceWay) for word in way.words}
        return frozenset(marks | headers | named | params | words)

    def weigh(self, signs: Signs) -> tuple[int, tuple[str, ...]]:
        """How strongly the message points to this vendor, and by what."""
        seen = [mark for mark in self.marks if mark.seen(signs)]
        weight = 100 * sum(WEIGHT[where] for where in {mark.where for mark in seen}) + len(seen)
        return weight, tuple(f"{mark.where} {mark.text}" for mark in seen)
