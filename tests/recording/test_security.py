"""Which m-lines are protected, by which key: CONFORMANCE 4D, FIELD Q77."""

from __future__ import annotations

import base64
from itertools import count
from pathlib import Path

import pytest

from siprecord.recording.events import Ports, StreamsOpened
from siprecord.recording.exchange import Exchange, LocalMedia
from siprecord.recording.plan import OfferPlan, PlanSettings
from siprecord.recording.refusal import Refusal
from siprecord.recording.security import SrtpPolicy
from siprecord.server.callstate import StateCell
from siprecord.syntax.sdp import CryptoLine, SessionDescription, parse_sdp

SUITE = "AES_CM_128_HMAC_SHA1_80"
LONG = "AES_256_CM_HMAC_SHA1_80"
KEY, OTHER = (base64.b64encode(bytes([n]) * 30).decode() for n in (1, 2))
LONG_KEY = base64.b64encode(bytes([3]) * 46).decode()
LINE = f"1 {SUITE} inline:{KEY}"
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"


def offer(*crypto: str, profile: str = "RTP/SAVP", more: str = "") -> SessionDescription:
    lines = "".join(f"a=crypto:{line}\r\n" for line in crypto)
    media = f"m=audio 4000 {profile} 0\r\na=label:1\r\na=sendonly\r\n"
    return parse_sdp((HEAD + media + lines + more).encode())


def settings(policy: SrtpPolicy = SrtpPolicy.PREFER) -> PlanSettings:
    numbers = count(100)
    return PlanSettings(srtp=policy, random=lambda size: bytes([next(numbers)]) * size)


def exchange(policy: SrtpPolicy = SrtpPolicy.PREFER) -> Exchange:
    return Exchange(settings(policy), LocalMedia(address="192.0.2.1", session_id=1))


def agree(session: Exchange, offered: SessionDescription, *, anew: bool = False) -> CryptoLine | None:
    """Answer an offer; gives our crypto line, if there is one."""
    plan = session.propose(offered, anew=anew)
    assert isinstance(plan, OfferPlan), plan
    done = session.commit(
        offered, plan, StreamsOpened({one.mline: Ports(rtp=20000, rtcp=20001) for one in plan.open})
    )
    lines = done.answer.media[0].crypto
    return CryptoLine.parse(lines[0]) if lines else None


def refused(policy: SrtpPolicy, offered: SessionDescription) -> str:
    plan = exchange(policy).propose(offered)
    assert isinstance(plan, Refusal)
    assert plan.status == 488
    return dict(plan.headers)["Warning"]


def test_SDES_01_SDES_02_the_answer_has_the_tag_the_suite_and_a_key_of_our_own() -> None:
    ours = agree(exchange(), offer(f"5 {SUITE} inline:{KEY}|2^20|1:4", f"6 {SUITE} inline:{OTHER}"))
    assert ours is not None
    assert (ours.tag, ours.suite, len(ours.keys)) == (5, SUITE, 1)
    assert ours.keys[0].inline() not in (f"inline:{KEY}", f"inline:{OTHER}")


def test_EXT_03_another_stream_at_the_same_m_line_gets_a_key_of_its_own() -> None:
    """A takeover may bring the m-lines in another order; our reports were sent under the first key."""
    session = exchange()
    first = agree(session, offer(LINE))
    same = agree(session, offer(f"1 {SUITE} inline:{OTHER}"), anew=True)
    other = parse_sdp(offer(LINE).to_bytes().replace(b"a=label:1", b"a=label:2"))
    moved = agree(session, other, anew=True)
    assert first is not None
    assert same is not None
    assert moved is not None
    assert same.keys == first.keys
    assert moved.keys != first.keys


def test_SDES_02_our_key_is_never_the_offered_one() -> None:
    """Should randomness repeat what came, another key is made."""
    keys = iter([bytes([1]) * 16, b"s" * 14, bytes([9]) * 16, b"s" * 14])
    session = Exchange(
        PlanSettings(random=lambda size: next(keys)), LocalMedia(address="192.0.2.1", session_id=1)
    )
    ours = agree(session, offer(LINE))
    assert ours is not None
    assert ours.keys[0].key == bytes([9]) * 16


def test_SDES_11_SDES_12_a_refresh_repeats_our_line_and_another_suite_gets_another_key() -> None:
    session = exchange()
    first = agree(session, offer(LINE))
    assert agree(session, offer(LINE)) == first
    rekeyed = agree(session, offer(f"2 {SUITE} inline:{OTHER}"))
    assert rekeyed is not None
    assert first is not None
    assert (rekeyed.tag, rekeyed.keys) == (2, first.keys)
    longer = agree(session, offer(f"1 {LONG} inline:{LONG_KEY}"))
    assert longer is not None
    assert longer.suite == LONG
    assert longer.keys[0].key[:16] != first.keys[0].key


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF"])
def test_RSEC_06_RSEC_07_both_protected_profiles_go_back_as_they_came(profile: str) -> None:
    session = exchange()
    assert agree(session, offer(LINE, profile=profile)) is not None


@pytest.mark.parametrize("policy", [SrtpPolicy.PREFER, SrtpPolicy.REQUIRE])
def test_SDES_16_a_protected_line_without_a_key_is_never_recorded_in_the_clear(policy: SrtpPolicy) -> None:
    assert "it asks for SRTP and brings no key" in refused(policy, offer())


def test_RSEC_08_DTLS_10_DTLS_12_keys_by_dtls_are_refused_in_words_and_sdes_beside_them_is_taken() -> None:
    fingerprint = "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n"
    assert "DTLS" in refused(SrtpPolicy.PREFER, offer(more=fingerprint))
    assert "UDP/TLS/RTP/SAVP is not supported" in refused(
        SrtpPolicy.PREFER, offer(profile="UDP/TLS/RTP/SAVP", more=fingerprint)
    )
    session = exchange()
    assert agree(session, offer(LINE, more=fingerprint)) is not None


@pytest.mark.parametrize("line", [f"1 {SUITE} inline:short", f"1 F8_128_HMAC_SHA1_80 inline:{KEY}", "1"])
def test_SDES_06_Q77_lines_that_we_can_not_use_are_told_without_their_key(line: str) -> None:
    why = refused(SrtpPolicy.PREFER, offer(line))
    assert "none of its SRTP keys can be used" in why
    assert KEY not in why


def test_SDES_14_require_and_refuse() -> None:
    assert "SRTP is required here" in refused(SrtpPolicy.REQUIRE, offer(profile="RTP/AVP"))
    assert "SRTP is not accepted here" in refused(SrtpPolicy.REFUSE, offer(LINE))


@pytest.mark.parametrize(
    ("policy", "line", "protected"),
    [
        (SrtpPolicy.PREFER, LINE, True),
        (SrtpPolicy.REQUIRE, LINE, True),
        (SrtpPolicy.REFUSE, LINE, False),
        (SrtpPolicy.PREFER, f"1 {SUITE} inline:short", False),
    ],
)
def test_SDES_15_an_option_beside_plain_rtp(policy: SrtpPolicy, line: str, protected: bool) -> None:
    session = exchange(policy)
    assert (agree(session, offer(line, profile="RTP/AVP")) is not None) is protected
    assert (session.streams[0].security is not None) is protected


def test_an_option_that_can_not_be_used_is_noted() -> None:
    session = exchange()
    plan = session.propose(offer(f"1 {SUITE} inline:short", profile="RTP/AVP"))
    assert isinstance(plan, OfferPlan)
    (note,) = plan.deviations
    assert note.text.startswith(
        "m-line 1 offers SRTP beside plain RTP, but none of its SRTP keys can be used"
    )


def test_keys_stay_out_of_everything_that_is_shown() -> None:
    session = exchange()
    offered = offer(LINE)
    plan = session.propose(offered)
    assert isinstance(plan, OfferPlan)
    shown = repr(plan) + repr(plan.open[0]) + str(plan.open[0].security)
    assert KEY not in shown
    assert repr(bytes([1]) * 16) not in shown


def test_a_restored_exchange_has_the_keys_that_it_had() -> None:
    session = exchange()
    first = agree(session, offer(LINE))
    again = Exchange.restore(settings(), session.snapshot())
    assert again.streams == session.streams
    assert agree(again, offer(LINE)) == first


def test_the_state_of_a_call_is_in_no_file() -> None:
    """It holds keys, so it lies in memory that has no name in any file system."""
    cell = StateCell()
    assert str(Path(f"/proc/self/fd/{cell.fd}").readlink()).startswith("/memfd:")


@pytest.mark.parametrize(
    ("connection", "port", "expected"),
    [
        ("192.0.2.9", 4000, ("192.0.2.9", 4000)),
        ("2001:db8::9", 4000, ("2001:db8::9", 4000)),
        ("sbc.example.com", 4000, None),
        ("0.0.0.0", 4000, None),
    ],
)
def test_RTP_14_the_offer_says_from_where_a_stream_should_come(
    connection: str, port: int, expected: tuple[str, int] | None
) -> None:
    kind = "IP6" if ":" in connection else "IP4"
    text = HEAD.replace("c=IN IP4 192.0.2.9", f"c=IN {kind} {connection}")
    plan = exchange().propose(parse_sdp(f"{text}m=audio {port} RTP/AVP 0\r\na=label:1\r\n".encode()))
    assert isinstance(plan, OfferPlan)
    assert plan.open[0].source == expected


@pytest.mark.parametrize(
    ("attribute", "expected", "mux"),
    [
        ("", ("192.0.2.9", 4001), False),
        ("a=rtcp:5005\r\n", ("192.0.2.9", 5005), False),
        ("a=rtcp:5005 IN IP4 192.0.2.77\r\n", ("192.0.2.77", 5005), False),
        ("a=rtcp-mux\r\n", ("192.0.2.9", 4000), True),
    ],
)
def test_RTCP_01_the_offer_says_where_our_reports_go(
    attribute: str, expected: tuple[str, int], mux: bool
) -> None:
    session = exchange()
    offered = offer(profile="RTP/AVP", more=attribute)
    agree(session, offered)
    assert (session.streams[0].reports, session.streams[0].mux) == (expected, mux)
    said = session.offer()
    assert said is not None
    assert said.media[0].rtcp_mux is mux
