"""What we write validates against the schema of RFC 7865."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from siprecord.syntax.metadata import (
    Group,
    MediaStream,
    MetadataDocument,
    NameId,
    Participant,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Reason,
    Session,
    SessionAssociation,
    parse_metadata,
    write_metadata,
    write_snapshot_request,
)

DATA = Path(__file__).parent / "data"
SCHEMA = etree.XMLSchema(etree.parse(str(DATA / "rfc7865.xsd")))
ID = "hVpd7YQgRW2nD22h7q60JQ=="
WHEN = datetime(2010, 12, 16, 23, 41, 7, tzinfo=UTC)

FULL = MetadataDocument(
    data_mode="partial",
    groups=(Group(id=ID, associate_time=WHEN, extensions=('<x xmlns="urn:x">1</x>',)),),
    sessions=(
        Session(
            id=ID,
            sip_session_ids=("a;remote=b",),
            reason=(Reason(cause=16, protocol="Q.850", text="<bye>"),),
            group_ref=ID,
            start_time=WHEN,
            stop_time=WHEN,
        ),
    ),
    participants=(Participant(id=ID, name_ids=(NameId(aor="sip:a@b", name="A & B", lang="en"),)),),
    streams=(MediaStream(id=ID, session_id=ID, label="1"), MediaStream(id=ID)),
    session_associations=(SessionAssociation(session_id=ID, associate_time=WHEN, disassociate_time=WHEN),),
    participant_session_associations=(
        ParticipantSessionAssociation(participant_id=ID, session_id=ID, params=(("isfocus", "true"),)),
    ),
    participant_stream_associations=(
        ParticipantStreamAssociation(participant_id=ID, send=(ID,), recv=(ID, ID), associate_time=WHEN),
    ),
    extensions=('<x xmlns="urn:x">1</x>',),
)


@pytest.mark.parametrize("path", sorted((DATA / "rfc").glob("*.xml")), ids=lambda path: path.stem)
def test_META_11_META_12_examples_validate_before_and_after(path: Path) -> None:
    assert SCHEMA.validate(etree.parse(str(path)))
    SCHEMA.assertValid(etree.fromstring(write_metadata(parse_metadata(path.read_bytes()))))


def test_everything_written_validates() -> None:
    SCHEMA.assertValid(etree.fromstring(write_metadata(FULL)))
    SCHEMA.assertValid(etree.fromstring(write_metadata(MetadataDocument())))


def test_everything_written_is_read_back() -> None:
    read = parse_metadata(write_metadata(FULL))
    assert read.sessions[0].reason == FULL.sessions[0].reason
    assert read.participants == FULL.participants
    assert read.streams == FULL.streams
    assert read.extensions == FULL.extensions
    assert read.groups[0].associate_time == WHEN
    assert read.participant_session_associations == FULL.participant_session_associations


@pytest.mark.parametrize("reason", [None, "lost <state>"])
def test_MDP_13_META_30_snapshot_request(reason: str | None) -> None:
    data = write_snapshot_request(reason)
    SCHEMA.assertValid(etree.fromstring(data))
    document = parse_metadata(data)
    assert document.request_snapshot
    assert document.request_reason == reason
    assert write_metadata(document) == data


TEXT = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12
).map(lambda text: text.strip() or "x")


@given(TEXT, TEXT, TEXT)
def test_any_text_survives(aor: str, name: str, label: str) -> None:
    document = MetadataDocument(
        participants=(Participant(id=ID, name_ids=(NameId(aor=aor, name=name),)),),
        streams=(MediaStream(id="s", label=label),),
    )
    read = parse_metadata(write_metadata(document))
    assert read.participants == document.participants
    assert read.streams == document.streams


def test_a_carriage_return_within_a_text_survives() -> None:
    participant = Participant(id=ID, name_ids=(NameId(aor="sip:a@b", name="a\rb"),))
    written = write_metadata(MetadataDocument(participants=(participant,)))
    assert parse_metadata(written).participants[0].name_ids[0].name == "a\rb"
