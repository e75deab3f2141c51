"""XML for bodies that strangers send: a small tree with hard limits.

Expat is used, not lxml: it tells us of each element as it comes, so that a limit stops the work at once, and
it keeps nothing afterwards, whereas lxml holds every element name it ever saw for the life of the thread.
A DOCTYPE is refused, so there are no entities and nothing to fetch. Prefixes are resolved here, since expat
would refuse a document with an undeclared one, and clients send such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"
MAX_PREFIXES = 64
"""Namespace declarations in force at once; ours, so that scopes stay cheap to copy."""
MAX_NAMESPACE = 512
"""Characters of a namespace name; ours. Extensions repeat it, so it may not be long."""

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NO_BOMS = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso8859-15",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
}
_OUTERMOST: Mapping[str, str] = {"xml": XML_NAMESPACE}
_TAG = re.compile(r"<[^<>!?][^<>]*>")
_UNQUOTED = re.compile(r""""[^"]*"|'[^']*'|=\s*([^\s"'<>=][^\s"'<>]*)""")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_TO_ESCAPE = re.compile(r"""[&<>"\r\n\t]""")
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Element(msgspec.Struct):
    """An element: names as written and resolved, attributes as written, content in order.

    `scope` maps the prefixes in force here to namespaces; the default namespace has the prefix "".
    """

    name: str
    local: str
    namespace: str
    attributes: Mapping[str, str]
    scope: Mapping[str, str]
    content: list[Element | str] = msgspec.field(default_factory=list)
    children: list[Element] = msgspec.field(default_factory=list)
    """The elements among the content, in order."""

    @property
    def text(self) -> str:
        """The text directly within, stripped."""
        if not self.children:
            return "".join(self.content).strip()  # type: ignore[arg-type]  # no elements, so text only
        return "".join([item for item in self.content if isinstance(item, str)]).strip()


def read_xml(data: bytes, limits: Limits, charset: str | None, deviations: list[str]) -> Element:
    """Parse a document and give its root; what had to be mended is added to `deviations`.

    Raises `ParseError`: over a limit, a DOCTYPE, not well-formed beyond mending.
    """
    if len(data) > limits.max_xml:
        raise ParseError(f"the metadata has {len(data)} octets; {limits.max_xml} are read", status=413)
    text = _decode(data, charset, deviations)
    document = text.lstrip("\ufeff \t\r\n").rstrip("\0 \t\r\n")
    if not document:
        raise ParseError("the metadata is empty")
    try:
        return _build(document, limits)
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)} in line {error.lineno}"
    try:
        root = _build(_mend(document), limits)
    except expat.ExpatError:
        raise ParseError(f"the metadata is no well-formed XML: {reason}") from None
    deviations.append(f"the XML is not well-formed ({reason}); it was mended to be read")
    return root


def write_element(element: Element, budget: int) -> str:
    """An element as text that stands alone: it declares every prefix it uses.

    Raises `ParseError` when the text would be longer than `budget` characters.
    """
    used: set[str] = set()
    _collect_prefixes(element, used)
    scope = {"": "", **element.scope}
    declarations = {prefix: scope[prefix] for prefix in sorted(used) if prefix in scope}
    chunks: list[str] = []
    _write(element, declarations, chunks)
    text = "".join(chunks)
    if len(text) > budget:
        raise ParseError("the extension data is too long", status=413)
    return text


def _decode(data: bytes, charset: str | None, deviations: list[str]) -> str:
    """A byte order mark decides (RFC 7303), else the MIME charset (RFC 7865 section 5.1), else the text."""
    encoding = _encoding(data, charset, deviations)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        deviations.append(
            f"the metadata is not valid {encoding}; it was read as ISO 8859-1 (RFC 7865 section 5.1)"
        )
        return data.decode("latin-1")


def _encoding(data: bytes, charset: str | None, deviations: list[str]) -> str:
    for mark, encoding in _BOMS + _NO_BOMS:
        if data.startswith(mark):
            return encoding
    declared = _DECLARED.match(data)
    for name in (charset, declared[1].decode() if declared else None):
        if name is None:
            continue
        known = _ENCODINGS.get(name.strip().lower())
        if known is not None and not (known.startswith("utf-16") and b"\0" not in data):
            return known
        deviations.append(f"the metadata claims the encoding {name[:40]!r}; it was read as UTF-8")
        break
    return "utf-8"


def _mend(text: str) -> str:
    """Repair what clients get wrong: attribute values without quotes, bare ampersands, control characters."""
    text = _FORBIDDEN.sub(" ", text)
    text = _BARE_AMPERSAND.sub("&amp;", text)
    return _TAG.sub(lambda tag: _UNQUOTED.sub(_quote, tag[0]), text)


def _quote(match: re.Match[str]) -> str:
    value = match[1]
    if value is None:
        return match[0]
    # `<a b=c/>`: the slash closes the tag.
    closes = value.endswith("/") and match.end() == len(match.string) - 1
    return f'="{value[:-1]}"/' if closes else f'="{value}"'


def _build(text: str, limits: Limits) -> Element:
    builder = _Builder(limits)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse_doctype
    # Expat is given str, so that an encoding declared in the document has no say any more.
    parser.Parse(text, True)
    assert builder.root is not None
    return builder.root


def _refuse_doctype(*_: object) -> None:
    raise ParseError("the metadata has a DOCTYPE, which is never read (RFC 7303 section 10)")


class _Builder:
    def __init__(self, limits: Limits) -> None:
        self._max_elements = limits.max_xml_elements
        self._max_depth = limits.max_xml_depth
        self._count = 0
        self._open: list[Element] = []
        self.root: Element | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > self._max_elements:
            raise ParseError(f"the metadata has more than {self._max_elements} elements", status=413)
        around = self._open
        if len(around) >= self._max_depth:
            raise ParseError(f"the metadata nests deeper than {self._max_depth} elements")
        parent = around[-1] if around else None
        scope = _OUTERMOST if parent is None else parent.scope
        for key in attributes:
            if key.startswith("xmlns") and key[5:6] in {"", ":"}:
                attributes, scope = _declare(attributes, scope)
                break
        prefix, _, local = name.partition(":") if ":" in name else ("", "", name)
        element = Element(name, local, scope.get(prefix, ""), attributes, scope)
        if parent is None:
            self.root = element
        else:
            parent.content.append(element)
            parent.children.append(element)
        around.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        self._open[-1].content.append(text)


def _declare(
    attributes: dict[str, str], scope: Mapping[str, str]
) -> tuple[dict[str, str], Mapping[str, str]]:
    """Take the namespace declarations out of the attributes and into the scope."""
    declared = {
        key: value for key, value in attributes.items() if key.startswith("xmlns") and key[5:6] in {"", ":"}
    }
    left = {key: value for key, value in attributes.items() if key not in declared}
    return left, _extended(scope, declared)


def _extended(scope: Mapping[str, str], declared: Mapping[str, str]) -> Mapping[str, str]:
    extended = dict(scope)
    for key, value in declared.items():
        if len(value) > MAX_NAMESPACE:
            raise ParseError(f"a namespace name is longer than {MAX_NAMESPACE} characters")
        extended[key[6:]] = value
    if len(extended) > MAX_PREFIXES:
        raise ParseError(f"more than {MAX_PREFIXES} namespaces are in force at once")
    return extended


def _collect_prefixes(element: Element, used: set[str]) -> None:
    for name in (element.name, *element.attributes):
        prefix, colon, _ = name.partition(":")
        if prefix != "xml" and (colon or name is element.name):
            used.add(prefix if colon else "")
    for child in element.children:
        _collect_prefixes(child, used)


def _write(element: Element, declarations: Mapping[str, str], chunks: list[str]) -> None:
    if not declarations and not element.attributes and not element.children and element.content:
        text = "".join(element.content)  # type: ignore[arg-type]  # no elements, so text only
        chunks.append(f"<{element.name}>{_escaped(text)}</{element.name}>")
        return
    chunks.append(f"<{element.name}")
    for prefix, namespace in declarations.items():
        chunks.append(f" xmlns{':' if prefix else ''}{prefix}={_quoted(namespace)}")
    for name, value in element.attributes.items():
        chunks.append(f" {name}={_quoted(value)}")
    if not element.content:
        chunks.append("/>")
        return
    chunks.append(">")
    for item in element.content:
        if isinstance(item, str):
            chunks.append(_escaped(item))
        else:
            _write(item, _new_declarations(item, element), chunks)
    chunks.append(f"</{element.name}>")


def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"}) if _TO_ESCAPE.search(text) else text


def _quoted(value: str) -> str:
    return quoteattr(value) if _TO_ESCAPE.search(value) else f'"{value}"'


def _new_declarations(child: Element, parent: Element) -> Mapping[str, str]:
    if child.scope is parent.scope:
        return {}
    return {
        prefix: namespace
        for prefix, namespace in child.scope.items()
        if parent.scope.get(prefix) != namespace
    }
