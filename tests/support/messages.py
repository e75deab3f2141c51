"""SIPREC messages as text, for tests that speak to a socket."""

from __future__ import annotations

import re

BOUNDARY = "foobar"


def sdp(
    ports: tuple[int, ...] = (30000, 30002),
    labels: tuple[str, ...] = ("1", "2"),
    crypto: tuple[str, ...] = (),
) -> str:
    """An offer; the first of its streams are protected, as many as there are crypto attributes."""
    lines = ["v=0", "o=SRC 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    for number, (port, label) in enumerate(zip(ports, labels, strict=True)):
        keys = [f"a=crypto:{one}" for one in crypto[number : number + 1]]
        profile = "RTP/SAVP" if keys else "RTP/AVP"
        lines += [f"m=audio {port} {profile} 0 8", "a=sendonly", f"a=label:{label}", *keys]
    return "\r\n".join(lines) + "\r\n"


METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="c2Vzc2lvbi0wMDAwMDAwMQ=="/>
  <participant participant_id="YWxpY2UtMDAwMDAwMDAwMQ=="><nameID aor="sip:alice@example.com"/></participant>
  <participant participant_id="Ym9iLTAwMDAwMDAwMDAwMQ=="><nameID aor="sip:bob@example.com"/></participant>
  <stream stream_id="c3RyZWFtLTAwMDAwMDAwMQ==" session_id="c2Vzc2lvbi0wMDAwMDAwMQ=="><label>1</label></stream>
  <stream stream_id="c3RyZWFtLTAwMDAwMDAwMg==" session_id="c2Vzc2lvbi0wMDAwMDAwMQ=="><label>2</label></stream>
  <participantstreamassoc participant_id="YWxpY2UtMDAwMDAwMDAwMQ==">
    <send>c3RyZWFtLTAwMDAwMDAwMQ==</send>
  </participantstreamassoc>
  <participantstreamassoc participant_id="Ym9iLTAwMDAwMDAwMDAwMQ==">
    <send>c3RyZWFtLTAwMDAwMDAwMg==</send>
  </participantstreamassoc>
</recording>
"""


def multipart(offer: str, metadata: str = METADATA) -> str:
    return (
        f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n{offer}\r\n"
        f"--{BOUNDARY}\r\nContent-Type: application/rs-metadata+xml\r\n"
        f"Content-Disposition: recording-session\r\n\r\n{metadata}\r\n--{BOUNDARY}--\r\n"
    )


def tag_of(message: bytes) -> str:
    """The tag of the To header."""
    found = re.search(rb"(?m)^To:.*;tag=([^;\r\n]+)", message)
    assert found is not None, f"no tag in {message[:200]!r}"
    return found[1].decode()


def request(
    method: str, call: str, *, number: int = 1, body: str = "", extra: str = "", to_tag: str = ""
) -> bytes:
    """A request of the client `call`; its branch follows from call, method and CSeq number."""
    tag = f";tag={to_tag}" if to_tag else ""
    content = f'Content-Type: multipart/mixed;boundary="{BOUNDARY}"\r\n' if body else ""
    return (
        f"{method} sip:srs@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5999;rport;branch=z9hG4bK{call}{method}{number}\r\n"
        f"From: <sip:src@example.com>;tag={call}\r\nTo: <sip:srs@127.0.0.1>{tag}\r\n"
        f"Call-ID: {call}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:src@127.0.0.1:5999>;+sip.src\r\nRequire: siprec\r\n{extra}{content}"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()
