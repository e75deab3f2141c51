"""Short messages of our own, one for each case of RFC 4475 and RFC 5118, with what our syntax layer says.

`status` is None where the message passes (what a server answers then is its own affair), else that of the
refusal. A refused response is dropped, whatever the status.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Torture:
    """One case. `rows` replace the usual rows of that name; an empty tuple removes them."""

    name: str
    section: str
    line: str = "OPTIONS sip:user@example.com SIP/2.0"
    rows: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    body: bytes = b""
    status: int | None = None

    def __str__(self) -> str:
        return self.name

    def to_bytes(self) -> bytes:
        """The message, with the usual rows where the case has none of its own."""
        method = self.line.split()[0]
        usual = {
            "Via": "SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw",
            "From": "<sip:caller@example.net>;tag=1",
            "To": "<sip:user@example.com>",
            "Call-ID": f"{self.name}@example.net",
            "CSeq": f"8 {method}",
            "Max-Forwards": "70",
        }
        left_out = {name.strip().lower() for name, _ in self.rows} | {name.lower() for name in self.without}
        rows = [(name, value) for name, value in usual.items() if name.lower() not in left_out]
        text = "".join(f"{name}: {value}\r\n" for name, value in (*rows, *self.rows))
        return f"{self.line}\r\n{text}\r\n".encode("utf-8", "surrogateescape") + self.body


BINARY_PART = b"--7a9cbec\r\nContent-Type: a/b\r\n\r\n\x00\r\n\r\n\xff\r\n--7a9cbec--\r\n"

RFC_4475 = (
    Torture(
        name="wsinv",
        section="3.1.1.1",
        line="INVITE sip:v@example.com;unknownparam SIP/2.0",
        rows=(
            ("TO ", "\r\n sip:v@example.com ;   tag    = 19"),
            ("from   ", '"J \\\\\\""       <sip:j@example.com>\r\n  ;\r\n  tag = 98'),
            ("MaX-fOrWaRdS", "0068"),
            ("cseq", "0009\r\n  INVITE"),
            ("Via", "SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw"),
            (
                "Via  ",
                "SIP  / 2.0  / TCP     a.example   ;\r\n  branch  =   z9  ,\r\n SIP  /    2.0   / UDP  b",
            ),
            ("s ", ""),
            ("UnknownHeaderWithUnusualValue", ";;,,;;,;"),
            ("m", '"Quoted \\"\\"" <sip:j@example.com> ; newparam =\r\n   newvalue ;\r\n p ; q = 0.33'),
        ),
    ),
    Torture(
        name="intmeth",
        section="3.1.1.2",
        line="!Method0_*+`.%indeed'~ sip:1_un.~(to-be!)&isn't+it$/crazy?,/;;*:&a=1,pas$wo~d@e.com SIP/2.0",
        rows=(
            (
                "To",
                '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_u~(to-be!)&isn\'t+it$/crazy?,/;;*@example.com>',
            ),
            (
                "From",
                "token1~` token2'+_ token3*%!.- <sip:m@e.com>;p''~+*_!.-%=\"работ\";tag=_t~1'+`*%!-.",
            ),
            ("Call-ID", "word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"),
            ("extensionHeader-!.%*+_`'~", "\ufeff大停電"),
        ),
    ),
    Torture(
        name="esc01",
        section="3.1.1.3",
        line="INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
        rows=(
            ("To", "sip:%75se%72@example.com"),
            ("Contact", "\r\n  <sip:cal%6Cer@h;%6C%72;n%61me=v%61lue%25%34%31>"),
        ),
    ),
    Torture(
        name="escnull",
        section="3.1.1.4",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(
            ("To", "sip:null-%00-null@example.com"),
            ("Contact", "<sip:%00@h>"),
            ("Contact", "<sip:%00%00@h>"),
        ),
    ),
    Torture(name="esc02", section="3.1.1.5", line="RE%47IST%45R sip:a.example SIP/2.0"),
    Torture(name="lwsdisp", section="3.1.1.6", rows=(("From", "caller<sip:caller@example.com>;tag=323"),)),
    Torture(
        name="longreq",
        section="3.1.1.7",
        rows=(
            ("To", f'"{"long " * 60}name" <sip:{"user" * 100}@example.com>;{"p" * 300}={"v" * 300}'),
            *(("v", f"SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{n}{'x' * 200}") for n in range(34)),
        ),
        without=("Via",),
    ),
    Torture(
        name="dblreq",
        section="3.1.1.8",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Content-Length", "0"),),
        body=b"INVITE sip:joe@example.com SIP/2.0\r\nTo: x\r\n\r\n",
    ),
    Torture(
        name="semiuri", section="3.1.1.9", line="OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"
    ),
    Torture(
        name="transports",
        section="3.1.1.10",
        rows=tuple(
            ("Via", f"SIP/2.0/{t} h;branch=z9hG4bK{t}") for t in ("UDP", "SCTP", "TLS", "UNKNOWN", "TCP")
        ),
    ),
    Torture(
        name="mpart01",
        section="3.1.1.11",
        line="MESSAGE sip:kumiko@example.org SIP/2.0",
        rows=(
            ("Content-Type", "multipart/mixed;boundary=7a9cbec"),
            ("Content-Length", str(len(BINARY_PART))),
        ),
        body=BINARY_PART + b"trailing",
    ),
    Torture(
        name="unreason",
        section="3.1.1.12",
        line="SIP/2.0 200 = 2**3 * 5**2 но сто",
        rows=(("CSeq", "3 INVITE"),),
    ),
    Torture(name="noreason", section="3.1.1.13", line="SIP/2.0 100 ", rows=(("CSeq", "35 INVITE"),)),
    Torture(
        name="badinv01",
        section="3.1.2.1",
        line="INVITE sip:user@example.com SIP/2.0",
        rows=(("Via", "SIP/2.0/UDP 192.0.2.15;;,;,,"), ("Contact", '"Joe" <sip:joe@example.org>;;;;')),
        status=400,
    ),
    Torture(name="clerr", section="3.1.2.2", rows=(("Content-Length", "9999"),), body=b"v=0\r\n", status=400),
    Torture(name="ncl", section="3.1.2.3", rows=(("Content-Length", "-999"),), body=b"v=0\r\n", status=400),
    Torture(
        name="scalar02",
        section="3.1.2.4",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(
            ("CSeq", "36893488147419103232 REGISTER"),
            ("Max-Forwards", "300"),
            ("Expires", "1" + "0" * 100),
        ),
        status=400,
    ),
    Torture(
        name="scalarlg",
        section="3.1.2.5",
        line="SIP/2.0 503 Service Unavailable",
        rows=(("CSeq", "9292394834772304023312 OPTIONS"), ("Retry-After", "949302838503028349304023988")),
        status=400,
    ),
    Torture(
        name="quotbal", section="3.1.2.6", rows=(("To", '"Mr. J. User <sip:j.user@example.com>'),), status=400
    ),
    Torture(name="ltgtruri", section="3.1.2.7", line="OPTIONS <sip:user@example.com> SIP/2.0", status=400),
    Torture(name="lwsruri", section="3.1.2.8", line="OPTIONS sip:user@example.com; lr SIP/2.0", status=400),
    Torture(name="lwsstart", section="3.1.2.9", line="OPTIONS  sip:user@example.com  SIP/2.0"),
    Torture(name="trws", section="3.1.2.10", line="OPTIONS sip:remote-target@example.com SIP/2.0  "),
    Torture(name="escruri", section="3.1.2.11", line="OPTIONS sip:u@example.com?Route=%3Csip:a%3E SIP/2.0"),
    Torture(name="baddate", section="3.1.2.12", rows=(("Date", "Fri, 01 Jan 2010 16:00:00 EST"),)),
    Torture(
        name="regbadct",
        section="3.1.2.13",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Contact", "sip:user@example.com?Route=%3Csip:sip.example.com%3E"),),
    ),
    Torture(
        name="badaspec", section="3.1.2.14", rows=(("To", '"Watson, Thomas" < sip:t.watson@example.org >'),)
    ),
    Torture(
        name="baddn",
        section="3.1.2.15",
        rows=(("From", "Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),),
    ),
    Torture(name="badvers", section="3.1.2.16", line="OPTIONS sip:t.watson@example.org SIP/7.0", status=505),
    Torture(name="mismatch01", section="3.1.2.17", rows=(("CSeq", "8 INVITE"),), status=400),
    Torture(
        name="mismatch02",
        section="3.1.2.18",
        line="NEWMETHOD sip:a@b SIP/2.0",
        rows=(("CSeq", "8 INVITE"),),
        status=501,
    ),
    Torture(name="bigcode", section="3.1.2.19", line="SIP/2.0 4294967301 better not break", status=400),
    Torture(name="badbranch", section="3.2.1", rows=(("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),)),
    Torture(name="insuf", section="3.3.1", without=("From", "To", "Call-ID", "Max-Forwards"), status=400),
    Torture(name="unkscm", section="3.3.2", line="OPTIONS nobodyKnowsThisScheme:opaque SIP/2.0", status=416),
    Torture(name="novelsc", section="3.3.3", line="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", status=416),
    Torture(
        name="unksm2",
        section="3.3.4",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(
            ("To", "isbn:2983792873"),
            ("From", "<http://www.example.com>;tag=3"),
            ("Contact", "<name:John_Smith>"),
        ),
    ),
    Torture(name="bext01", section="3.3.5", rows=(("Require", "nothingSupportsThis, norThis"),)),
    Torture(
        name="invut", section="3.3.6", rows=(("Content-Type", "application/unknownformat"),), body=b"<audio/>"
    ),
    Torture(
        name="regaut01",
        section="3.3.7",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Authorization", "NoOneKnowsThisScheme opaque-data=here"),),
    ),
    Torture(
        name="multi01", section="3.3.8", rows=(("CSeq", "5 OPTIONS"), ("CSeq", "59 OPTIONS")), status=400
    ),
    Torture(
        name="mcl01",
        section="3.3.9",
        rows=(("Content-Length", "13"), ("Content-Length", "5")),
        body=bytes(13),
        status=400,
    ),
    Torture(
        name="bcast",
        section="3.3.10",
        line="SIP/2.0 200 OK",
        rows=(
            ("CSeq", "3 INVITE"),
            ("Via", "SIP/2.0/UDP h"),
            ("Via", "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1"),
        ),
    ),
    Torture(name="zeromf", section="3.3.11", rows=(("Max-Forwards", "0"),)),
    Torture(
        name="cparam01",
        section="3.3.12",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Contact", "sip:+19725552222@gw1.example.net;unknownparam"),),
    ),
    Torture(
        name="cparam02",
        section="3.3.13",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Contact", "<sip:+19725552222@gw1.example.net;unknownparam>"),),
    ),
    Torture(
        name="regescrt",
        section="3.3.14",
        line="REGISTER sip:example.com SIP/2.0",
        rows=(("Contact", "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),),
    ),
    Torture(name="sdp01", section="3.3.15", rows=(("Accept", "text/nobodyKnowsThis"),)),
    Torture(
        name="inv2543",
        section="3.4.1",
        line="INVITE sip:UserB@example.com SIP/2.0",
        rows=(
            ("Via", "SIP/2.0/UDP iftgw.example.com"),
            ("From", "<sip:+13035551111@ift.client.example.net;user=phone>"),
            ("Record-Route", "<sip:UserB@example.com;maddr=ss1.example.com>"),
        ),
        without=("Max-Forwards",),
        body=b"v=0\r\n",
    ),
)

RFC_5118 = (
    Torture(name="ipv6-good", section="4.1", line="REGISTER sip:[2001:db8::10] SIP/2.0"),
    Torture(name="ipv6-bad", section="4.2", line="REGISTER sip:2001:db8::10 SIP/2.0", status=400),
    Torture(name="port-ambiguous", section="4.3", line="REGISTER sip:[2001:db8::10:5070] SIP/2.0"),
    Torture(name="port-unambiguous", section="4.4", line="REGISTER sip:[2001:db8::10]:5070 SIP/2.0"),
    Torture(
        name="via-received-param-with-delim",
        section="4.5",
        rows=(("Via", "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111"),),
    ),
    Torture(
        name="via-received-param-no-delim",
        section="4.5",
        rows=(("Via", "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3"),),
    ),
    Torture(
        name="ipv6-in-sdp",
        section="4.6",
        line="INVITE sip:user@[2001:db8::10] SIP/2.0",
        rows=(("Contact", '"Caller" <sip:caller@[2001:db8::20]>'),),
        body=b"v=0\r\nc=IN IP6 2001:db8::20\r\n",
    ),
    Torture(
        name="mult-ip-in-header",
        section="4.7",
        line="BYE sip:user@host.example.net SIP/2.0",
        rows=(
            ("Via", "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111"),
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja"),
            ("Via", "SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"),
        ),
    ),
    Torture(name="mult-ip-in-sdp", section="4.8", body=b"c=IN IP4 192.0.2.1\r\nc=IN IP6 2001:db8::20\r\n"),
    Torture(
        name="ipv4-mapped-ipv6",
        section="4.9",
        line="INVITE sip:user@example.com SIP/2.0",
        rows=(
            ("Via", "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19"),
            ("Contact", '"T. desk phone" <sip:ted@[::ffff:192.0.2.2]>'),
        ),
    ),
    Torture(
        name="ipv6-bug-abnf-3-colons",
        section="4.10",
        line="OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0",
        rows=(("To", "sip:user@[2001:db8:::192.0.2.1]"),),
    ),
    Torture(
        name="ipv6-correct-abnf-2-colons",
        section="4.10",
        line="OPTIONS sip:user@[2001:db8::192.0.2.1] SIP/2.0",
    ),
)
