"""The messages themselves, one or more for each row of the cheat sheet."""

from __future__ import annotations

from siprecord.syntax.sip import Request
from tests.support.recorder import Line, part, sdp, uid
from tests.support.vendors import (
    ALICE,
    BOB,
    BOTH,
    GROUP_IDS,
    LOCAL_UUID,
    SESSION_ID,
    SIPREC,
    TWO,
    UCID,
    UCID_HEX,
    Expected,
    Vendor,
    document,
)

OPTIONAL = "Content-Disposition: signal;handling=optional"
APKT = 'xmlns:apkt="http://acmepacket.com/siprec/extensiondata"'
ORACLE = Vendor(
    name="oracle",
    rows=("Q05", "Q60"),
    headers=(SIPREC, ("User-Agent", "Oracle SBC SCZ9.0.0"), ("User-to-User", f"{UCID_HEX};encoding=hex")),
    offer=sdp(*TWO),
    raw_body=(
        'multipart/mixed; boundary="unique-boundary-1"',
        b"--unique-boundary-1  \r\nContent-Type: application/sdp\r\n\r\n"
        + sdp(*TWO)
        + b"\r\n--unique-boundary-1 \t\r\nContent-Type: application/rs-metadata+xml\r\n"
        b"Content-Disposition: recording-session\r\n\r\n"
        + document(
            f"<extensiondata {APKT} parent='x'><apkt:ucid>{UCID_HEX};encoding=hex</apkt:ucid>"
            "</extensiondata>",
            person={
                ALICE: f"<extensiondata {APKT}><apkt:callingParty>true</apkt:callingParty></extensiondata>",
                BOB: f"<extensiondata {APKT}><apkt:callingParty>false</apkt:callingParty></extensiondata>",
            },
        )
        + b"\r\n--unique-boundary-1--\r\n",
    ),
    expected=Expected(
        vendor="oracle",
        ids=GROUP_IDS | {("ucid", UCID)},
        senders=BOTH,
        caller="sip:alice@example.com",
        callee="sip:bob@example.com",
    ),
)
CUBE = Vendor(
    name="cisco-cube",
    rows=("Q07", "Q24"),
    headers=(
        ("Require", "100rel,siprec"),
        ("User-Agent", "Cisco-SIPGateway/IOS-17.9.3"),
        ("Cisco-Guid", "0123456789-1234567890-2345678901-3456789012"),
        SESSION_ID,
    ),
    offer=sdp(Line(label="1", direction="inactive"), Line(label="2", port=40002, direction="inactive")),
    metadata=document(),
    others=(
        part("application/gtd", b"IAM,\r\nPRN,isdn*,,,\r\n", "Content-Disposition: signal;handling=optional"),
    ),
    expected=Expected(
        vendor="cisco-cube",
        answer=(("1", "inactive"), ("2", "inactive")),
        ids=GROUP_IDS | {("guid", "075bcd15499602d28bd03835ce0a6a14")},
        senders=BOTH,
        quirks=frozenset({"Q24"}),
    ),
)
NBR = Vendor(
    name="cisco-nbr",
    rows=("Q16",),
    headers=(
        ("User-Agent", "Cisco-SIPGateway/IOS-15.6"),
        ("X-Cisco-Recording-Participant", '<sip:1001@192.0.2.50>;media-index="0"'),
        ("X-Cisco-Recording-Participant", 'sip:2002@192.0.2.51;media-index="1"'),
        ("Cisco-Guid", "1-2-3-4"),
    ),
    offer=sdp(*TWO),
    expected=Expected(
        vendor="cisco-cube",
        ids=frozenset({("guid", "00000001000000020000000300000004")}),
        people=("sip:1001@192.0.2.50", "sip:2002@192.0.2.51"),
        senders={"1": ("sip:1001@192.0.2.50",), "2": ("sip:2002@192.0.2.51",)},
        quirks=frozenset({"Q16"}),
    ),
)


def phone_fork(end: str) -> Vendor:
    own = "1001" if end == "x-nearend" else "2002"
    return Vendor(
        name=f"cisco-phone-{end}",
        rows=("Q16", "Q19"),
        headers=(("User-Agent", "Cisco-CUCM14.0"),),
        contact="<sip:recorder-trunk@198.51.100.7:5070>;isFocus",
        from_=(
            f"<sip:1001@cucm.example.com;{end};x-refci=27298718;x-nearendclusterid=C1;"
            "x-nearenddevice=SEP001122334455;x-farendrefci=27298717;"
            "x-farenddevice=SEP66778899AABB;x-farendaddr=2002>;tag=near"
        ),
        offer=sdp(Line(label=None, direction="sendonly")),
        expected=Expected(
            vendor="cisco-phone",
            answer=((None, "recvonly"),),
            ids=frozenset({("cisco-refci", "27298718"), ("cisco-refci", "27298717")}),
            people=("1001", "2002"),
            senders={"": (own,)},
            quirks=frozenset({"Q16", "Q19"}),
        ),
    )


NEAR, FAR = phone_fork("x-nearend"), phone_fork("x-farend")
OPUS = ("a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/48000")
USER = "8a5f2c1e-0b7d-4e3a-9c64-1f2e3d4c5b6a"
BROADSOFT = "http://schema.broadsoft.com/broadworksCallRecording"


def broadworks_block(way: str) -> str:
    return (
        f"<extensiondata id='{uid(7)}' parent='{uid(901)}'><broadWorksRecordingMetadata xmlns='{BROADSOFT}'>"
        "<extTrackingID>10:1</extTrackingID><serviceProviderID>ent</serviceProviderID>"
        f"<callID>callhalf-123:0</callID><callType><{way}>"
        "<callingPartyNumber>+15551230001</callingPartyNumber>"
        "<calledPartyNumber>+15551230002</calledPartyNumber>"
        f"</{way}></callType><recordingType>on</recordingType></broadWorksRecordingMetadata></extensiondata>"
    )


BROADWORKS_DOCUMENT = (
    document(broadworks_block("origCall"), namespace="urn:ietf:params:xml:ns:recording")
    .replace(b"sip:alice@example.com", b"sip:+15551230001@as.example.com;user=phone")
    .replace(b"sip:bob@example.com", b"tel:+1-555-123-0002")
)
BROADWORKS = Vendor(
    name="broadworks",
    rows=("Q04", "Q06", "Q08", "Q09", "Q43"),
    headers=(SIPREC, ("User-Agent", "BroadWorks")),
    contact="<sip:as@198.51.100.7:5070>;src",
    raw_body=(
        "multipart/mixed;boundary=UniqueBroadWorksBoundary",
        b"--UniqueBroadWorksBoundary\r\nContent-Type:application/rs-metadata\r\n"
        b"Content-Disposition:recording-session\r\nContent-Length: "
        + str(len(BROADWORKS_DOCUMENT)).encode()
        + b"\r\n\r\n"
        + BROADWORKS_DOCUMENT
        + b"\r\n--UniqueBroadWorksBoundary\r\nContent-Type:application/sdp\r\n\r\n"
        + sdp(*TWO)
        + b"\r\n--UniqueBroadWorksBoundary--\r\n",
    ),
    expected=Expected(
        vendor="broadworks",
        ids=GROUP_IDS | {("tracking-id", "10:1"), ("broadworks-call-id", "callhalf-123:0")},
        direction="outbound",
        people=("sip:+15551230001@as.example.com;user=phone", "tel:+1-555-123-0002"),
        senders={"1": ("sip:+15551230001@as.example.com;user=phone",), "2": ("tel:+1-555-123-0002",)},
        caller="sip:+15551230001@as.example.com;user=phone",
        callee="tel:+1-555-123-0002",
        quirks=frozenset({"Q48"}),
    ),
)
WEBEX = Vendor(
    name="webex",
    rows=("Q06", "Q09", "Q59", "Q65"),
    headers=(("User-Agent", "Webex Calling BroadWorks"), ("TrackingID", "ATA_7")),
    contact="<sip:webex@198.51.100.7:5070;transport=tls",
    offer=sdp(
        Line(
            label="10",
            formats="111 0 101",
            more=("a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/48000"),
        ),
        Line(label="20", port=40002),
    ),
    metadata=document(broadworks_block("termCall"), namespace="urn:ietf:params:xml:ns:recording")
    .replace(b"sip:alice@example.com", f"sip:{USER}@bcld.example.com".encode())
    .replace(b"sip:bob@example.com", b"sip:+15551230001@bcld.example.com")
    .replace(b"<label>1<", b"<label>10<")
    .replace(b"<label>2<", b"<label>20<"),
    metadata_first=True,
    expected=Expected(
        vendor="webex",
        answer=(("10", "recvonly"), ("20", "recvonly")),
        ids=GROUP_IDS | {("tracking-id", "10:1"), ("tracking-id", "ATA_7")},
        direction="inbound",
        people=(f"sip:{USER}@bcld.example.com", "+15551230002", "sip:+15551230001@bcld.example.com"),
        senders={
            "10": (f"sip:{USER}@bcld.example.com", "+15551230002"),
            "20": ("sip:+15551230001@bcld.example.com",),
        },
        caller="sip:+15551230001@bcld.example.com",
        callee="+15551230002",
        quirks=frozenset({"Q59"}),
    ),
)
AVAYA_PLACEHOLDER = (
    b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>"
    b"<session session_id='0001001600F7'/><participant participant_id='1'><nameID aor=''/></participant>"
    b"<stream stream_id='' session_id='0001001600F7'><label>7</label></stream></recording>"
)
AVAYA = Vendor(
    name="avaya",
    rows=("Q18", "Q25", "Q47", "Q50", "Q60"),
    headers=(
        SIPREC,
        ("User-Agent", "Avaya-SBC 10.1"),
        ("Av-Global-Session-ID", "eb5b8bf0-1234-11ee-8001-000c29aabbcc"),
        ("User-to-User", f"04{UCID_HEX[2:]};encoding=hex"),
    ),
    offer=sdp(Line(label="1"), Line(label="2", port=40002), Line(label="3", port=40004)),
    metadata=AVAYA_PLACEHOLDER,
    expected=Expected(
        vendor="avaya",
        answer=(("1", "recvonly"), ("2", "recvonly"), ("3", "recvonly")),
        ids=frozenset({("ucid", UCID), ("global-session-id", "eb5b8bf0123411ee8001000c29aabbcc")}),
        people=("",),
        quirks=frozenset({"Q47", "RFC 7866 section 7.1.1"}),
    ),
)
METASWITCH = Vendor(
    name="metaswitch",
    rows=("Q09", "Q17", "Q43", "Q44"),
    headers=(SIPREC, ("User-Agent", "Perimeta SBC"), ("X-MSW-Correlation-ID", "msw-77")),
    contact="<sip:perimeta@198.51.100.7:5070;+sip.src",
    offer=sdp(Line(label="16777227")),
    metadata=(
        b"<recording_metadata xmlns='urn:ietf:params:xml:ns:siprec'><dataMode>complete</dataMode>"
        b"<session id='s-1'/>"
        b"<participant id='p-1' session='s-1'><aor>sip:alice@example.com</aor><name>Alice</name>"
        b"</participant>"
        b"<participant id='p-2' session='s-1'><aor>sip:bob@example.com</aor><name>Bob</name></participant>"
        b"<stream id='m-1' session='s-1'><label>16777227</label></stream></recording_metadata>"
    ),
    expected=Expected(
        vendor="metaswitch",
        answer=(("16777227", "recvonly"),),
        ids=frozenset({("correlation-id", "msw-77")}),
        senders={"16777227": ("sip:alice@example.com", "sip:bob@example.com")},
        quirks=frozenset({"Q17", "Q46"}),
    ),
)
RIBBON = Vendor(
    name="ribbon",
    rows=("Q07", "Q60"),
    headers=(SIPREC, ("User-Agent", "Sonus-SBC")),
    offer=sdp(*TWO),
    metadata=document(
        "<callData xmlns='http://sonusnet.com/siprec'><gcid>0x1234abcd</gcid>"
        "<fromhdr>&quot;Bob&quot; &lt;sip:bob@example.com&gt;;tag=1</fromhdr>"
        "<tohdr>&lt;sip:alice@example.com&gt;</tohdr></callData>"
    ),
    others=(
        part(
            "application/isup;version=itu-t92+",
            b"\x01\x00\x49",
            "Content-Disposition: signal;handling=optional",
        ),
    ),
    expected=Expected(
        vendor="ribbon",
        ids=GROUP_IDS | {("gcid", "0x1234abcd")},
        senders=BOTH,
        caller="sip:bob@example.com",
        callee="sip:alice@example.com",
    ),
)
AUDIOCODES = Vendor(
    name="audiocodes",
    rows=("Q10", "Q18", "Q48", "Q60"),
    headers=(("User-Agent", "Mediant VE SBC/v.7.40A"), ("AC-Session-ID", "7f6941530b31d715")),
    contact="<sip:sbc@198.51.100.7:5070>;src",
    offer=sdp(*(Line(label=str(each), port=40000 + 2 * each) for each in (1, 2, 3, 4))),
    metadata=document(
        "<ac:AvayaUCID xmlns:ac='urn:ietf:params:xml:ns:Avaya'>FA080019001038F725B3</ac:AvayaUCID>"
        "<ac:GenesysUUID xmlns:ac='urn:ietf:params:xml:ns:Genesys'>"
        "4BOOLNDEMD6JTA0EMD2ND6Q8RS</ac:GenesysUUID>",
        namespace="urn:ietf:params:xml:ns:recording",
    ).replace(b"sip:alice@example.com", b"Extension-1234@sbc.example.com"),
    metadata_type="application/rs-metadata",
    expected=Expected(
        vendor="audiocodes",
        answer=tuple((str(each), "recvonly") for each in (1, 2, 3, 4)),
        ids=GROUP_IDS
        | {
            ("ucid", UCID),
            ("genesys-uuid", "4BOOLNDEMD6JTA0EMD2ND6Q8RS"),
            ("ac-session-id", "7f6941530b31d715"),
        },
        people=("Extension-1234@sbc.example.com", "sip:bob@example.com"),
        senders={"1": ("Extension-1234@sbc.example.com",), "2": ("sip:bob@example.com",)},
        quirks=frozenset({"Q48", "RFC 7866 section 6.1.1"}),
    ),
)
GENESYS = Vendor(
    name="genesys",
    rows=("Q60",),
    headers=(
        SIPREC,
        ("User-Agent", "GENESYS/SIPServer 8.1.1"),
        ("X-Genesys-CallUUID", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"),
        ("X-Genesys-CallType", "Inbound"),
    ),
    offer=sdp(*TWO),
    metadata=document(),
    expected=Expected(
        vendor="genesys",
        ids=GROUP_IDS | {("genesys-uuid", "0a1b2c3d4e5f60718293a4b5c6d7e8f9")},
        direction="inbound",
        senders=BOTH,
    ),
)
OPENSIPS = Vendor(
    name="opensips",
    rows=("Q09", "Q13", "Q56"),
    headers=(SIPREC, ("User-Agent", "OpenSIPS (3.4.2)"), ("X-Original-Call-ID", "a84b4c76e66710@pc33")),
    contact="<sip:src@198.51.100.7:5070>",
    offer=sdp(Line(label="0"), Line(label="1", port=40002)),
    metadata=document(streams=False),
    expected=Expected(
        vendor="opensips",
        answer=(("0", "recvonly"), ("1", "recvonly")),
        ids=GROUP_IDS | {("call-id", "a84b4c76e66710@pc33")},
        quirks=frozenset({"Q56"}),
    ),
)
FREESWITCH = Vendor(
    name="freeswitch",
    rows=("Q14", "Q54"),
    headers=(
        SIPREC,
        ("User-Agent", "FreeSWITCH-mod_siprec/1.10"),
        ("X-FS-Call-UUID", LOCAL_UUID),
        ("X-FS-Direction", "inbound"),
    ),
    offer=sdp(Line(label="b_leg"), Line(label="a_leg", port=40002)),
    metadata=document().replace(b"<label>1<", b"<label>b_leg<").replace(b"<label>2<", b"<label>a_leg<"),
    expected=Expected(
        vendor="freeswitch",
        answer=(("b_leg", "recvonly"), ("a_leg", "recvonly")),
        ids=GROUP_IDS | {("channel-uuid", LOCAL_UUID)},
        direction="inbound",
        senders={"b_leg": ("sip:alice@example.com",), "a_leg": ("sip:bob@example.com",)},
        caller="sip:bob@example.com",
        callee="sip:alice@example.com",
    ),
)
NETSAPIENS = Vendor(
    name="netsapiens",
    rows=("Q13", "Q49"),
    headers=(SIPREC, ("User-Agent", "NetSapiens SiPBx 44.1"), ("X-NS-Orig-Call-ID", "orig-1@core1")),
    offer=sdp(*TWO),
    metadata=document()
    .replace(ALICE.encode(), b"20260101120000-1@core1")
    .replace(BOB.encode(), b"20260101120000-2@core1"),
    expected=Expected(
        vendor="netsapiens",
        ids=GROUP_IDS | {("call-id", "orig-1@core1")},
        senders=BOTH,
        quirks=frozenset({"Q49"}),
    ),
)
TWILIO = Vendor(
    name="twilio",
    rows=("Q12",),
    headers=(
        SIPREC,
        ("User-Agent", "Twilio Gateway"),
        ("X-Twilio-CallSid", "CA0123456789abcdef0123456789abcdef"),
    ),
    offer=sdp(Line(label="inbound", direction="sendonly"), Line(label="outbound", port=40002)),
    metadata=document().replace(b"<label>1<", b"<label>inbound<").replace(b"<label>2<", b"<label>outbound<"),
    expected=Expected(
        vendor="twilio",
        answer=(("inbound", "recvonly"), ("outbound", "recvonly")),
        ids=GROUP_IDS | {("call-sid", "CA0123456789abcdef0123456789abcdef")},
        senders={"inbound": ("sip:alice@example.com",), "outbound": ("sip:bob@example.com",)},
    ),
)
JAMBONZ = Vendor(
    name="jambonz",
    rows=("Q11", "Q51"),
    headers=(
        SIPREC,
        ("User-Agent", "Cognigy Voice Gateway"),
        ("X-Call-Sid", "b1c2"),
        ("X-Trace-ID", "4bf92f35"),
    ),
    offer=sdp(*TWO),
    metadata=document(),
    expected=Expected(
        vendor="jambonz",
        ids=GROUP_IDS | {("call-sid", "b1c2"), ("trace-id", "4bf92f35")},
        senders=BOTH,
    ),
)
CONNECTEL = Vendor(
    name="connectel",
    rows=("Q08", "Q40"),
    headers=(SIPREC, ("User-Agent", "Sip Express Media Server (Connectel)"), ("P-App-Call-ID", "leg-9")),
    offer=sdp(*TWO, address="0.0.0.0").replace(b"IN IP4 198.51.100.7\r\ns", b"IN IP4 0.0.0.0\r\ns"),
    metadata=document(),
    metadata_type="application/rs-metadata",
    expected=Expected(
        vendor="sems", ids=GROUP_IDS | {("call-id", "leg-9")}, senders=BOTH, quirks=frozenset({"Q40"})
    ),
)
VENDORS = (
    ORACLE, CUBE, NBR, NEAR, FAR, BROADWORKS, WEBEX, AVAYA, METASWITCH, RIBBON, AUDIOCODES, GENESYS, OPENSIPS,
    FREESWITCH, NETSAPIENS, TWILIO, JAMBONZ, CONNECTEL,
)  # fmt: skip


def invite_of(name: str) -> Request:
    """The message of that name."""
    return next(vendor for vendor in VENDORS if vendor.name == name).invite()
