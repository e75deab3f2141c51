from __future__ import annotations

import pytest

from siprecord.client.answer import Accepted, read_answer
from siprecord.client.invitation import Line
from siprecord.client.plan import Party
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
