"""Bodies of requests, as widely as they come."""

from __future__ import annotations

import pytest

from siprecord.recording.contents import Contents, read_contents
from tests.support.recorder import Line, metadata_part, multipart, part, request, sdp, xml

OFFER = sdp(Line())
DOCUMENT = xml()
SDP_PART = part("application/sdp", OFFER)


def read(content: tuple[str | None, bytes], *headers: tuple[str, str], strict: bool = False) -> Contents:
    return read_contents(request("INVITE", content, headers=headers), strict=strict)


def test_BODY_01_parts_in_either_order() -> None:
    one = read(multipart(SDP_PART, metadata_part(DOCUMENT)))
    two = read(multipart(metadata_part(DOCUMENT), SDP_PART))
    assert one == two
    assert one.sdp is not None
    assert one.metadata is not None


def test_BODY_02_a_lone_body() -> None:
    assert read(("application/sdp", OFFER)).sdp is not None
    assert read(("application/rs-metadata+xml", DOCUMENT)).metadata is not None


@pytest.mark.parametrize(
    "kind",
    ["application/rs-metadata+xml", "application/rs-metadata", "application/RS-Metadata+XML;charset=UTF-8"],
)
def test_BODY_03_BODY_04_both_metadata_types(kind: str) -> None:
    contents = read(multipart(SDP_PART, metadata_part(DOCUMENT, kind)))
    assert contents.metadata is not None
    assert contents.refusal is None


def test_BODY_07_a_missing_disposition_is_noted_only() -> None:
    contents = read(multipart(SDP_PART, part("application/rs-metadata", DOCUMENT)))
    assert contents.metadata is not None
    assert any("Content-Disposition" in note.text for note in contents.deviations)


@pytest.mark.parametrize(
    ("disposition", "strict", "status"),
    [
        ((), False, None),
        ((), True, 415),
        (("Content-Disposition: signal;handling=optional",), True, None),
        (("Content-Disposition: signal;handling=required",), False, 415),
    ],
)
def test_BODY_09_BODY_10_unknown_parts(
    disposition: tuple[str, ...], strict: bool, status: int | None
) -> None:
    extra = part("application/x-foo", b"hello", *disposition)
    refusal = read(multipart(SDP_PART, extra), strict=strict).refusal
    assert (refusal.status if refusal else None) == status


def test_BODY_19_an_unknown_encoding_is_refused() -> None:
    refusal = read(("application/sdp", OFFER), ("Content-Encoding", "br")).refusal
    assert refusal is not None
    assert refusal.status == 415
    assert "Accept-Encoding" in dict(refusal.headers)


def test_BODY_23_the_first_of_several_documents_counts_and_all_are_kept() -> None:
    second = xml('<session session_id="AAAAAAAAAAAAAAAAAAAAAQ=="/>')
    contents = read(multipart(SDP_PART, metadata_part(DOCUMENT), metadata_part(second)))
    assert contents.metadata is not None
    assert contents.metadata.sessions == ()
    assert [document.data for document in contents.documents] == [DOCUMENT, second]


def test_MDP_17_bad_metadata_refuses_nothing() -> None:
    contents = read(multipart(SDP_PART, metadata_part(b"<recording")))
    assert (contents.metadata, contents.refusal) == (None, None)
    assert contents.documents[0].data == b"<recording"


def test_bad_sdp_is_refused_with_a_reason() -> None:
    refusal = read(("application/sdp", b"hello")).refusal
    assert refusal is not None
    assert refusal.status == 400
    assert refusal.reason


def test_no_body_at_all() -> None:
    assert read((None, b"")) == Contents()
