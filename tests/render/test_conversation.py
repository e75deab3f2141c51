"""What metadata.json says of the call beside its metadata."""

from __future__ import annotations

from pathlib import Path

import msgspec

from siprecord.render.recording import render_recording
from tests.support.capture_builder import CaptureBuilder

GROUP = "hVpd7YQgRW2nD22h7q60JQ=="
SIDES = {"caller": {"participant": "p", "labels": ["1"]}, "callee": None, "decided_from": "label"}


def rendered(tmp_path: Path, *, group: str = GROUP) -> dict[str, object]:
    builder = CaptureBuilder()
    builder.started(source="192.0.2.9:5060")
    builder.event(
        "call.identity",
        vendor="oracle",
        direction="inbound",
        sides=SIDES,
        correlation=[
            {"kind": "ucid", "value": "00025", "source": "metadata ucid"},
            {"kind": "uui", "value": "00FA", "source": "User-to-User"},
        ],
    )
    builder.event(
        "session.model",
        groups=[{"id": group}],
        sessions=[{"id": "1"}],
        participants=[{"id": "p", "names": [{"aor": "sip:+49 30 1@a"}]}],
        streams=[{"stream_id": "sdp:mline-0", "mline": 0, "participants": ["p"]}],
    )
    builder.stream("mline-0")
    builder.ended()
    render_recording(builder.write(tmp_path / "rec-1.pcapng"), tmp_path / "out")
    document = msgspec.json.decode((tmp_path / "out/metadata.json").read_bytes())
    assert isinstance(document, dict)
    return document


def test_vendor_sides_and_ids_are_told(tmp_path: Path) -> None:
    document = rendered(tmp_path)
    assert (document["vendor"], document["direction"], document["sides"]) == ("oracle", "inbound", SIDES)
    assert document["conversation"] == {
        "id": f"group:{GROUP}",
        "decided_from": "group",
        "keys": [{"kind": "group", "value": GROUP}, {"kind": "ucid", "value": "00025"}],
        "parties": ["49301"],
    }


def test_Q57_META_42_ids_that_are_no_uuids_hold_for_one_client_only(tmp_path: Path) -> None:
    document = rendered(tmp_path, group="group-0001")
    conversation = document["conversation"]
    assert isinstance(conversation, dict)
    assert conversation["id"] == "group:192.0.2.9/group-0001"


def test_Q15_a_stream_without_label_is_found_by_its_line(tmp_path: Path) -> None:
    streams = rendered(tmp_path)["streams"]
    assert isinstance(streams, list)
    assert streams[0]["participants"] == ["p"]
