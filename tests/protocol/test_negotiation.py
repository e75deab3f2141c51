"""Offer and answer of a recorder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from siprecord.protocol.negotiation import (
    AnswerPlan,
    MediaAnswer,
    accepted_formats,
    answer_offer,
    drops_media,
    offer_again,
)
from siprecord.syntax.sdp import Attribute, Direction, SessionDescription, parse_sdp

HEAD = "v=0\no=sbc 4242 9 IN IP4 192.0.2.10\ns=call\nc=IN IP4 192.0.2.11\nt=3034423619 3042462419\n"
AUDIO = (
    "m=audio {port} RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n"
    "a=label:{label}\na={direction}\n"
)


def audio(label: str = "1", direction: str = "sendonly", port: int = 4000) -> str:
    return AUDIO.format(port=port, label=label, direction=direction)


def offer(*media: str, session: str = "") -> SessionDescription:
    return parse_sdp((HEAD + session + "".join(media)).encode())


def plan(
    offered: SessionDescription,
    *,
    ready: bool = True,
    previous: SessionDescription | None = None,
    address: str = "198.51.100.5",
) -> AnswerPlan:
    """Accept all that can be recorded, from port 20000 up."""
    answers = tuple(
        MediaAnswer(port=20000 + 2 * index if formats else 0, formats=formats, ready=ready)
        for index, formats in enumerate(map(accepted_formats, offered.media))
    )
    return AnswerPlan(address=address, session_id=77, media=answers, previous=previous)


def answered(offered: SessionDescription, *, ready: bool = True) -> SessionDescription:
    answer = answer_offer(offered, plan(offered, ready=ready))
    assert parse_sdp(answer.to_bytes()).to_bytes() == answer.to_bytes()
    return answer


TABLE = [
    ("sendonly", "recvonly", "inactive"),
    ("sendrecv", "recvonly", "inactive"),
    ("x-no-direction", "recvonly", "inactive"),
    ("inactive", "inactive", "inactive"),
    ("recvonly", "inactive", "inactive"),
]


@pytest.mark.parametrize(("offered", "ready", "not_ready"), TABLE)
def test_RSDP_01_RSDP_02_RSDP_03_RSDP_04_Q12_directions(offered: str, ready: str, not_ready: str) -> None:
    assert answered(offer(audio(direction=offered))).media[0].direction == ready
    assert answered(offer(audio(direction=offered)), ready=False).media[0].direction == not_ready


def test_RSDP_02_SDP_05_direction_of_the_session_holds() -> None:
    media = "m=audio 4000 RTP/AVP 0\n"
    assert answered(offer(media, session="a=inactive\n")).media[0].direction is Direction.INACTIVE
    assert answered(offer(media + "a=sendonly\n", session="a=inactive\n")).media[0].direction == "recvonly"


def test_RSDP_03_FLD_05_Q24_each_offer_counts_for_itself() -> None:
    previous: SessionDescription | None = None
    seen = []
    for direction in ("inactive", "sendonly", "inactive", "sendonly"):
        offered = offer(audio(direction=direction))
        previous = answer_offer(offered, plan(offered, previous=previous))
        seen.append((str(previous.media[0].direction), previous.origin.version))
    assert seen == [("inactive", "1"), ("recvonly", "2"), ("inactive", "3"), ("recvonly", "4")]


@pytest.mark.parametrize("labels", [("96", "0", "A-1"), ("a_leg", "b_leg", "1"), ("16777227", "01", "1")])
def test_RSDP_05_FLD_08_Q13_Q14_labels_are_echoed(labels: tuple[str, ...]) -> None:
    answer = answered(offer(*(audio(label) for label in labels)))
    assert tuple(each.label for each in answer.media) == labels


def test_RSDP_18_no_label_no_echo() -> None:
    assert answered(offer("m=audio 4000 RTP/AVP 0\n")).media[0].label is None


def test_RSDP_06_RSDP_24_OA_01_Q18_Q22_one_m_line_for_each_in_order() -> None:
    answer = answered(
        offer(
            audio("1"),
            "m=image 4010 udptl t38\n",
            "m=application 4012 TCP/BFCP *\n",
            audio("2", port=4020),
            "m=text 4014 RTP/AVP 98\na=rtpmap:98 t140/1000\n",
            "m=audio 4016 UDP/TLS/RTP/SAVP 0\na=fingerprint:sha-256 AA\n",
            audio("3", port=0),
        )
    )
    kinds = [each.kind for each in answer.media]
    assert kinds == ["audio", "image", "application", "audio", "text", "audio", "audio"]
    assert [bool(each.port) for each in answer.media] == [True, False, False, True, False, False, False]
    assert [each.protocol for each in answer.media][1:3] == ["udptl", "TCP/BFCP"]
    assert answer.media[1].formats == ("t38",)
    assert answer.media[6].formats == ("8", "0", "101")


def test_RSDP_08_lines_beyond_the_plan_get_port_0() -> None:
    offered = offer(*(audio(str(n)) for n in range(33)))
    limited = replace(plan(offered), media=plan(offered).media[:32])
    answer = answer_offer(offered, limited)
    assert [bool(each.port) for each in answer.media] == [True] * 32 + [False]


def test_RSDP_10_a_stream_that_ends_keeps_its_slot() -> None:
    first = offer(audio("1"), audio("2"))
    answer = answer_offer(first, plan(first))
    second = offer(audio("1"), audio("2", port=0))
    later = answer_offer(second, plan(second, previous=answer))
    assert [each.port for each in later.media] == [20000, 0]
    assert later.media[0] == answer.media[0]
    assert later.origin.version == "2"


def test_RSDP_20_RSDP_21_SAT_09_what_is_not_implemented_is_not_echoed() -> None:
    extra = "a=record:off\na=recordpref:on\na=mid:1\na=ssrc:1 cname:x\na=extmap:1 urn:x\na=setup:actpass\n"
    answer = answered(offer(audio() + extra, session="a=group:BUNDLE 1\n"))
    assert answer.attributes == ()
    names = {attribute.name for attribute in answer.media[0].attributes}
    assert names == {"rtpmap", "fmtp", "recvonly", "label"}


def test_RSDP_23_OA_07_the_profile_is_that_of_the_offer() -> None:
    answer = answered(offer("m=audio 4000 RTP/AVPF 0\n", "m=audio 4002 RTP/AVP 0\n"))
    assert [each.protocol for each in answer.media] == ["RTP/AVPF", "RTP/AVP"]


@pytest.mark.parametrize("protocol", ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "TCP/RTP/AVP"])
def test_profiles_that_nobody_can_read_are_refused(protocol: str) -> None:
    assert accepted_formats(offer(f"m=audio 4000 {protocol} 0\n").media[0]) == ()


@pytest.mark.parametrize("address", ["198.51.100.5", "2001:db8::5"])
def test_SDP_08_SDP_09_SDP_11_FLD_13_the_description_is_ours(address: str) -> None:
    offered = offer(audio())
    answer = answer_offer(offered, plan(offered, address=address))
    family = "IP6" if ":" in address else "IP4"
    lines = answer.to_bytes().decode().split("\r\n")
    assert lines[:5] == [
        "v=0",
        f"o=- 77 1 IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=3034423619 3042462419",
    ]


def test_SDP_10_ANS_10_nothing_new_is_the_same_answer() -> None:
    offered = offer(audio())
    answer = answer_offer(offered, plan(offered))
    again = answer_offer(offered, plan(offered, previous=answer))
    assert again is answer


def test_SDP_10_the_version_rises_by_one_and_the_ids_stay() -> None:
    offered = offer(audio())
    answer = answer_offer(offered, plan(offered))
    held = offer(audio(direction="inactive"))
    moved = replace(plan(held, previous=answer), session_id=99, address="198.51.100.6")
    later = answer_offer(held, moved)
    assert later.origin == replace(answer.origin, version="2")
    assert later.connection is not None
    assert later.connection.address == "198.51.100.6"


def test_OA_02_OA_03_Q33_every_acceptable_format_in_the_offers_order() -> None:
    offered = offer(
        "m=audio 4000 RTP/AVP 18 97 8 0 99 100 13\na=rtpmap:97 opus/48000/2\na=rtpmap:99 red/8000\n"
    )
    assert accepted_formats(offered.media[0]) == ("18", "97", "8", "0", "13")
    chosen = MediaAnswer(port=20000, formats=("0", "97", "5"))
    answer = answer_offer(offered, AnswerPlan(address="h", session_id=1, media=(chosen,)))
    assert answer.media[0].formats == ("97", "0")


def test_OA_05_OA_06_PAY_09_PAY_15_rtpmap_and_fmtp_go_back() -> None:
    offered = offer(
        "m=audio 4000 RTP/AVP 111 96 9 101 102\na=rtpmap:111 OPUS/48000/2\na=fmtp:111 useinbandfec=1; x=2\n"
        "a=rtpmap:96 AMR/8000\na=fmtp:96 octet-align=1\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n"
        "a=rtpmap:102 telephone-event/48000\n"
    )
    lines = [str(each) for each in answered(offered).media[0].attributes]
    assert lines == [
        "rtpmap:111 OPUS/48000/2",
        "fmtp:111 useinbandfec=1; x=2",
        "rtpmap:96 AMR/8000",
        "fmtp:96 octet-align=1",
        "rtpmap:9 G722/8000",
        "rtpmap:101 telephone-event/8000",
        "fmtp:101 0-16",
        "rtpmap:102 telephone-event/48000",
        "fmtp:102 0-15",
        "recvonly",
    ]


@pytest.mark.parametrize(
    "media",
    [
        "m=audio 4000 RTP/AVP 96\n",
        "m=audio 4000 RTP/AVP 101 13\na=rtpmap:101 telephone-event/8000\n",
        "m=audio 4000 RTP/AVP 99\na=rtpmap:99 red/8000\n",
        "m=audio 4000 RTP/AVP\n",
        "m=audio 0 RTP/AVP 0\n",
        "m=video 4000 RTP/AVP 31\n",
    ],
)
def test_OA_08_nothing_to_record_refuses_the_line(media: str) -> None:
    offered = offer(media, audio())
    assert accepted_formats(offered.media[0]) == ()
    assert [bool(each.port) for each in answered(offered).media] == [False, True]


def test_RSDP_07_video_where_it_is_wanted() -> None:
    media = offer("m=video 4000 RTP/AVP 98\na=rtpmap:98 H264/90000\n").media[0]
    assert accepted_formats(media, kinds=("audio", "video")) == ("98",)


@pytest.mark.parametrize(
    ("offered", "agreed", "present"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_SAT_04_rtcp_mux_needs_both(offered: bool, agreed: bool, present: bool) -> None:
    description = offer(audio() + ("a=rtcp-mux\n" if offered else ""))
    answer = MediaAnswer(port=20000, formats=("8",), rtcp_mux=agreed)
    result = answer_offer(description, AnswerPlan(address="h", session_id=1, media=(answer,)))
    assert result.media[0].rtcp_mux is present


def test_SAT_03_rtcp_address_and_extra_lines_of_the_plan() -> None:
    answer = MediaAnswer(
        port=20000, formats=("8",), rtcp_port=20001, address="203.0.113.1", attributes=(Attribute("x", "y"),)
    )
    result = answer_offer(offer(audio()), AnswerPlan(address="h", session_id=1, media=(answer,)))
    media = result.media[0]
    assert (media.rtcp_port, media.value("x")) == (20001, "y")
    assert media.connection is not None
    assert media.connection.address == "203.0.113.1"


def test_SDP_13_Q20_an_old_hold_is_answered_by_its_direction() -> None:
    answer = answered(offer("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n"))
    assert answer.media[0].direction is Direction.RECVONLY
    assert answer.media[0].connection is None


def test_ANS_14_no_m_lines_and_only_dead_ones() -> None:
    assert answered(offer()).media == ()
    assert answered(offer(audio(port=0))).media[0].port == 0


def test_ANS_03_ANS_04_RSDP_15_Q21_our_offer_is_what_we_have() -> None:
    offered = offer(audio("1"), "m=image 4010 udptl t38\n", audio("2"))
    answer = answer_offer(offered, plan(offered))
    again = offer_again(answer)
    assert again is answer
    assert [each.port for each in again.media] == [20000, 0, 20004]


def test_ANS_05_our_offer_asks_for_media_again() -> None:
    offered = offer(audio("1", "inactive"), audio("2"))
    answer = answer_offer(offered, plan(offered))
    again = offer_again(answer)
    assert [str(each.direction) for each in again.media] == ["recvonly", "recvonly"]
    assert again.origin == replace(answer.origin, version="2")
    assert again.media[0].formats == answer.media[0].formats
    assert [str(each.direction) for each in offer_again(answer, paused={1}).media] == ["recvonly", "inactive"]


def test_OA_15_fewer_m_lines_are_told() -> None:
    two = offer(audio("1"), audio("2"))
    assert drops_media(two, offer(audio("1")))
    assert not drops_media(two, two)


MEDIA = st.builds(
    "m={} {} {} {}\n{}".format,
    st.sampled_from(["audio", "video", "image", "AUDIO"]),
    st.integers(0, 65535),
    st.sampled_from(["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl", "rtp/avp"]),
    st.lists(
        st.sampled_from(["0", "8", "9", "18", "96", "101", "t38", "*", "999"]), min_size=1, max_size=5
    ).map(" ".join),
    st.lists(
        st.sampled_from(
            [
                "a=label:1\n",
                "a=label: x\n",
                "a=sendonly\n",
                "a=inactive\n",
                "a=rtpmap:96 AMR/8000\n",
                "a=rtpmap:0 x\n",
                "a=fmtp:96 a=b\n",
                "a=rtcp-mux\n",
                "c=IN IP6 ::1\n",
                "a=rtpmap:101 telephone-event/8000\n",
                "b=AS:1\n",
            ]
        ),
        max_size=6,
    ).map("".join),
)


@given(st.lists(MEDIA, max_size=6), st.booleans())
def test_OA_01_every_answer_fits_its_offer(media: list[str], ready: bool) -> None:
    offered = offer(*media)
    answer = answered(offered, ready=ready)
    assert len(answer.media) == len(offered.media)
    for theirs, ours in zip(offered.media, answer.media, strict=True):
        assert (ours.kind, ours.protocol, ours.label) == (theirs.kind, theirs.protocol, theirs.label)
        assert set(ours.formats) <= set(theirs.formats)
        assert ours.port == 0 or theirs.port != 0
        assert ours.port == 0 or ours.direction in {Direction.RECVONLY, Direction.INACTIVE}
    assert answer_offer(offered, plan(offered, ready=ready, previous=answer)) is answer


def test_RTCP_11_no_feedback_is_promised() -> None:
    """An answer without a=rtcp-fb promises none of what was offered (RFC 4585 section 4.2)."""
    answer = answered(offer("m=audio 4000 RTP/AVPF 0\na=rtcp-fb:* nack\na=rtcp-fb:0 trr-int 100\n"))
    assert answer.media[0].protocol == "RTP/AVPF"
    assert answer.media[0].values("rtcp-fb") == ()


def test_PAY_23_wrappers_and_repair_streams_are_left_out() -> None:
    offered = offer("m=audio 4000 RTP/AVP 98 0 99\na=rtpmap:98 red/8000\na=rtpmap:99 ulpfec/8000\n")
    assert accepted_formats(offered.media[0]) == ("0",)


def test_PAY_19_parameters_of_amr_go_back_as_they_came() -> None:
    text = "octet-align=1; crc=0; mode-set=0,2,4,7; robust-sorting=0"
    answer = answered(offer(f"m=audio 4000 RTP/AVP 96\na=rtpmap:96 AMR/8000\na=fmtp:96 {text}\n"))
    assert answer.media[0].fmtp == {96: text}
