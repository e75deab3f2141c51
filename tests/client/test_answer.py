from __future__ import annotations

import pytest

from siprecord.client.answer import Accepted, read_answer
from siprecord.client.invitation import Line
from siprecord.client.plan import Party
from siprecord.syntax.sdp import CryptoLine, SrtpKeys
from siprecord.syntax.sip import Headers, Response

LINES = (
    Line(Party(name="a", aor="sip:a@x", audio=b"\xff" * 160), "1", 30000),
    Line(Party(name="b", aor="sip:b@x", audio=b"\xd5" * 160, codec="pcma"), "2", 30002),
)
HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
FIRST = "m=audio 40000 RTP/AVP 0\r\na=label:1\r\na=recvonly\r\n"
SECOND = "m=audio 40002 RTP/AVP 8\r\na=label:2\r\na=recvonly\r\n"


def answer(sdp: str, content_type: str = "application/sdp") -> Response:
    return Response(200, "OK", Headers((("Content-Type", content_type),)), sdp.encode())


def test_a_plain_answer_accepts_both() -> None:
    verdict = read_answer(answer(HEAD + FIRST + SECOND), LINES)
    assert verdict.lines == (Accepted("10.0.0.9", 40000, 0), Accepted("10.0.0.9", 40002, 8))
    assert verdict.remarks == ()


def test_an_answer_in_a_multipart_body_is_found() -> None:
    body = f"--b\r\nContent-Type: application/sdp\r\n\r\n{HEAD}{FIRST}{SECOND}\r\n--b--\r\n"
    verdict = read_answer(answer(body, "multipart/mixed;boundary=b"), LINES)
    assert all(isinstance(line, Accepted) for line in verdict.lines)


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ("m=audio 0 RTP/AVP 8\r\n", "the recorder refused it (port 0)"),
        ("m=audio 40002 RTP/AVP 0\r\na=label:2\r\na=recvonly\r\n", "the recorder did not take PCMA"),
        (SECOND.replace("recvonly", "inactive"), "the recorder does not want to receive it now (inactive)"),
        (SECOND.replace("recvonly", "sendonly"), "the recorder does not want to receive it now (sendonly)"),
        (SECOND + "c=IN IP4 0.0.0.0\r\n", "the answer names no address for it"),
        ("", "the answer has no m-line for it"),
    ],
)
def test_a_stream_that_is_not_taken_says_why(second: str, why: str) -> None:
    verdict = read_answer(answer(HEAD + FIRST + second), LINES)
    assert verdict.lines == (Accepted("10.0.0.9", 40000, 0), why)


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        (("a=label:2\r\n", ""), "stream 2: the answer has no label"),
        (("label:2", "label:9"), "stream 2: the answer has label 9"),
        (("40002 RTP/AVP 8\r\na=label:2\r\na=recvonly", "40002 RTP/AVP 8\r\na=label:2"), "sendrecv instead"),
    ],
)
def test_what_is_odd_is_remarked(change: tuple[str, str], remark: str) -> None:
    verdict = read_answer(answer(HEAD + FIRST + SECOND.replace(*change)), LINES)
    assert all(isinstance(line, Accepted) for line in verdict.lines)
    assert any(remark in each for each in verdict.remarks)


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (answer("hello", "text/plain"), "the answer has no SDP"),
        (Response(200, "OK", Headers()), "the answer has no SDP"),
        (answer("nonsense"), "the SDP of the answer can't be read: "),
    ],
)
def test_an_answer_without_sdp_accepts_nothing(response: Response, why: str) -> None:
    verdict = read_answer(response, LINES)
    assert [str(line).startswith(why) for line in verdict.lines] == [True, True]


OURS = CryptoLine(
    tag=1, suite="AES_CM_128_HMAC_SHA1_80", keys=(SrtpKeys.generate("AES_CM_128_HMAC_SHA1_80", bytes),)
)
THEIRS = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd"
PROTECTED = (Line(Party(name="a", aor="sip:a@x", audio=b"\xff" * 160), "1", 30000, OURS),)


def protected(*crypto: str) -> Accepted | str:
    lines = "".join(f"a=crypto:{line}\r\n" for line in crypto)
    sdp = HEAD + FIRST.replace("RTP/AVP", "RTP/SAVP") + lines
    return read_answer(answer(sdp), PROTECTED).lines[0]


def test_SDES_02_a_protected_stream_is_sent_if_the_answer_has_a_key() -> None:
    assert isinstance(protected(f"1 {OURS.suite} inline:{THEIRS}"), Accepted)


@pytest.mark.parametrize(
    ("crypto", "why"),
    [
        ((), "0 crypto lines instead of one"),
        ((f"1 {OURS.suite} inline:{THEIRS}",) * 2, "2 crypto lines instead of one"),
        ((f"2 {OURS.suite} inline:{THEIRS}",), "none that was offered"),
        ((f"1 AES_CM_128_HMAC_SHA1_32 inline:{THEIRS}",), "none that was offered"),
        ((f"1 {OURS.suite} inline:AAAA",), "can't be used"),
    ],
)
def test_a_protected_stream_is_never_sent_without(crypto: tuple[str, ...], why: str) -> None:
    verdict = protected(*crypto)
    assert isinstance(verdict, str)
    assert why in verdict


def test_a_key_that_comes_back_is_remarked() -> None:
    sdp = HEAD + FIRST.replace("RTP/AVP", "RTP/SAVP") + f"a=crypto:{OURS}\r\n"
    assert "repeats our key" in read_answer(answer(sdp), PROTECTED).remarks[-1]
