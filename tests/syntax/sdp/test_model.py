"""What the values of a description say."""

from __future__ import annotations

import pytest

from siprecord.syntax.sdp import (
    Attribute,
    Connection,
    MediaDescription,
    Origin,
    RtpMap,
    SessionDescription,
    parse_sdp,
)


def offer(*lines: str, connection: str = "192.0.2.1") -> tuple[SessionDescription, MediaDescription]:
    text = "\n".join(("v=0", "o=- 1 1 IN IP4 h", "s=-", f"c=IN IP4 {connection}", "t=0 0", *lines))
    description = parse_sdp(text.encode())
    return description, description.media[0]


def test_SDP_07_PAY_01_Q66_static_types_need_no_rtpmap() -> None:
    _, media = offer("m=audio 9 RTP/AVP 0 8 9 18 13 3 4 10 11 96")
    names = {number: str(each) for number, each in media.rtpmap.items()}
    assert names == {
        0: "PCMU/8000",
        8: "PCMA/8000",
        9: "G722/8000",
        18: "G729/8000",
        13: "CN/8000",
        3: "GSM/8000",
        4: "G723/8000",
        10: "L16/44100/2",
        11: "L16/44100",
    }


def test_SDP_06_encodings_compare_without_case_and_keep_their_spelling() -> None:
    _, media = offer("m=audio 9 RTP/AVP 111 0", "a=rtpmap:111 OpUs/48000/2", "a=rtpmap:0 pcmu/8000")
    assert media.rtpmap[111] == RtpMap("OpUs", 48000, 2)
    assert media.rtpmap[111].name == "OPUS"
    assert media.rtpmap[0].name == "PCMU"


def test_SDP_04_SDP_13_unspecified_addresses() -> None:
    assert Connection(address="0.0.0.0").unspecified
    assert Connection(address_type="IP6", address="::").unspecified
    assert not Connection(address="192.0.2.1/127").unspecified
    assert Connection(address="224.0.0.1/127/3").host == "224.0.0.1"


@pytest.mark.parametrize(
    ("lines", "mux", "destination"),
    [
        (["m=audio 4000 RTP/AVP 0"], False, ("192.0.2.1", 4001)),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:5000"], False, ("192.0.2.1", 5000)),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp:5000 IN IP4 192.0.2.9"], False, ("192.0.2.9", 5000)),
        (["m=audio 4000 RTP/AVP 0", "a=rtcp-mux"], True, ("192.0.2.1", 4000)),
        (["m=audio 4000 RTP/AVP 0", "c=IN IP4 host.example"], False, ("host.example", 4001)),
        (["m=audio 0 RTP/AVP 0"], False, None),
        (["m=audio 65535 RTP/AVP 0"], False, None),
    ],
)
def test_SAT_02_SDP_12_where_rtcp_goes(
    lines: list[str], mux: bool, destination: tuple[str, int] | None
) -> None:
    description, media = offer(*lines)
    assert description.rtcp_destination(media, mux=mux) == destination


def test_SDP_13_Q20_no_rtcp_to_an_unspecified_address() -> None:
    description, media = offer("m=audio 4000 RTP/AVP 0", connection="0.0.0.0")
    assert description.rtcp_destination(media) is None


@pytest.mark.parametrize("label", ["1", "01", "a.b-1", "16777227", "a_leg", "A leg"])
def test_SAT_01_Q14_labels_are_opaque(label: str) -> None:
    _, media = offer("m=audio 9 RTP/AVP 0", f"a=label:{label}")
    assert media.label == label


@pytest.mark.parametrize(("text", "value"), [("20", 20), ("20.5", 20), ("x", None), ("9" * 5000, None)])
def test_SDP_14_ptime(text: str, value: int | None) -> None:
    _, media = offer("m=audio 9 RTP/AVP 0", f"a=ptime:{text}")
    assert media.ptime == value


def test_RSDP_22_content() -> None:
    _, media = offer("m=video 9 RTP/AVP 31", "a=content:slides")
    assert media.content == "slides"


def test_crypto_lines_are_raw_and_in_order() -> None:
    _, media = offer("m=audio 9 RTP/SAVP 0", "a=crypto:1 A inline:k1", "a=crypto:2 B inline:k2")
    assert media.crypto == ("1 A inline:k1", "2 B inline:k2")


def test_SDP_08_written_in_the_order_of_the_grammar() -> None:
    description = SessionDescription(
        origin=Origin(),
        name="",
        connection=Connection(address="h"),
        bandwidth=("AS:64",),
        timing=(),
        attributes=(Attribute("tool", "x"),),
        media=(
            MediaDescription(
                kind="audio", port=9, connection=Connection(address="m"), other_lines=("i=text", "q=gone")
            ),
        ),
        other_lines=("z=0 0", "i=about", "e=who"),
    )
    lines = description.to_bytes().decode().split("\r\n")
    assert [line[:1] for line in lines[:-1]] == list("vosiecbtzamic")
    assert lines[2] == "s=-"
    assert lines[-4] == "m=audio 9 RTP/AVP 0"
