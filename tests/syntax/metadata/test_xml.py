"""XML that harms: refused early, and leaving nothing behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.metadata.xml import (
    MAX_NAMESPACE,
    MAX_PREFIXES,
    Element,
    read_xml,
    write_element,
)
from tests.support.memory import growth


def read(data: bytes | str, limits: Limits = DEFAULT_LIMITS, charset: str | None = None) -> Element:
    return read_xml(data if isinstance(data, bytes) else data.encode(), limits, charset, [])


def notes(data: bytes, charset: str | None = None) -> tuple[str, list[str]]:
    deviations: list[str] = []
    return read_xml(data, DEFAULT_LIMITS, charset, deviations).text, deviations


LAUGHS = (
    '<!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a" + str(n - 1 or "") + ";"}{"&a;" * 9}">' for n in range(1, 9))
    + "]><r>&a8;</r>"
)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS,
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        '<!DOCTYPE r SYSTEM "http://192.0.2.1/x.dtd"><r/>',
        '<?xml version="1.0"?><!-- c --><!DOCTYPE r><r/>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://192.0.2.1/x">%p;]><r/>',
    ],
)
def test_META_10_a_doctype_is_refused(document: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(ParseError, match="DOCTYPE"):
            read(document.encode(encoding))


def test_META_10_unknown_entities_stay_text() -> None:
    text, deviations = notes(b"<r>a&x;b</r>")
    assert text == "a&x;b"
    assert len(deviations) == 1


def test_META_10_depth_is_limited() -> None:
    with pytest.raises(ParseError, match="deeper"):
        read("<a>" * 100_000)
    limit = DEFAULT_LIMITS.max_xml_depth
    assert read("<a>" * limit + "</a>" * limit).local == "a"


def test_META_10_elements_are_counted() -> None:
    with pytest.raises(ParseError, match="elements") as caught:
        read("<a>" + "<b/>" * 20_000 + "</a>")
    assert caught.value.status == 413


def test_BODY_22_a_large_document_is_refused_unread() -> None:
    with pytest.raises(ParseError) as caught:
        read(b"<a>" + b"x" * 10_000_000)
    assert caught.value.status == 413


def test_META_10_namespaces_are_limited() -> None:
    with pytest.raises(ParseError, match="namespaces"):
        read("<a " + " ".join(f'xmlns:p{n}="u"' for n in range(MAX_PREFIXES + 1)) + "/>")
    with pytest.raises(ParseError, match="namespace name"):
        read(f'<a xmlns="{"u" * (MAX_NAMESPACE + 1)}"/>')


def test_META_10_memory_stays_flat_over_refusals() -> None:
    def refuse(count: int) -> None:
        for number in range(count):
            names = "".join(f"<n{number}x{index}/>" for index in range(20))
            for document in (LAUGHS, f"<r>{names}", "<a>" * 100, "<r></s>", f"<r>{names}</r>x"):
                with pytest.raises(ParseError):
                    read(document)

    refuse(20)
    assert growth(lambda: refuse(20), lambda: refuse(200)) < 50_000


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "utf-8-sig"])
def test_META_02_META_03_unicode_encodings(encoding: str) -> None:
    document = '<?xml version="1.0" encoding="UTF-8"?>\n<r>Zażółć 龟 😀</r>'
    assert notes(document.encode(encoding)) == ("Zażółć 龟 😀", [])


def test_META_03_declared_encodings() -> None:
    document = '<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>'.encode("latin-1")
    assert notes(document) == ("é", [])
    assert notes('<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>'.encode(), "UTF-8") == ("é", [])
    assert notes("<r>Ж</r>".encode("cp1251"), "windows-1251") == ("Ж", [])


def test_META_03_a_byte_order_mark_beats_the_charset() -> None:
    assert notes("\ufeff<r>é</r>".encode(), "iso-8859-1") == ("é", [])


@pytest.mark.parametrize("name", ["utf-16", "rot13", "unknown-8bit"])
def test_META_03_wrong_claims_are_noted(name: str) -> None:
    text, deviations = notes(f'<?xml version="1.0" encoding="{name}"?><r>é</r>'.encode())
    assert text == "é"
    assert len(deviations) == 1


def test_META_03_invalid_utf_8_is_read_all_the_same() -> None:
    text, deviations = notes(b"<r>caf\xe9</r>")
    assert text == "café"
    assert len(deviations) == 1


def test_blanks_and_zeros_around() -> None:
    assert notes(b'\r\n \xef\xbb\xbf<?xml version="1.0"?><r>x</r>\r\n\0\0') == ("x", [])


@pytest.mark.parametrize(
    ("document", "mended"),
    [
        ("<r a=b/>", {"a": "b"}),
        ("<r a=b/c/>", {"a": "b/c"}),
        ("<r a='x=y' b=1></r>", {"a": "x=y", "b": "1"}),
        ('<r a="A & B"/>', {"a": "A & B"}),
        ('<r a="\x01x"/>', {"a": " x"}),
    ],
)
def test_FLD_14_what_is_mended(document: str, mended: dict[str, str]) -> None:
    assert read(document).attributes == mended


@pytest.mark.parametrize(
    "document", ["", " ", "<", "<r", "<r>", "<r></s>", "<r/>x", "<r/><r/>", "text", "\0", "<r a/>"]
)
def test_beyond_mending(document: str) -> None:
    with pytest.raises(ParseError):
        read(document)


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<a b=", '"', "&", "'", "=", "<!--", "<![CDATA[", "<?", "<a b='", "</"]
)
def test_broken_documents_take_linear_time(piece: str) -> None:
    with pytest.raises(ParseError):
        read("<r>" + piece * (900_000 // len(piece)))


def test_prefixes_are_resolved_and_may_be_undeclared() -> None:
    root = read('<a:r xmlns:b="urn:b"><b:x/><c:y d:e="1"/></a:r>')
    x, y = root.children
    assert (root.namespace, root.local) == ("", "r")
    assert (x.namespace, x.local) == ("urn:b", "x")
    assert (y.namespace, y.local, y.attributes) == ("", "y", {"d:e": "1"})


def test_an_element_is_written_with_what_it_needs() -> None:
    root = read(
        '<r xmlns="urn:r" xmlns:p="urn:p" xmlns:q="urn:q"><x p:a="1">t<p:y xmlns:p="urn:o"/>u</x></r>'
    )
    (x,) = root.children
    expected = '<x xmlns="urn:r" xmlns:p="urn:p" p:a="1">t<p:y xmlns:p="urn:o"/>u</x>'
    assert write_element(x, 1000) == expected
    with pytest.raises(ParseError):
        write_element(x, 10)


@given(st.binary(max_size=200), st.sampled_from([None, "utf-16", "utf-8", "x"]))
def test_any_bytes_are_read_or_refused(data: bytes, charset: str | None) -> None:
    for document in (data, b"<r>" + data + b"</r>", b"\xff\xfe" + data):
        try:
            root = read(document, charset=charset)
        except ParseError:
            continue
        text = write_element(root, 100_000)
        assert write_element(read(text), 100_000) == text


def test_what_was_written_is_read_again() -> None:
    root = read('<a xmlns:v="urn:v"><v:b c="&lt;&quot;&amp;&#10;&#9;">x &amp; y<d/></v:b></a>')
    written = write_element(root.children[0], 1000)
    again = read(written)
    assert (again.local, again.namespace, again.text) == ("b", "urn:v", "x & y")
    assert again.attributes == {"c": '<"&\n\t'}
    assert write_element(again, 1000) == written
