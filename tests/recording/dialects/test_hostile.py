"""Values that no vendor writes: nothing raises, nothing grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.recording.addresses import address_key, is_internal, shown_name
from siprecord.recording.contents import read_contents
from siprecord.recording.dialects import DIALECTS, Fact, Findings
from siprecord.recording.dialects.dialect import Dialect, HeaderId, HeaderWay
from siprecord.recording.dialects.findings import MAX_FACTS, MAX_VALUE
from siprecord.recording.dialects.values import find_ucid, guid, session_uuids, ucid, uuid
from tests.support.recorder import TWO, Playbook, body, request, sdp
from tests.support.vendors import UCID, UCID_HEX, document

NAMES = sorted(
    {
        *(
            rule.header
            for each in DIALECTS
            for rule in (*each.ids, *each.ways)
            if isinstance(rule, HeaderId | HeaderWay)
        ),
        *("User-Agent", "Session-ID", "User-to-User", "P-Asserted-Identity", "Diversion", "History-Info"),
        *("Reason", "X-Cisco-Recording-Participant", "From", "Contact", "Av-Global-Session-ID"),
    }
)
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60)
SNIPPETS = st.sampled_from(
    ["<sip:a@b>", '"', "<", ">", ";x=", "media-index=", "=", ",", "%00", "00FA08", ";encoding=hex",
     "a" * 5000, "sip:1;x-nearend;x-nearendaddr=", "9" * 400, "remote=", "\x00", "٣"]
)  # fmt: skip
VALUES = st.lists(st.one_of(TEXT, SNIPPETS), max_size=6).map("".join)


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=12), st.sampled_from(DIALECTS))
def test_any_header_is_read_or_left(rows: list[tuple[str, str]], dialect: Dialect) -> None:
    product = dialect.marks[0].text
    message = request("INVITE", body(sdp(*TWO), document()), headers=[("User-Agent", product), *rows])
    play = Playbook()
    play.invite(message=message)
    play.ack()
    findings = play.session.knowledge.findings
    assert len(findings.ids) <= MAX_FACTS
    assert all(len(fact.value) <= MAX_VALUE for fact in findings.ids)
    assert play.session.streams


@given(VALUES)
def test_any_extension_text_is_read_or_left(text: str) -> None:
    inner = text.replace("&", "&amp;").replace("<", "&lt;")
    told = "".join(f"<{name}>{inner}</{name}>" for name in ("fromhdr", "gcid", "ucid"))
    block = f"<callData xmlns='sonus'>{told}</callData>"
    contents = read_contents(request("INVITE", body(sdp(*TWO), document(block))))
    assert len(contents.findings.ids) <= MAX_FACTS


def test_thousands_of_elements_are_cut_off() -> None:
    block = "<callData xmlns='sonus'>" + "<gcid>1</gcid>" * 10_000 + "</callData>"
    findings = read_contents(request("INVITE", body(sdp(*TWO), document(block)))).findings
    assert len(findings.ids) <= MAX_FACTS


def test_findings_of_a_thousand_updates_stay_small() -> None:
    known = Findings()
    for number in range(1000):
        known = known.joined(Findings(ids=(Fact("ucid", str(number), "x"),)))
    assert len(known.ids) == MAX_FACTS


@pytest.mark.parametrize(
    "text",
    [UCID_HEX, f"{UCID_HEX};encoding=hex", UCID_HEX[2:], f"04{UCID_HEX[2:]}", "0019001038F725B3", UCID],
)
def test_Q60_one_ucid_in_many_spellings(text: str) -> None:
    assert ucid(text) == UCID


def test_Q60_user_data_without_ucid() -> None:
    assert find_ucid("00C80102") is None
    assert find_ucid(f"00C80102{UCID_HEX[2:]}") == UCID


def test_guids_and_uuids() -> None:
    assert guid("1-2-3-4") == "00000001000000020000000300000004"
    assert guid("9999999999-1-1-1") == "9999999999-1-1-1"
    assert uuid("{EB5B8BF0-1234-11EE-8001-000C29AABBCC}") == "eb5b8bf0123411ee8001000c29aabbcc"
    assert session_uuids("00000000000000000000000000000000;remote=" + "a" * 32) == ["a" * 32]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:+49 (30) 123@a.example", "tel:+49-30-123"),
        ("Extension-12@sbc", "sip:12@other"),
        ("sip:Alice@Example.com:5060;user=phone", "sips:alice@example.com"),
        ("sip:+4930123;noa=4;srvattri=national@ims.example", "tel:+4930123"),
    ],
)
def test_Q48_addresses_compare(first: str, second: str) -> None:
    assert address_key(first) == address_key(second) != ""


def test_Q48_Q55_Q59_what_names_nobody() -> None:
    assert address_key("sip:anonymous@anonymous.invalid") == ""
    assert is_internal("sip:8a5f2c1e-0b7d-4e3a-9c64-1f2e3d4c5b6a@x")
    assert not is_internal("sip:+15551230001@x")
    assert shown_name("Bob;lang=de;id=22") == "Bob"
    assert shown_name("A; B") == "A; B"


@given(TEXT)
def test_address_keys_are_stable(text: str) -> None:
    key = address_key(text)
    assert address_key(key) in (key, "") or "@" not in key
