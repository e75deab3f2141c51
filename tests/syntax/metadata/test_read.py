"""Metadata documents of the RFCs, of drafts, of vendors, and of attackers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits
from siprecord.syntax.metadata import (
    MetadataDocument,
    NameId,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Reason,
    SessionAssociation,
    parse_metadata,
    read_metadata,
    write_metadata,
)

DATA = Path(__file__).parent / "data"
RFC_EXAMPLES = sorted((DATA / "rfc").glob("*.xml"))
NS = "urn:ietf:params:xml:ns:recording:1"
CS = "hVpd7YQgRW2nD22h7q60JQ=="
ALICE = "srfBElmCRp2QB23b7Mpk0w=="
BOB = "zSfPoSvdSDCmU3A3TRDxAw=="
STREAM = "i1Pz3to5hGk8fuXl+PbwCw=="
WHEN = datetime(2010, 12, 16, 23, 41, 7, tzinfo=UTC)


def recording(content: str, root: str = f'recording xmlns="{NS}"') -> MetadataDocument:
    return parse_metadata(f"<{root}>{content}</{root.split()[0]}>".encode())


@pytest.mark.parametrize("path", RFC_EXAMPLES, ids=lambda path: path.stem)
def test_META_12_rfc_examples_have_no_deviation(path: Path) -> None:
    document = parse_metadata(path.read_bytes())
    unexpected = [each for each in document.deviations if "no UUID in base64" not in each]
    assert unexpected == []
    written = write_metadata(document)
    assert write_metadata(parse_metadata(written)) == written


def test_META_12_there_are_eighteen_examples() -> None:
    assert len(RFC_EXAMPLES) == 18


def test_META_12_the_complete_example_of_rfc_7865() -> None:
    document = parse_metadata((DATA / "rfc" / "rfc7865-02.xml").read_bytes())
    assert document.data_mode == "complete"
    assert [len(document.groups), len(document.sessions), len(document.streams)] == [1, 1, 4]
    assert document.sessions[0].group_ref == document.groups[0].id
    assert document.participants[0].name_ids == (NameId(aor="sip:bob@biloxi.com", name="Bob", lang="it"),)
    assert "http://example.com/my" in document.participants[0].extensions[0]
    assert len(document.participant_stream_associations[0].send) == 2
    assert document.participant_session_associations[0].associate_time == WHEN


def test_META_30_snapshot_request() -> None:
    document = parse_metadata((DATA / "rfc" / "rfc7865-01.xml").read_bytes())
    assert document.request_snapshot
    assert document.request_reason


@pytest.mark.parametrize(
    "root",
    [
        f'recording xmlns="{NS}"',
        f'rs:recording xmlns:rs="{NS}" xmlns="{NS}"',
        "recording",
        'recording xmlns="urn:ietf:params:xml:ns:recording"',
        'recording xmlns="urn:ietf:params:xml:ns:recording:2"',
        'recording_metadata xmlns="urn:ietf:params:xml:ns:siprec"',
        'x:recording-metadata xmlns="y"',
    ],
)
def test_META_01_META_09_Q43_roots_and_namespaces(root: str) -> None:
    content = f'<datamode>partial</datamode><session session_id="{CS}"/>'
    if 'xmlns="y"' in root:
        content = content.replace("<", "<x:").replace("<x:/", "</x:")
    document = recording(content, root)
    assert document.data_mode == "partial"
    assert document.sessions[0].id == CS
    assert (document.deviations == ()) == (NS in root.split('"'))


def test_META_01_prefixed_elements_are_the_same() -> None:
    session = f'<session session_id="{CS}"><sipSessionID>a</sipSessionID></session>'
    plain = f'<recording xmlns="{NS}">{session}</recording>'
    prefixed = (
        plain.replace("</", "</r:")
        .replace("<s", "<r:s")
        .replace("<rec", "<r:rec")
        .replace("xmlns", "xmlns:r")
    )
    assert parse_metadata(prefixed.encode()) == parse_metadata(plain.encode())


def test_META_01_two_roots_are_an_error() -> None:
    with pytest.raises(ParseError):
        parse_metadata(b"<recording/><recording/>")


def test_META_01_another_root_is_an_error() -> None:
    with pytest.raises(ParseError, match="root"):
        parse_metadata(b"<html><body/></html>")


def test_a_foreign_root_with_known_elements_is_read() -> None:
    assert recording(f'<session session_id="{CS}"/>', "siprec").sessions[0].id == CS


@pytest.mark.parametrize(
    ("content", "mode", "present", "deviates"),
    [
        ("", "complete", False, False),
        ("<datamode>complete</datamode>", "complete", True, False),
        ("<datamode> partial </datamode>", "partial", True, False),
        ("<dataMode>partial</dataMode>", "partial", True, True),
        ("<datamode>Partial</datamode>", "partial", True, False),
        ("<datamode>other</datamode>", "complete", True, True),
        ("<datamode/>", "complete", True, True),
    ],
)
def test_META_04_META_05_Q45_mode(content: str, mode: str, present: bool, deviates: bool) -> None:
    document = recording(content)
    assert (document.data_mode, document.mode_present) == (mode, present)
    assert bool(document.deviations) is deviates


def test_META_06_any_order() -> None:
    rows = [
        "<datamode>complete</datamode>",
        f'<session session_id="{CS}"/>',
        f'<participant participant_id="{ALICE}"><nameID aor="a"/></participant>',
        f'<stream stream_id="{STREAM}" session_id="{CS}"><label>1</label></stream>',
    ]
    assert recording("".join(rows)) == recording("".join(reversed(rows)))


@pytest.mark.parametrize(
    ("element", "name"),
    [
        (f'<group group_id="{CS}">%s</group>', "groups"),
        (f'<session session_id="{CS}">%s</session>', "sessions"),
        (f'<participant participant_id="{CS}"><nameID aor="a"/>%s</participant>', "participants"),
        (f'<stream stream_id="{CS}">%s</stream>', "streams"),
        (f'<sessionrecordingassoc session_id="{CS}">%s</sessionrecordingassoc>', "session_associations"),
        (
            f'<participantsessionassoc participant_id="{CS}" session_id="{CS}">%s</participantsessionassoc>',
            "participant_session_associations",
        ),
        (
            f'<participantstreamassoc participant_id="{CS}">%s</participantstreamassoc>',
            "participant_stream_associations",
        ),
    ],
)
def test_META_07_Q60_extensions_stay_with_their_parent(element: str, name: str) -> None:
    extension = '<a:ucid xmlns:a="http://acme.example/x" a:k="&lt;&quot;"><v>1 &amp; 2</v><a:w/></a:ucid>'
    document = recording(element % extension)
    (item,) = getattr(document, name)
    expected = (
        f'<a:ucid xmlns="{NS}" xmlns:a="http://acme.example/x" a:k=\'&lt;"\'><v>1 &amp; 2</v><a:w/></a:ucid>'
    )
    assert item.extensions == (expected,)
    assert document.deviations == ()


def test_META_07_extension_at_the_top() -> None:
    document = recording('<x xmlns="urn:x">é</x>')
    assert document.extensions == ('<x xmlns="urn:x">é</x>',)


def test_an_element_of_another_namespace_is_no_session() -> None:
    document = recording('<session xmlns="urn:x" session_id="1"/>')
    assert document.sessions == ()
    assert len(document.extensions) == 1


def test_META_08_unknown_elements_and_attributes_are_kept_or_skipped() -> None:
    document = recording(
        f'<participant participant_id="{ALICE}" y="2"><nameID aor="a" x="1"/><role>boss</role></participant>'
    )
    assert document.participants[0].name_ids == (NameId(aor="a"),)
    assert "boss" in document.participants[0].extensions[0]
    assert any("role" in each for each in document.deviations)


def test_META_20_META_25_times_of_groups_and_associations() -> None:
    times = (
        "<associate-time>2010-12-16T23:41:07Z</associate-time>"
        "<disassociate-time>2010-12-16T23:41:07.250+02:00</disassociate-time>"
    )
    document = recording(
        f'<group group_id="{CS}">{times}</group><group group_id="{ALICE}"/>'
        f'<sessionrecordingassoc session_id="{CS}">{times}</sessionrecordingassoc>'
    )
    group, empty = document.groups
    assert group.associate_time == WHEN
    assert group.disassociate_time == datetime(2010, 12, 16, 21, 41, 7, 250_000, tzinfo=UTC)
    assert group.raw_times[1] == ("disassociate-time", "2010-12-16T23:41:07.250+02:00")
    assert (empty.associate_time, empty.raw_times) == (None, ())
    assert document.session_associations[0].associate_time == WHEN


def test_META_21_META_29_META_45_META_46_session() -> None:
    document = recording(
        f'<session session_id="{CS}"><sipSessionID>ab;\n   remote=cd</sipSessionID>'
        "<sipSessionID>e</sipSessionID>"
        '<reason cause="200">ok</reason><reason cause="16" protocol="Q.850">bye</reason><reason cause="x"/>'
        f"<group-ref>{ALICE}\n  </group-ref><start-time>2010-12-16T23:41:07Z</start-time>"
        "<stop-time>2010-12-16T23:41:08Z</stop-time></session>"
    )
    (session,) = document.sessions
    assert session.sip_session_ids == ("ab;remote=cd", "e")
    assert session.reason == (
        Reason(cause=200, protocol="SIP", text="ok"),
        Reason(cause=16, protocol="Q.850", text="bye"),
        Reason(cause=None),
    )
    assert session.group_ref == ALICE
    assert session.start_time == WHEN
    assert session.stop_time == WHEN + timedelta(seconds=1)


def test_META_22_META_23_META_50_participants() -> None:
    document = recording(
        f'<participant participant_id="{ALICE}"><nameID aor="tel:+1555"/>'
        '<nameID aor="sip:a@x;noa=i;srvattri=n"><name xml:lang="it"> Alice;lang=en;id=22 </name>'
        "</nameID></participant>"
        f'<participant participant_id="{BOB}"/>'
    )
    alice, bob = document.participants
    assert alice.name_ids == (
        NameId(aor="tel:+1555"),
        NameId(aor="sip:a@x;noa=i;srvattri=n", name="Alice;lang=en;id=22", lang="it"),
    )
    assert bob.name_ids == ()
    assert any("no nameID" in each for each in document.deviations)


def test_META_24_META_56_streams() -> None:
    document = recording(
        f'<stream stream_id="{STREAM}"/><stream stream_id="{CS}" session_id="{CS}"><label>0</label></stream>'
    )
    bare, full = document.streams
    assert (bare.session_id, bare.label) == (None, None)
    assert (full.session_id, full.label) == (CS, "0")


def test_META_26_META_27_participant_session_association() -> None:
    document = recording(
        f'<participantsessionassoc participant_id="{ALICE}" session_id="{CS}">'
        '<associate-time>2010-12-16T23:41:07Z</associate-time><param pname="isfocus" pval="true"/>'
        "</participantsessionassoc>"
    )
    assert document.participant_session_associations == (
        ParticipantSessionAssociation(
            participant_id=ALICE,
            session_id=CS,
            associate_time=WHEN,
            params=(("isfocus", "true"),),
            raw_times=(("associate-time", "2010-12-16T23:41:07Z"),),
        ),
    )


def test_META_28_META_58_Q25_participant_stream_association() -> None:
    document = recording(
        f'<participantstreamassoc participant_id="{ALICE}">'
        "<associate-time>2010-12-16T23:41:07Z</associate-time>"
        f"<send>\n{STREAM}\n</send><send>{CS}</send><recv/></participantstreamassoc>"
        f'<participantstreamassoc participant_id="{BOB}"/>'
    )
    full, empty = document.participant_stream_associations
    assert (full.send, full.recv) == ((STREAM, CS), ())
    assert (full.send_present, full.recv_present) == (True, True)
    assert full.associate_time == WHEN
    assert empty == ParticipantStreamAssociation(participant_id=BOB)


def test_META_31_META_41_an_empty_recording() -> None:
    assert recording("") == MetadataDocument(mode_present=False)


@pytest.mark.parametrize(
    "value", ["+14155551212", "urn:uuid:91b39d20-5fe4-4ae1-8553-abc98ce37332", "00FA08000", "p1"]
)
def test_META_75_FLD_03_Q50_ids_are_opaque(value: str) -> None:
    document = recording(f'<session session_id="{value}"/>')
    assert document.sessions[0].id == value
    assert any("no UUID" in each for each in document.deviations)


def test_META_73_META_74_ids_keep_case_and_lose_white_space() -> None:
    document = recording(f'<session session_id="{CS[:9]}\n {CS[9:]}"/><session session_id="{CS.lower()}"/>')
    assert [each.id for each in document.sessions] == [CS, CS.lower()]
    assert document.deviations == ()


def test_META_76_one_id_for_two_kinds_is_noted() -> None:
    document = recording(f'<session session_id="{CS}"/><stream stream_id="{CS}"/><stream stream_id="{CS}"/>')
    assert len(document.streams) == 2
    assert [each for each in document.deviations if "share the id" in each] != []


def test_Q47_empty_and_missing_ids() -> None:
    document = recording('<stream stream_id=""><label>1</label></stream><session/>')
    assert (document.streams[0].id, document.streams[0].label) == ("", "1")
    assert document.sessions[0].id == ""
    assert len(document.deviations) == 2


def test_Q48_Q51_Q56_what_is_missing_is_no_error() -> None:
    document = recording(
        f'<participant participant_id="{ALICE}"><nameID><name>X</name></nameID></participant>'
    )
    assert document.participants[0].name_ids == (NameId(aor="", name="X"),)
    assert document.streams == ()


ORACLE = f"""<?xml version='1.0' encoding='UTF-8'?>
<recording xmlns='urn:ietf:params:xml:ns:recording'>
  <datamode>complete</datamode>
  <session id="{CS}">
    <associate-time>2010-12-16T23:41:07</associate-time>
    <extensiondata xmlns:apkt="http://vendor.example/x"><apkt:ucid>00FA08;encoding=hex</apkt:ucid></extensiondata>
  </session>
  <participant id="{ALICE}" session="{CS}">
    <nameID aor="sip:9000@192.0.2.1"><name>9000</name></nameID>
    <send>{STREAM}</send>
    <associate-time>2010-12-16T23:41:07</associate-time>
  </participant>
  <stream id="{STREAM}" session="{CS}"><label>16777227</label><mode>separate</mode></stream>
</recording>"""


def check_legacy(document: MetadataDocument) -> None:
    raw = (("associate-time", "2010-12-16T23:41:07"),)
    assert document.sessions[0].id == CS
    assert document.session_associations == (
        SessionAssociation(session_id=CS, associate_time=WHEN, raw_times=raw),
    )
    assert document.participants[0].name_ids == (NameId(aor="sip:9000@192.0.2.1", name="9000"),)
    assert document.participant_session_associations == (
        ParticipantSessionAssociation(
            participant_id=ALICE, session_id=CS, associate_time=WHEN, raw_times=raw
        ),
    )
    (association,) = document.participant_stream_associations
    assert (association.participant_id, association.send, association.recv) == (ALICE, (STREAM,), ())
    assert (document.streams[0].id, document.streams[0].session_id) == (STREAM, CS)
    assert document.streams[0].label == "16777227"
    assert "separate" in document.streams[0].extensions[0]
    assert "00FA08" in document.sessions[0].extensions[0]


def test_FLD_02_FLD_04_Q44_drafts_give_the_same_model() -> None:
    check_legacy(parse_metadata(ORACLE.encode()))


def test_FLD_14_unquoted_attributes_are_mended() -> None:
    document = parse_metadata(ORACLE.replace('"http://vendor.example/x"', "http://vendor.example/x").encode())
    check_legacy(document)
    assert any("not well-formed" in each for each in document.deviations)


def test_FLD_02_the_oldest_draft() -> None:
    document = parse_metadata(
        b"""<?xml version="1.0"?><recording_metadata xmlns="urn:ietf:params:xml:ns:siprec">
        <dataMode>complete</dataMode><recording id="urn:uuid:b0"><requestor>SRC</requestor></recording>
        <group id="urn:uuid:95"><initiator>sip:02</initiator></group>
        <session id="urn:uuid:08" group="urn:uuid:95">
        <start-time>2016-06-22T10:44:43+01:00</start-time></session>
        <participant id="urn:uuid:91" session="urn:uuid:08"><aor>sip:02</aor><name>Ann</name>
        <send><id>urn:uuid:b1</id></send></participant>
        <stream id="urn:uuid:b1" session="urn:uuid:08"><label>1</label><mode>mixed</mode></stream>
        <extensiondata id="urn:uuid:3c" parent="urn:uuid:08">
        <bw xmlns="http://vendor.example/bw" version="1.0">
        <userID>02@x</userID></bw></extensiondata></recording_metadata>"""
    )
    assert document.sessions[0].group_ref == document.groups[0].id == "urn:uuid:95"
    assert document.sessions[0].start_time == datetime(2016, 6, 22, 9, 44, 43, tzinfo=UTC)
    assert document.participants[0].name_ids == (NameId(aor="sip:02", name="Ann"),)
    assert document.participant_stream_associations[0].send == ("urn:uuid:b1",)
    assert document.participant_session_associations[0].session_id == "urn:uuid:08"
    assert len(document.extensions) == 2
    assert "02@x" in document.extensions[1]


def test_META_71_Q52_zone_of_bare_times() -> None:
    start = "<start-time>2010-12-16T23:41:07</start-time>"
    text = f'<recording><session session_id="{CS}">{start}</session></recording>'
    zone = timezone(timedelta(hours=2))
    document = parse_metadata(text.encode(), zone=zone)
    assert document.sessions[0].start_time == WHEN - timedelta(hours=2)
    assert any("no zone" in each for each in document.deviations)


def test_META_72_a_timestamp_element_is_kept() -> None:
    assert len(recording("<timestamp>x</timestamp>").extensions) == 1


def test_deviations_are_bounded() -> None:
    document = recording("".join(f"<x{number}/>" for number in range(500)))
    assert len(document.deviations) <= 40
    assert len(document.extensions) == 500


def test_extensions_may_not_swell() -> None:
    names = "".join(f' xmlns:p{n}="{"u" * 500}{n}"' for n in range(60))
    uses = "<e " + " ".join(f'p{n}:a=""' for n in range(60)) + "/>"
    with pytest.raises(ParseError) as caught:
        parse_metadata(f"<recording{names}>{uses * 2000}</recording>".encode())
    assert caught.value.status == 413


LINES = ORACLE.splitlines()
PIECES = st.sampled_from(
    [
        "<recording>",
        "</recording>",
        "<a:b c='",
        "<session id='1'>",
        "</session>",
        "&amp;",
        "&x;",
        "<![CDATA[",
        "]]>",
        "<?pi?>",
        "<!--",
        "-->",
        ">",
        '"',
        "=",
        " x=y",
        "<send><id/>",
        "</send>",
        "<participant>",
        "</participant>",
    ]
)


@given(st.one_of(st.lists(st.sampled_from(LINES), max_size=20), st.lists(PIECES, max_size=30)).map("".join))
def test_any_text_is_read_or_refused_and_writing_is_stable(text: str) -> None:
    try:
        document = parse_metadata(text.encode(), Limits(max_xml_depth=8))
    except ParseError:
        return
    written = write_metadata(document)
    assert write_metadata(parse_metadata(written)) == written


@given(st.data())
def test_any_mutation_is_read_or_refused(data: st.DataObject) -> None:
    document = bytearray(ORACLE.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(document) - 1))
        document[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        read = parse_metadata(bytes(document))
    except ParseError:
        return
    assert read.data_mode in {"complete", "partial"}


@pytest.mark.parametrize(("written", "expected"), [("", None), ("  ", None), (" 1 ", "1")])
def test_a_label_in_an_attribute_is_stripped_like_one_in_an_element(
    written: str, expected: str | None
) -> None:
    assert recording(f'<stream stream_id="{STREAM}" label="{written}"/>').streams[0].label == expected


def test_extensions_come_as_elements_too_with_the_id_they_are_said_of() -> None:
    name = "participantsessionassoc"
    member = f'<{name} participant_id="{ALICE}" session_id="{CS}"><odd/></{name}>'
    call = f'<session session_id="{CS}"><v:c xmlns:v="urn:v">x</v:c></session>'
    content = f'<v:a xmlns:v="urn:v"><v:b/></v:a>{call}{member}'
    document, extensions = read_metadata(f'<recording xmlns="{NS}">{content}</recording>'.encode())
    told = [(each.parent, each.element.local, each.element.text) for each in extensions]
    assert told == [("", "a", ""), (CS, "c", "x"), (ALICE, "odd", "")]
    assert len(document.extensions) == len(document.sessions[0].extensions) == 1
