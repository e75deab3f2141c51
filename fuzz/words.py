"""Words that mean something to the parsers under test: what a random octet would take years to spell."""

from __future__ import annotations

SIP = (
    "INVITE ACK BYE CANCEL OPTIONS UPDATE INFO PRACK REFER FOO sip: sips: tel: urn: SIP/2.0 SIP/3.0 sip/2.0 "
    "SIP/2.0/UDP SIP/2.0/TCP SIP/2.0/TLS SIP/2.0/WSS Via: v: From: f: To: t: Call-ID: i: CSeq: Contact: m: "
    "Content-Type: c: Content-Length: l: Max-Forwards: Require: siprec Supported: k: timer replaces 100rel "
    "Session-Expires: x: refresher=uac Min-SE: Retry-After: Route: Record-Route: Allow: Accept: Expires: "
    ";lr ;tag= ;branch=z9hG4bK ;rport ;received= ;maddr= ;ttl= ;+sip.src ;isfocus ;transport=tcp ?Replaces= "
    "[::1] [2001:db8::1] 127.0.0.1 0.0.0.0 example.com anonymous.invalid :5060 :0 :65536 "
    "application/sdp application/rs-metadata+xml application/rs-metadata multipart/mixed ;boundary= "
    ';boundary="b" Content-Disposition: recording-session ;handling=required Content-ID: MIME-Version: '
    "Content-Transfer-Encoding: base64 quoted-printable binary 8bit multipart/alternative application/gtd"
).split()
SDP = (
    "v=0 v=1 o=- s=- c=IN IP4 IP6 t=0 b=AS:64 b=TIAS:64000 k=clear: k=base64: i= u= e= p= r= z= m=audio "
    "m=video m=text m= RTP/AVP RTP/AVPF RTP/SAVP UDP/TLS/RTP/SAVPF TCP/MSRP a=sendonly a=recvonly "
    "a=sendrecv a=inactive a=SENDONLY a=label:1 a=label: a=label a=rtpmap:0 a=rtpmap:96 PCMU/8000 PCMA/8000/1 "
    "opus/48000/2 telephone-event/8000 G729/8000 a=fmtp:96 a=ptime:20 a=maxptime:40 a=rtcp:9 a=rtcp-mux "
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32 INLINE: "
    "a=key-mgmt:mikey a=content:main a=silenceSupp:off a=candidate: a=group:BUNDLE a=mid: 49170/2"
).split()
XML = (
    "<?xml version='1.0'?> encoding='UTF-16' <recording> </recording> <recording_metadata> <siprec> "
    "<requestsnapshot> xmlns= xmlns='' xmlns:x='urn:x' xmlns='urn:ietf:params:xml:ns:recording:1' "
    "xmlns='urn:ietf:params:xml:ns:recording' <datamode>complete</datamode> <datamode>partial</datamode> "
    "<group> <session> <participant> <stream> <sessionrecordingassoc> <participantsessionassoc> "
    "<participantstreamassoc> <send> <recv> <label>1</label> <nameID aor='sip:a@b'/> <name xml:lang='de'> "
    "<sipSessionID> <reason cause='200'> <group-ref> <associate-time> <start-time>2026-01-01T00:00:00Z "
    "session_id= participant_id= stream_id= group_id= id= <param pname='a' pval='b'/> <x:y> </x:y> <!-- --> "
    "<![CDATA[ ]]> <!DOCTYPE &lt; &#13; &#0; &#x10FFFF; &bogus; <?php ?> /> 0001-01-01T00:00:00+14:00"
).split()
WORDS = tuple(word.encode() for word in (*SIP, *SDP, *XML))

LINES = tuple(
    line.encode()
    for line in (
        "Content-Length: 0",
        "Content-Length: 99999999999999999999",
        "Content-Length: -1",
        "l: 5",
        "Content-Type: multipart/mixed;boundary=b",
        "Content-Transfer-Encoding: base64",
        "--b",
        "--b--",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",
        "m=audio 0 RTP/AVP 0",
        "m=audio 49170 RTP/AVP 0 8 96",
        "v=0",
        "",
    )
)

NUMBERS = tuple(
    text.encode()
    for text in (
        "0", "00", "-1", "+1", "1", "2", "99", "100", "127", "128", "255", "256", "699", "700", "65535",
        "65536", "2147483647", "2147483648", "4294967295", "4294967296", "9223372036854775807",
        "9223372036854775808", "18446744073709551616", "1e9", "0x10", "1.5", "9" * 40, "0" * 200 + "1",
        "9" * 5000,
    )
)  # fmt: skip

ODD_TEXT = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        "\ufeff", "\u00e9", "\u0661\u0662", "\u00b2", "\u2028", "\u0085", "\u00a0", "\u202e", "\ud800",
        "\U0001f600", "\u0130", "\ufffe", "\x00", "\x0b", "\x0c", "\x1c", "\x7f", "\x1b[0m",
    )
) + (b"\xff", b"\xc0\x80", b"\xfe\xff", b"\xff\xfe", b"\x80", b"\xf8\x88\x80\x80\x80", b"<\x00")  # fmt: skip

CHARACTERS = ODD_TEXT + tuple(
    text.encode()
    for text in (
        "&#13;", "&#10;", "&#9;", "&#32;", "&#xA0;", "&#x85;", "&#0;", "&#xD800;", "&#x10FFFF;", "&#xFFFE;", "&lt;",
        "&amp;", "&amp;amp;", "&quot;", "&apos;", "]]>", "<!-- x -->", "<![CDATA[<]]>", "<?x y?>", " ", "\r", "\n", "a&#13;b",
    )
)  # fmt: skip
"""What may stand in XML text, and what may not."""

NESTS = (
    b"<a>", b"<x:a xmlns:x='u'>", b"<session>", b'"', b"<", b"[", b"(", b"\\", b";a", b";a=\"", b",", b"&",
    b"?", b"%", b"\r\n ", b"\r\n\r\n", b"\n\n", b"\r", b" ", b"--", b"\r\n--b", b"\r\na=", b"\r\nv: ", b"@", b":",
)  # fmt: skip
"""What is repeated many times: whatever opens something, separates or is stepped over."""

FIELDS = (0, 1, 2, 3, 4, 5, 6, 8, 12, 16, 20, 28, 32, 0xBAD, 0x40000BAD, 101, 252, 32473, 0x7FFF, 0x8000, 0xFFFF,
          0x10000, 0x0A0D0D0A, 0x1A2B3C4D, 0x4D3C2B1A, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)  # fmt: skip
"""Values of 32-bit fields: block types, lengths, link types and the ends of ranges."""
