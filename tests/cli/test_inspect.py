from __future__ import annotations

from pathlib import Path

import pytest

from siprecord.syntax.sdp import SUITES, CryptoLine, SrtpKeys, blank_keys
from tests.cli.conftest import Run
from tests.support import messages

INVITE = messages.request("INVITE", "abc", body=messages.multipart(messages.sdp()))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "message.txt"


def test_a_siprec_invite_is_explained(run: Run, file: Path) -> None:
    file.write_bytes(INVITE)
    text = run("inspect", file).text
    assert "It is a SIPREC call; 2 of 2 streams would be recorded." in text
    assert "sip:alice@example.com" in text
    assert "0 PCMU/8000, 8 PCMA/8000" in text
    assert "Faults" not in text


def test_the_same_as_json(run: Run, file: Path) -> None:
    file.write_bytes(INVITE)
    known = run("inspect", file, "--json").json
    assert known["start_line"] == "INVITE sip:srs@127.0.0.1 SIP/2.0"
    assert [line["label"] for line in known["media"]] == ["1", "2"]
    assert [person["aor"] for person in known["participants"]] == [
        "sip:alice@example.com",
        "sip:bob@example.com",
    ]
    assert [stream["mline"] for stream in known["streams"]] == [0, 1]
    assert known["faults"] == []
    assert known["deviations"] == []


def test_a_message_saved_by_an_editor_is_read(run: Run, file: Path) -> None:
    file.write_bytes(b"\n" + INVITE.replace(b"\r\n", b"\n"))
    known = run("inspect", file, "--json").json
    assert known["deviations"] == []
    assert len(known["media"]) == 2


def test_deviations_are_named(run: Run, file: Path) -> None:
    offer = messages.sdp(labels=("1", "7"))
    message = messages.request("INVITE", "abc", body=messages.multipart(offer))
    file.write_bytes(message.replace(b";+sip.src", b""))
    text = run("inspect", file).text
    assert "The metadata names label 2, but no m-line has it." in text
    assert "RFC 7866 section 7.1.1: " in text
    assert "no +sip.src feature tag" in text


def test_a_plain_call_is_recognised(run: Run, file: Path) -> None:
    message = (
        messages.request("INVITE", "abc").replace(b"Require: siprec\r\n", b"").replace(b";+sip.src", b"")
    )
    file.write_bytes(message)
    assert run("inspect", file, "--json").json["verdict"].startswith("It is no SIPREC call")


def test_faults_are_named(run: Run, file: Path) -> None:
    file.write_bytes(INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"))
    known = run("inspect", file, "--json").json
    assert known["verdict"] == "It would be refused: 400"
    assert "CSeq" in known["faults"][0]


def test_a_response_is_explained(run: Run, file: Path) -> None:
    body = messages.sdp(ports=(40000, 0))
    head = INVITE.partition(b"\r\n\r\n")[0].split(b"\r\n")
    rows = [row for row in head[1:] if not row.startswith(b"Content-")]
    answer = [b"SIP/2.0 200 OK", *rows, b"Content-Type: application/sdp", b"", body.encode()]
    file.write_bytes(b"\r\n".join(answer))
    known = run("inspect", file, "--json").json
    assert (known["kind"], known["start_line"]) == ("response", "SIP/2.0 200 OK")
    assert [line["port"] for line in known["media"]] == [40000, 0]


def test_a_message_out_of_a_log_is_found(run: Run, file: Path) -> None:
    file.write_bytes(b"2026-11-21 03:15:00.123 [sip] received from 192.0.2.10:5060\n" + INVITE)
    assert run("inspect", file, "--json").json["verdict"].startswith("It is a SIPREC call")


def test_a_message_without_to_is_explained(run: Run, file: Path) -> None:
    file.write_bytes(b"INVITE sip:a@b SIP/2.0\r\n\r\n")
    known = run("inspect", file, "--json").json
    assert known["verdict"] == "It would be refused: 400"


def test_what_is_no_message_is_refused(run: Run, file: Path) -> None:
    file.write_bytes(b"\x00\x01\x02")
    outcome = run("inspect", file)
    assert outcome.code == 1
    assert f"{file} is no text, and no capture" in str(outcome.error)


def test_octets_that_are_no_utf8_are_shown_as_escapes(run: Run, file: Path) -> None:
    file.write_bytes(INVITE.replace(b"Call-ID: abc", b"Call-ID: a\xffc"))
    assert run("inspect", file, "--json").json["headers"]["Call-ID"] == ["a\udcffc"]
    assert "a\\udcffc" in run("inspect", file).text


@pytest.mark.parametrize("blank", [False, True], ids=["as received", "as stored"])
@pytest.mark.parametrize("suite", SUITES)
def test_Q77_protected_streams_are_explained_without_keys(
    run: Run, tmp_path: Path, suite: str, blank: bool
) -> None:
    """Also in a message of a capture log, whose keys are overwritten."""
    line = CryptoLine(tag=1, suite=suite, keys=(SrtpKeys.generate(suite, bytes),))
    offer = messages.sdp(crypto=(str(line), str(line)))
    data = messages.request("INVITE", "secure", body=messages.multipart(offer))
    path = tmp_path / "invite.sip"
    path.write_bytes(blank_keys(data) if blank else data)
    outcome = run("inspect", path)
    assert "2 of 2 streams would be recorded" in outcome.text
    assert f"a=crypto:1 {suite} inline:..." in outcome.text
    assert line.keys[0].inline() not in outcome.text
