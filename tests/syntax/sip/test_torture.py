"""RFC 4475 and RFC 5118: our own messages always, the RFCs' messages where they lie beside the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import (
    Message,
    MessageError,
    Request,
    StreamFramer,
    parse_message,
    validate_request,
    validate_response,
)
from tests.syntax.sip.torture_messages import BINARY_PART, RFC_4475, RFC_5118, Torture

SHARED = Path(__file__).parents[4] / "shared" / "torture"

ANSWERED_HERE = {"400", "505", "none"}
"""What only the syntax layer can say; other verdicts come from above, once the message has passed."""


def outcome_of(data: bytes) -> tuple[Message | None, int | None]:
    """The message as far as it was read, and the status that refuses it."""
    message: Message | None = None
    try:
        message = parse_message(data)
        if isinstance(message, Request):
            validate_request(message)
        else:
            validate_response(message)
    except MessageError as error:
        return error.partial, error.status
    except ParseError as error:
        return message, error.status
    return message, None


@pytest.mark.parametrize("case", RFC_4475, ids=str)
def test_TORT_01_TORT_02_TORT_03_TORT_04_TORT_05_TORT_06_rfc_4475(case: Torture) -> None:
    assert outcome_of(case.to_bytes())[1] == case.status


@pytest.mark.parametrize("case", RFC_5118, ids=str)
def test_TORT_07_rfc_5118(case: Torture) -> None:
    assert outcome_of(case.to_bytes())[1] == case.status


@pytest.mark.parametrize(
    "case", [c for c in RFC_4475 + RFC_5118 if c.status and c.line[:4] != "SIP/"], ids=str
)
def test_TORT_02_refused_requests_can_be_answered(case: Torture) -> None:
    message, _ = outcome_of(case.to_bytes())
    assert isinstance(message, Request)
    assert message.top_via.host


def test_each_case_of_the_rfcs_has_a_message() -> None:
    assert len({case.name for case in RFC_4475}) == 49
    assert len({case.name for case in RFC_5118}) == 12


def message_of(name: str) -> Message:
    case = next(case for case in RFC_4475 + RFC_5118 if case.name == name)
    return parse_message(case.to_bytes())


def test_TORT_01_a_tortuous_invite_is_read_right() -> None:
    message = message_of("wsinv")
    assert [(via.transport, via.host) for via in message.vias] == [
        ("UDP", "192.0.2.2"),
        ("TCP", "a.example"),
        ("UDP", "b"),
    ]
    assert message.to.tag == "19"
    assert (message.from_.display, message.from_.tag) == ('J \\"', "98")
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert message.contact is not None
    assert message.contact.params == {"newparam": "newvalue", "p": None, "q": "0.33"}


def test_TORT_01_wide_characters_and_nulls_survive() -> None:
    message = message_of("intmeth")
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.headers.get("extensionheader-!.%*+_`'~") == "\ufeff大停電"
    again = parse_message(message.to_bytes())
    again.headers.remove("Content-Length")
    assert again == message


def test_TORT_01_escapes_are_never_undone() -> None:
    message = message_of("esc01")
    assert isinstance(message, Request)
    assert message.uri == "sip:sips%3Auser%40example.com@example.net"
    assert message.to.uri == "sip:%75se%72@example.com"


def test_TORT_01_long_messages_lose_nothing() -> None:
    assert len(message_of("longreq").vias) == 34
    assert message_of("dblreq").body == b""
    assert message_of("mpart01").body == BINARY_PART


def test_TORT_05_a_stream_ends_where_lengths_conflict() -> None:
    case = next(case for case in RFC_4475 if case.name == "mcl01")
    framer = StreamFramer()
    assert len(framer.feed(case.to_bytes())) == 1
    assert framer.dead


def shared_cases() -> list[Any]:
    return [
        pytest.param(folder.parent / case["file"], case, id=case["name"])
        for folder in sorted(SHARED.glob("*/manifest.json"))
        for case in json.loads(folder.read_text())
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the RFCs' torture files are not beside this repository")
@pytest.mark.parametrize(("path", "case"), shared_cases())
def test_TORT_the_messages_of_the_rfcs_allow_their_verdict(path: Path, case: dict[str, str]) -> None:
    message, status = outcome_of(path.read_bytes())
    if case["kind"] == "response":
        assert not isinstance(message, Request), "a response was taken for a request and might be answered"
        return
    allowed, forbidden = set(case["srs_ok"].split()), set(case["srs_forbidden"].split())
    if status is None:
        assert allowed - ANSWERED_HERE, f"passed, but the verdict is {allowed}"
    else:
        assert str(status) in allowed or f"{status // 100}xx" in allowed, (
            f"{status}, but the verdict is {allowed}"
        )
        assert str(status) not in forbidden
        assert isinstance(message, Request), "there is nothing to answer"
