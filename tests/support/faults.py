"""What session border controllers get wrong, one fault each, in text of our own."""

from __future__ import annotations

from dataclasses import dataclass

ALICE, BOB = "YWxpY2UtMDAwMDAwMDAwMQ==", "Ym9iLTAwMDAwMDAwMDAwMQ=="
SESSION, S1, S2 = "c2Vzc2lvbi0wMDAwMDAwMQ==", "c3RyZWFtLTAwMDAwMDAwMQ==", "c3RyZWFtLTAwMDAwMDAwMg=="
XML = "application/rs-metadata+xml"

OFFER = """v=0
o=sbc 2890844526 5 IN IP4 203.0.113.10
s=-
c=IN IP4 203.0.113.10
t=0 0
m=audio 16500 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=label:1
a=sendonly
m=audio 16502 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=label:2
a=sendonly
"""
METADATA = f"""<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>complete</datamode>
  <session session_id="{SESSION}"/>
  <participant participant_id="{ALICE}">
    <nameID aor="sip:alice@example.com"/>
  </participant>
  <participant participant_id="{BOB}">
    <nameID aor="sip:bob@example.com"/>
  </participant>
  <stream stream_id="{S1}" session_id="{SESSION}">
    <label>1</label>
  </stream>
  <stream stream_id="{S2}" session_id="{SESSION}">
    <label>2</label>
  </stream>
  <participantstreamassoc participant_id="{ALICE}">
    <send>{S1}</send>
  </participantstreamassoc>
  <participantstreamassoc participant_id="{BOB}">
    <send>{S2}</send>
  </participantstreamassoc>
</recording>
"""


def both(offer: str = OFFER, metadata: str = METADATA) -> str:
    """SDP and metadata as RFC 7866 section 9.1 shows them."""
    return (
        f"--sbc-1\nContent-Type: application/sdp\n\n{offer}\n"
        f"--sbc-1\nContent-Type: {XML}\nContent-Disposition: recording-session\n\n{metadata}\n--sbc-1--\n"
    )


MULTIPART = "multipart/mixed;boundary=sbc-1"


def request(method: str, body: str = "", kind: str = MULTIPART, *, number: int = 1, length: int = 0) -> bytes:
    """A request of one call; `length` is added to the true Content-Length."""
    content = body.replace("\n", "\r\n").encode()
    rows = [
        f"{method} sip:srs@198.51.100.20 SIP/2.0",
        f"Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK{method}{number}",
        "Max-Forwards: 70",
        "From: <sip:sbc@203.0.113.10>;tag=src",
        "To: <sip:srs@198.51.100.20>" + (";tag=srs" if number > 1 else ""),
        "Call-ID: fault@203.0.113.10",
        f"CSeq: {number} {method}",
        "Contact: <sip:sbc@203.0.113.10:5060>;+sip.src",
        "Require: siprec",
        *([f"Content-Type: {kind}"] if body else []),
        f"Content-Length: {len(content) + length}",
    ]
    return "\r\n".join([*rows, "", ""]).encode() + content


def answer(status: str = "200 OK", method: str = "INVITE", *, number: int = 1) -> bytes:
    """What the recorder says."""
    rows = [
        f"SIP/2.0 {status}",
        f"Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK{method}{number}",
        "From: <sip:sbc@203.0.113.10>;tag=src",
        "To: <sip:srs@198.51.100.20>;tag=srs",
        "Call-ID: fault@203.0.113.10",
        f"CSeq: {number} {method}",
        "Contact: <sip:srs@198.51.100.20>",
        "Content-Length: 0",
    ]
    return "\r\n".join([*rows, "", ""]).encode()


GOOD = request("INVITE", both())


def changed(old: str, new: str, *, count: int = -1) -> bytes:
    """The good INVITE with another text within its bodies."""
    body = both()
    assert old in body, old
    return request("INVITE", body.replace(old, new, count))


def without(row: str) -> bytes:
    """The good INVITE without a text of its head."""
    assert row.encode() in GOOD, row
    return GOOD.replace(row.encode(), b"", 1)


DTD = '<?xml version="1.0"?>\n<!DOCTYPE recording [<!ENTITY who "alice">]>'
PARTIAL = """<recording xmlns="urn:ietf:params:xml:ns:recording:1">
  <datamode>partial</datamode>
  <participantstreamassoc participant_id="Y2Fyb2wtMDAwMDAwMDAwMQ==">
    <send>c3RyZWFtLTAwMDAwMDAwOQ==</send>
  </participantstreamassoc>
</recording>
"""


@dataclass(frozen=True)
class Fault:
    """One fault: the messages of the call as they were on the wire, one or several."""

    name: str
    messages: tuple[bytes, ...]


CALL = (GOOD, answer(), request("ACK"))
OLDER = OFFER.replace("526 5 IN", "526 4 IN")

FAULTS = (
    Fault("label missing", (changed("a=label:2\n", ""),)),
    Fault("labels differ", (changed("<label>2</label>", "<label>97</label>"),)),
    Fault("labels repeated", (changed("a=label:2", "a=label:1"),)),
    Fault("length too long", (request("INVITE", both(), length=40),)),
    Fault("length too short", (request("INVITE", both(), length=-40),)),
    Fault("boundary differs", (request("INVITE", both(), "multipart/mixed;boundary=sbc-2"),)),
    Fault("boundary not closed", (request("INVITE", both().replace("--sbc-1--\n", "")),)),
    Fault("xml broken", (changed("</participant>", "", count=1),)),
    Fault("namespace", (changed("urn:ietf:params:xml:ns:recording:1", "urn:ietf:params:xml:ns:siprec"),)),
    Fault("dtd", (changed('<?xml version="1.0" encoding="UTF-8"?>', DTD),)),
    Fault("no require", (without("Require: siprec\r\n"),)),
    Fault("no feature tag", (without(";+sip.src"),)),
    Fault("sendrecv", (changed("a=sendonly", "a=sendrecv"),)),
    Fault("private address", (changed("c=IN IP4 203.0.113.10", "c=IN IP4 10.20.0.5"),)),
    Fault("savp without key", (changed("RTP/AVP", "RTP/SAVP"),)),
    Fault("no codec", (changed("RTP/AVP 8 0 101", "RTP/AVP 101"),)),
    Fault("version goes back", (*CALL, request("INVITE", OLDER, "application/sdp", number=2))),
    Fault("partial of the unknown", (*CALL, request("UPDATE", PARTIAL, XML, number=2))),
    Fault("no bye", CALL),
)  # fmt: skip
