"""A message as dialects look at it: everything by name, cut to a sane size, and never an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from siprecord.errors import ParseError
from siprecord.recording.dialects.findings import MAX_VALUE
from siprecord.syntax.metadata import Extension, MetadataDocument
from siprecord.syntax.metadata.xml import Element
from siprecord.syntax.sdp import SessionDescription
from siprecord.syntax.sip import NameAddr, Request, SipUri, parse_params, unquote

MAX_ITEMS = 2000
"""Extension elements that are looked at; ours."""
MAX_ROW = 4096


class Item(msgspec.Struct, frozen=True):
    """One element of extension data. `parent` is the id of the metadata element it is said of."""

    parent: str
    namespace: str
    name: str
    """Local name in lower case, without hyphens and underscores."""
    text: str
    within: tuple[str, ...]
    """Names of the extension elements around it, outermost first."""
    attributes: Mapping[str, str]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The bodies of the message, read. `others` are the types of parts that are neither SDP nor metadata."""

    sdp: SessionDescription | None = None
    metadata: MetadataDocument | None = None
    has_document: bool = False
    others: tuple[str, ...] = ()
    extensions: Sequence[Extension] = ()


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """What vendors are told apart by, in lower case. Calls of one vendor have the same signs, mostly."""

    product: str
    headers: frozenset[str]
    namespaces: frozenset[str]
    parts: tuple[str, ...]
    from_params: frozenset[str]
    elements: frozenset[str]


class Evidence:
    """What a dialect may ask of a message."""

    def __init__(self, request: Request, said: Said) -> None:
        self.request = request
        self.sdp = said.sdp
        self.metadata = said.metadata
        self.has_document = said.has_document
        self.others = said.others
        self.product = " ".join(filter(None, map(self.header, ("User-Agent", "Server"))))[:MAX_VALUE]
        """What the sender calls itself."""
        self.from_params = _from_params(request)
        """Parameters of the From URI and of the From header; Cisco phones put the call there."""
        self.items = _items(said.extensions)
        """All extension elements of the metadata."""
        self.item_names = frozenset([item.name for item in self.items])
        """The names of these."""

    @property
    def from_user(self) -> str:
        """The user part of the From URI; empty when it has none."""
        try:
            uri = self.request.from_.uri
        except ParseError:
            return ""
        return uri.partition("@")[0].partition(":")[2][:MAX_VALUE] if "@" in uri else ""

    @property
    def opens(self) -> bool:
        """Whether this is the INVITE of a new call."""
        if self.request.method != "INVITE":
            return False
        try:
            return "tag" not in self.request.to.params
        except ParseError:
            return True

    def header(self, name: str) -> str | None:
        """The first row of that name, stripped; None when it is missing, empty or absurdly long."""
        row = (self.request.headers.get(name) or "").strip()
        return row if 0 < len(row) <= MAX_ROW else None

    def entries(self, name: str) -> list[str]:
        """The entries of a list header."""
        entries = self.request.headers.get_list(name)
        return [entry for entry in entries[:32] if len(entry) <= MAX_ROW] if entries else entries

    def headers_starting(self, prefix: str) -> bool:
        """Whether there is a header whose name begins so, in any case."""
        wanted = prefix.lower()
        return any(name.startswith(wanted) for name in self.request.headers.keys())  # noqa: SIM118

    def address(self, name: str) -> NameAddr:
        """The address in From, To or the like; an empty one when there is none that can be read."""
        return read_address(self.header(name) or "")

    @property
    def signs(self) -> Signs:
        """What vendors are told apart by."""
        return Signs(
            product=self.product.lower(),
            headers=frozenset(self.request.headers.keys()),
            namespaces=self.namespaces,
            parts=self.others,
            from_params=frozenset(self.from_params),
            elements=self.item_names,
        )

    @property
    def namespaces(self) -> frozenset[str]:
        """Namespaces of the document and its extensions, in lower case."""
        own = (self.metadata.namespace,) if self.metadata else ()
        return frozenset(name.lower() for name in {*own, *(item.namespace for item in self.items)})

    def texts(self, *names: str) -> Iterator[Item]:
        """Extension elements of these names that have a text."""
        if self.item_names.isdisjoint(names):
            return iter(())
        return (item for item in self.items if item.name in names and item.text)


def _from_params(request: Request) -> Mapping[str, str | None]:
    try:
        address = request.from_
    except ParseError:
        return {}
    return {**address.params, **uri_params(address.uri)} if ";" in address.uri else address.params


def _items(extensions: Iterable[Extension]) -> tuple[Item, ...]:
    found: list[Item] = []
    for each in extensions:
        _collect(found, each.element, each.parent, ())
        if len(found) >= MAX_ITEMS:
            break
    return tuple(found)


def read_address(text: str) -> NameAddr:
    """An address, or an empty one."""
    try:
        return NameAddr.parse(text)
    except ParseError:
        return NameAddr(None, "")


def uri_params(uri: str) -> Mapping[str, str | None]:
    """The parameters of a URI; none when it can't be read."""
    if ";" not in uri:
        return {}
    try:
        return SipUri.parse(uri).params
    except ParseError:
        try:
            return parse_params(uri.partition(";")[2])
        except ParseError:
            return {}


def plain(value: str | None) -> str:
    """A parameter's value without quotes and blanks, cut to size."""
    return unquote((value or "").strip()).strip()[:MAX_VALUE]


def _collect(found: list[Item], element: Element, parent: str, within: tuple[str, ...]) -> None:
    """`parent="…"` wins over the place: old drafts put all extension data at the root."""
    if len(found) >= MAX_ITEMS:
        return
    parent = element.attributes.get("parent", parent).strip()
    name = element.local.lower().replace("-", "").replace("_", "")
    found.append(Item(parent, element.namespace, name, element.text[:MAX_VALUE], within, element.attributes))
    for child in element.children:
        _collect(found, child, parent, (*within, name))
