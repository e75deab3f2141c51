"""Multipart bodies: what the RFCs ask, what clients send, and what only an attacker would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits
from siprecord.syntax.multipart import (
    Part,
    body_parts,
    build_multipart,
    find_metadata,
    find_sdp,
    parse_multipart,
)
from siprecord.syntax.sip import MediaType

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
XML = '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><x>Żółw 龟</x></recording>'.encode()
MIXED = "multipart/mixed;boundary=b"


def part(content_type: str, content: bytes, *headers: str) -> bytes:
    head = "".join(f"{row}\r\n" for row in (f"Content-Type: {content_type}", *headers)).encode()
    return b"--b\r\n" + head + b"\r\n" + content + b"\r\n"


SDP_PART = part("application/sdp", SDP)
XML_PART = part("application/rs-metadata+xml", XML, "Content-Disposition: recording-session")


def bodies(data: bytes, content_type: str = MIXED) -> tuple[bytes | None, bytes | None]:
    parts, _ = body_parts(content_type, data)
    sdp, metadata = find_sdp(parts), find_metadata(parts)
    return sdp.body if sdp else None, metadata.body if metadata else None


@pytest.mark.parametrize("data", [SDP_PART + XML_PART, XML_PART + SDP_PART])
def test_BODY_01_Q06_parts_are_found_in_either_order(data: bytes) -> None:
    parts, deviations = body_parts(MIXED, data + b"--b--\r\n")
    assert bodies(data + b"--b--\r\n") == (SDP, XML)
    assert len(parts) == 2
    assert deviations == []


@pytest.mark.parametrize(
    ("content_type", "data", "found"),
    [("application/sdp", SDP, (SDP, None)), ("application/rs-metadata+xml", XML, (None, XML))],
)
def test_BODY_02_a_lone_body_is_one_part(
    content_type: str, data: bytes, found: tuple[bytes | None, bytes | None]
) -> None:
    assert bodies(data, content_type) == found


@pytest.mark.parametrize(
    "name",
    [
        "application/rs-metadata+xml",
        "application/rs-metadata",
        "application/rs-metadata-request",
        "application/RS-Metadata+XML;charset=UTF-8",
    ],
)
def test_BODY_03_BODY_04_Q08_all_metadata_types_are_metadata(name: str) -> None:
    assert bodies(SDP_PART + part(name, XML) + b"--b--") == (SDP, XML)


def test_BODY_04_types_and_dispositions_have_no_case() -> None:
    parts, _ = body_parts("Application/SDP", SDP)
    assert find_sdp(parts) is not None
    data = part("application/x", XML, "Content-Disposition: Recording-Session;handling=REQUIRED")
    parts, _ = body_parts(MIXED, data)
    assert parts[0].disposition == "recording-session"
    assert parts[0].handling == "required"


def test_BODY_07_metadata_without_disposition_is_metadata() -> None:
    assert bodies(SDP_PART + part("application/rs-metadata", XML) + b"--b--")[1] == XML


def test_BODY_08_sdp_without_disposition_has_none() -> None:
    parts, _ = body_parts(MIXED, SDP_PART)
    assert parts[0].disposition is None
    assert parts[0].handling is None


def test_BODY_10_Q07_unknown_parts_are_kept() -> None:
    extra = part("application/gtd", b"IAM,\r\nPRN", "Content-Disposition: signal;handling=optional")
    parts, deviations = body_parts(MIXED, extra + SDP_PART + XML_PART + b"--b--")
    assert parts[0].essence == "application/gtd"
    assert parts[0].body == b"IAM,\r\nPRN"
    assert parts[0].handling == "optional"
    assert deviations == []


@pytest.mark.parametrize(
    "content_type", ['multipart/mixed;boundary="b"', "multipart/mixed; boundary=b ; x=y"]
)
@pytest.mark.parametrize("blanks", [b"", b" ", b" \t "])
def test_BODY_14_Q05_framing(content_type: str, blanks: bytes) -> None:
    data = b"preamble\r\n" + (SDP_PART + XML_PART).replace(b"--b\r\n", b"--b" + blanks + b"\r\n")
    data += b"--b--" + blanks + b"\r\nepilogue\r\n--b\r\nno part"
    assert bodies(data, content_type) == (SDP, XML)


def test_BODY_14_a_longer_line_is_no_delimiter() -> None:
    content = b"--bb\r\nx--b\r\n--b-\r\n --b"
    assert body_parts(MIXED, part("text/plain", content) + b"--b--")[0][0].body == content


def test_BODY_14_quoted_boundary_with_odd_characters() -> None:
    data = SDP_PART.replace(b"--b\r\n", b"--a b:(1)+?\r\n") + b"--a b:(1)+?--"
    assert bodies(data, 'multipart/mixed;boundary="a b:(1)+?"')[0] == SDP


@pytest.mark.parametrize("end", [b"", b"--b", b"--b\r\n"])
def test_BODY_15_missing_closing_delimiter(end: bytes) -> None:
    parts, deviations = body_parts(MIXED, SDP_PART + XML_PART + end)
    assert find_sdp(parts) is not None
    metadata = find_metadata(parts)
    assert metadata is not None
    assert metadata.body.strip() == XML
    assert any("closing boundary" in each for each in deviations)


def test_BODY_16_nested_parts_are_flattened() -> None:
    inner = part("application/x", b"1").replace(b"--b", b"--i") + part("application/sdp", SDP).replace(
        b"--b", b"--i"
    )
    data = part("multipart/mixed;boundary=i", inner + b"--i--") + XML_PART + b"--b--"
    parts, deviations = body_parts(MIXED, data)
    assert [each.essence for each in parts] == [
        "application/x",
        "application/sdp",
        "application/rs-metadata+xml",
    ]
    assert deviations == []


def test_BODY_16_alternative_gives_its_last_understood_part() -> None:
    inner = b"".join(
        part(kind, content).replace(b"--b", b"--i")
        for kind, content in [("text/plain", b"?"), ("application/sdp", SDP), ("image/png", b"!")]
    )
    parts, _ = body_parts(MIXED, part("multipart/alternative;boundary=i", inner + b"--i--") + XML_PART)
    assert [each.essence for each in parts] == ["application/sdp", "application/rs-metadata+xml"]


def test_BODY_16_nesting_is_bounded() -> None:
    data, boundary = SDP, "x"
    content_type = "application/sdp"
    for depth in range(10):
        boundary = f"n{depth}"
        data = f"--{boundary}\r\nContent-Type: {content_type}\r\n\r\n".encode() + data
        data += f"\r\n--{boundary}--".encode()
        content_type = f"multipart/mixed;boundary={boundary}"
    parts, deviations = body_parts(content_type, data)
    assert len(parts) == 1
    assert parts[0].content_type is not None
    assert parts[0].content_type.type == "multipart"
    assert any("nested" in each for each in deviations)


def test_BODY_17_unknown_multipart_is_read_as_mixed() -> None:
    assert bodies(SDP_PART + XML_PART + b"--b--", "multipart/related;boundary=b") == (SDP, XML)


def test_BODY_18_transfer_encodings_are_decoded() -> None:
    base64 = part("application/rs-metadata+xml", b"PHg+\r\nPC94Pg==", "Content-Transfer-Encoding: BASE64")
    quoted = part("application/sdp", b"v=3D0\r\n", "Content-Transfer-Encoding: quoted-printable")
    binary = part("text/plain", b"a=3D", "Content-Transfer-Encoding: binary")
    parts, deviations = body_parts(MIXED, base64 + quoted + binary + b"--b--")
    assert [each.body for each in parts] == [b"<x></x>", b"v=0\r\n", b"a=3D"]
    assert deviations == []


def test_BODY_18_broken_base64_is_kept_as_it_is() -> None:
    parts, deviations = body_parts(
        MIXED, part("text/plain", b"A", "Content-Transfer-Encoding: base64") + b"--b--"
    )
    assert parts[0].body == b"A"
    assert any("base64" in each for each in deviations)


def test_BODY_18_folded_headers() -> None:
    parts, _ = body_parts(MIXED, b"--b\r\nContent-Type: multi\r\n\tpart\r\nX: 1\r\n  2\r\n\r\nx\r\n--b--")
    assert parts[0].headers["x"] == "1 2"


def test_Q04_header_without_a_space() -> None:
    data = (
        b"--b\r\nContent-Type:application/rs-metadata+xml\r\nContent-Length:2021\r\n\r\n" + XML + b"\r\n--b--"
    )
    parts, deviations = body_parts(MIXED, data)
    assert parts[0].body == XML
    assert any("Content-Length 2021" in each for each in deviations)


def test_a_right_part_length_is_no_deviation() -> None:
    _, deviations = body_parts(MIXED, part("application/sdp", SDP, f"Content-Length: {len(SDP)}") + b"--b--")
    assert deviations == []


def test_Q01_line_feeds_alone() -> None:
    data = b"\n" + (SDP_PART + XML_PART + b"--b--\r\n").replace(b"\r\n", b"\n")
    assert bodies(data) == (SDP.replace(b"\r\n", b"\n"), XML)


def test_missing_empty_line_between_headers_and_content() -> None:
    parts, deviations = body_parts(MIXED, b"--b\r\nContent-Type: application/sdp\r\n" + SDP + b"\r\n--b--")
    assert parts[0].body == SDP
    assert any("empty line" in each for each in deviations)


@pytest.mark.parametrize(
    "content_type", ["multipart/mixed", "multipart/mixed;boundary=other", None, "nonsense"]
)
def test_wrong_or_missing_boundary_parameter(content_type: str | None) -> None:
    parts, deviations = body_parts(content_type, SDP_PART + XML_PART + b"--b--")
    assert len(parts) == 2
    assert any("boundary" in each for each in deviations)


@pytest.mark.parametrize(
    ("data", "essence"),
    [(SDP, "application/sdp"), (b"\xef\xbb\xbf" + XML, "application/rs-metadata+xml"), (b"hello", "")],
)
def test_missing_content_type_is_guessed(data: bytes, essence: str) -> None:
    assert body_parts(None, data)[0][0].essence == essence


def test_sdp_that_says_multipart() -> None:
    parts, deviations = body_parts(MIXED, SDP)
    assert parts[0].essence == "application/sdp"
    assert len(deviations) == 1


@pytest.mark.parametrize("data", [b"", b"\r\n"])
def test_empty_body_has_no_parts(data: bytes) -> None:
    assert body_parts(MIXED, data) == ([], [])


def test_metadata_is_found_by_disposition_or_root() -> None:
    by_disposition = Part(
        content_type=MediaType("application", "x"), disposition="recording-session", body=XML
    )
    by_root = Part(content_type=MediaType("text", "xml"), body=XML)
    other = Part(content_type=MediaType("text", "xml"), body=b"<html/>")
    assert find_metadata([other, by_root]) is by_root
    assert find_metadata([by_root, by_disposition]) is by_disposition
    assert find_metadata([other]) is None


def test_without_any_delimiter_it_is_an_error() -> None:
    with pytest.raises(ParseError):
        body_parts(MIXED, b"nothing here")
    with pytest.raises(ParseError):
        parse_multipart(b"nothing here", "b")


def test_number_of_parts_is_limited() -> None:
    parts, deviations = body_parts(MIXED, SDP_PART * 50 + b"--b--", Limits(max_parts=5))
    assert len(parts) == 5
    assert any("more than 5 parts" in each for each in deviations)


def test_build_refuses_a_boundary_that_stands_in_a_part() -> None:
    with pytest.raises(ValueError, match="boundary"):
        build_multipart([Part(body=b"--b")], "b")


@given(
    st.lists(
        st.builds(
            lambda body, disposition: Part(
                content_type=MediaType("application", "x"), disposition=disposition, body=body
            ),
            st.binary(min_size=1, max_size=60).filter(lambda body: body.strip() == body),
            st.sampled_from([None, "session", "recording-session"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_built_is_read_back(parts: list[Part]) -> None:
    content_type, data = build_multipart(parts, "unique-boundary-1")
    read, deviations = body_parts(content_type, data)
    assert [(each.body, each.disposition) for each in read] == [
        (each.body, each.disposition) for each in parts
    ]
    assert deviations == []
    assert build_multipart(read, "unique-boundary-1") == (content_type, data)


_PIECES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"\r\n",
        b"\n",
        b"Content-Type: multipart/mixed;boundary=b\r\n",
        b": ",
        b"v=0",
        b" ",
        b"\0",
    ]
)


@given(st.one_of(st.binary(max_size=200), st.lists(_PIECES, max_size=40).map(b"".join)), st.text(max_size=40))
def test_any_body_is_read_or_refused(data: bytes, content_type: str) -> None:
    for each in (MIXED, content_type, None):
        try:
            parts, _ = body_parts(each, data)
        except ParseError:
            continue
        assert len(parts) <= 32
        assert sum(len(found.body) for found in parts) <= len(data) * 4


@pytest.mark.parametrize("piece", [b"\r\n--b", b"--b\n", b"a:\r\n", b"\n ", b"\r\n--", b"\n--b \t"])
def test_long_bodies_take_linear_time(piece: bytes) -> None:
    data = b"--b\r\n" + piece * (1_000_000 // len(piece))
    parts, _ = body_parts(MIXED, data)
    assert len(parts) <= 32


def test_a_nested_part_that_is_plain_sdp_keeps_its_disposition() -> None:
    inner = part("multipart/mixed;boundary=c", SDP, "Content-Disposition: session")
    parts, _ = body_parts(MIXED, inner + b"--b--")
    assert [(each.essence, each.disposition) for each in parts] == [("application/sdp", "session")]
