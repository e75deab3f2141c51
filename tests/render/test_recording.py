from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from siprecord.errors import RenderError
from siprecord.render import render_recording, sound
from tests.support.audio import read_channels
from tests.support.capture_builder import CaptureBuilder, Sender, codes, mu_samples

COMPLETE = b'<?xml version="1.0"?>\n<recording><datamode>complete</datamode></recording>\n'
PARTIAL = b"<recording>\r\n<dataMode>partial</dataMode></recording>"


def two_party(seconds: float = 5) -> tuple[CaptureBuilder, bytes, bytes]:
    first, second = codes(1, int(seconds * 50)), codes(2, int(seconds * 50))
    builder = CaptureBuilder()
    builder.started("abc", source="192.0.2.1:5060", version="0.1.0", node="n1")
    builder.metadata(COMPLETE)
    streams = [{"label": "2", "stream_id": "s2", "session_id": "x", "participants": ["bob"]}]
    builder.event(
        "session.model", sessions=[{"id": "x"}], participants=[{"id": "bob"}], streams=streams, groups=[]
    )
    ten, two = builder.stream("10"), builder.stream("2")
    builder.rtp(ten, Sender(at_ms=100).send(first))
    builder.rtp(two, Sender(at_ms=300, ssrc=2).send(second))
    builder.event("deviation", 50, text="no label", reference="RFC 4574")
    builder.ended(9000)
    return builder, first, second


def render(builder: CaptureBuilder, path: Path) -> dict[str, Any]:
    capture = builder.write(path / "capture.pcapng")
    result = render_recording(capture, path)
    document: dict[str, Any] = json.loads(result.document.read_text())
    assert result.outcome == document["outcome"]
    assert not list(path.glob(".*.part"))
    return document


def test_channels_stand_in_numeric_label_order_and_are_bit_exact(tmp_path: Path) -> None:
    builder, first, second = two_party()
    document = render(builder, tmp_path)
    two, ten = read_channels(tmp_path / "audio.wav")
    zeros = np.zeros(1600, np.int16)
    np.testing.assert_array_equal(ten, np.concatenate([mu_samples(first), zeros]))
    np.testing.assert_array_equal(two, np.concatenate([zeros, mu_samples(second)]))
    assert [(row["label"], row["channel"]) for row in document["streams"]] == [("2", 0), ("10", 1)]
    assert document["audio"] == {
        "file": "audio.wav",
        "files": [{"file": "audio.wav", "format": "wav", "channels": 2, "mixed": False}],
        "peaks": None,
        "channels": 2,
        "sample_rate": 8000,
        "frames": 41_600,
        "duration_s": 5.2,
        "started": "2023-11-14T22:13:20.100000+00:00",
    }


def test_the_document_tells_everything_the_log_knows(tmp_path: Path) -> None:
    document = render(two_party()[0], tmp_path)
    assert (document["schema_version"], document["recording_id"]) == (1, "abc")
    assert (document["outcome"], document["reason"]) == ("complete", "BYE")
    assert document["started"] == "2023-11-14T22:13:20.000000+00:00"
    assert document["ended"] == "2023-11-14T22:13:29.000000+00:00"
    assert document["duration_s"] == 9
    assert document["sip"]["call_id"] == "abc@src"
    assert document["sip"]["source"] == "192.0.2.1:5060"
    assert document["recorder"] == {"version": "0.1.0", "node": "n1"}
    assert document["participants"] == [{"id": "bob"}]
    assert document["deviations"] == [
        {"text": "no label", "reference": "RFC 4574", "time": "2023-11-14T22:13:20.050000+00:00"}
    ]
    assert document["capture"] == {
        "file": "capture.pcapng",
        "complete": True,
        "truncated": False,
        "bytes_left_over": 0,
        "bytes_damaged": 0,
    }
    row = document["streams"][0]
    assert (row["stream_id"], row["session_id"], row["participants"]) == ("s2", "x", ["bob"])
    assert (row["packets_received"], row["packets_lost"], row["ssrc"]) == (250, 0, 2)
    assert row["gaps"] == [{"start_s": 0, "end_s": 0.2, "cause": "before_start"}]
    assert row["codecs"][0]["encoding"] == "PCMU"
    assert (row["first_packet"], row["last_packet"]) == (
        "2023-11-14T22:13:20.300000+00:00",
        "2023-11-14T22:13:25.280000+00:00",
    )


def test_one_metadata_document_is_kept_byte_for_byte(tmp_path: Path) -> None:
    document = render(two_party()[0], tmp_path)
    assert (tmp_path / "metadata.xml").read_bytes() == COMPLETE
    assert [row["file"] for row in document["metadata"]] == ["metadata.xml"]
    assert not (tmp_path / "metadata-1.xml").exists()


def test_of_several_documents_the_first_complete_one_stands_out(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    later = COMPLETE.replace(b"<recording>", b"<recording><!-- 2 -->")
    for number, found in enumerate((PARTIAL, COMPLETE, later)):
        builder.metadata(found, number)
    document = render(builder, tmp_path)
    assert (tmp_path / "metadata.xml").read_bytes() == COMPLETE
    assert [(tmp_path / row["file"]).read_bytes() for row in document["metadata"]] == [
        PARTIAL,
        COMPLETE,
        later,
    ]
    assert document["metadata"][2]["file"] == "metadata-3.xml"


def test_a_log_without_audio_has_a_document_and_no_sound(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    builder.stream("1")
    builder.ended(outcome="no_media")
    document = render(builder, tmp_path)
    assert (document["audio"], document["outcome"]) == (None, "no_media")
    assert document["streams"][0]["channel"] is None
    assert not (tmp_path / "audio.wav").exists()
    assert document["deviations"][0]["text"] == "no RTP packet came for label 1"


def test_who_went_on_with_a_lost_call_is_learned_after_its_end(tmp_path: Path) -> None:
    builder, _, _ = two_party(0.4)
    lost = CaptureBuilder(blocks=builder.blocks[:-1])
    before = render(lost, tmp_path)
    lost.event("recording.continued", at_ms=60_000, recording_id="r2", node="b", cause="failover")
    after = render(lost, tmp_path)
    assert after["continued_by"][0]["node"] == "b"
    assert (after["ended"], after["duration_s"]) == (before["ended"], before["duration_s"])


def test_a_log_cut_at_every_block_renders_as_interrupted(tmp_path: Path) -> None:
    builder, first, second = two_party(0.4)
    blocks = builder.blocks
    for count in range(len(blocks)):
        whole = CaptureBuilder(blocks=blocks[:count])
        document = render(whole, tmp_path)
        assert (document["outcome"], document["capture"]["truncated"]) == ("interrupted", False)
        torn = CaptureBuilder(blocks=[*blocks[:count], blocks[count][:-1]])
        document = render(torn, tmp_path)
        assert (document["outcome"], document["capture"]["complete"]) == ("interrupted", False)
        assert document["capture"]["truncated"]
    two, ten = read_channels(tmp_path / "audio.wav")
    np.testing.assert_array_equal(ten[:3200], mu_samples(first))
    np.testing.assert_array_equal(two[1600:], mu_samples(second))


def test_codecs_that_can_not_be_rendered_are_named_and_counted(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    payloads = {
        "0": {"encoding": "PCMU", "rate": 8000},
        "97": {"encoding": "EVS", "rate": 16000},
    }
    stream = builder.stream("1", payloads)
    sender = Sender()
    packets = sender.send(codes(3, 10))
    sender.payload_type = 97
    packets += sender.send(codes(4, 10))
    sender.payload_type = 8
    packets += sender.send(codes(5, 10))
    builder.rtp(stream, packets)
    document = render(builder, tmp_path)
    seen = [
        (c["encoding"], c["packets"], c["rendered"], c["negotiated"])
        for c in document["streams"][0]["codecs"]
    ]
    assert seen == [("PCMU", 10, True, True), ("PCMA", 10, True, False), ("EVS", 10, False, True)]
    assert [row["text"] for row in document["deviations"]] == [
        "label 1: 10 packets of PCMA came, which was never negotiated (payload type 8)",
        "label 1: 10 packets of EVS are in the capture log but not rendered: there is no decoder for EVS",
    ]
    assert document["streams"][0]["gaps"] == [{"start_s": 0.2, "end_s": 0.4, "cause": "not_rendered"}]


def test_pause_and_hold_explain_gaps(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    stream = builder.stream("1")
    sender = Sender()
    packets = sender.send(codes(6, 50))
    for pause in ("hold", "pause"):
        builder.event("stream.paused", sender.at_ms, interface=stream, cause=pause)
        sender.at_ms += 3000
        sender.timestamp += 24_000
        builder.event("stream.resumed", sender.at_ms, interface=stream)
        packets += sender.send(codes(7, 50))
    builder.rtp(stream, packets)
    document = render(builder, tmp_path)
    assert document["streams"][0]["gaps"] == [
        {"start_s": 1, "end_s": 4, "cause": "hold"},
        {"start_s": 5, "end_s": 8, "cause": "pause"},
    ]


def test_a_pause_that_nothing_follows_is_told_behind_the_audio(tmp_path: Path) -> None:
    """Nothing of a hold is missing; a pause withheld something."""
    builder = CaptureBuilder()
    builder.started()
    streams = builder.stream("1"), builder.stream("2")
    for number, stream in enumerate(streams):
        builder.rtp(stream, Sender(ssrc=number + 1).send(codes(6, 50)))
    builder.event("stream.paused", 990, interface=streams[0], cause="pause")
    builder.event("stream.paused", 990, interface=streams[1], cause="hold")
    builder.ended(3500)
    document = render(builder, tmp_path)
    assert document["audio"]["duration_s"] == 1
    assert [row["gaps"] for row in document["streams"]] == [
        [{"start_s": 1, "end_s": 3.5, "cause": "pause"}],
        [],
    ]
    assert document["gaps"] == [{"cause": "pause", "count": 1, "seconds": 2.5}]


def test_streams_without_an_event_are_rendered_by_static_payload_types(tmp_path: Path) -> None:
    builder, first, _ = two_party(1)
    del builder.blocks[6]
    document = render(builder, tmp_path)
    assert [row["label"] for row in document["streams"]] == ["2", "10"]
    np.testing.assert_array_equal(read_channels(tmp_path / "audio.wav")[1][:8000], mu_samples(first))


def test_video_is_no_channel(tmp_path: Path) -> None:
    builder = two_party(1)[0]
    builder.stream("3", {"99": {"encoding": "H264", "rate": 90_000}}, kind="video")
    assert len(render(builder, tmp_path)["streams"]) == 2
    assert len(read_channels(tmp_path / "audio.wav")) == 2


def test_rendering_again_replaces_everything(tmp_path: Path) -> None:
    before = render(two_party(1)[0], tmp_path)
    (tmp_path / "audio.wav").write_bytes(b"broken")
    assert render(two_party(1)[0], tmp_path) == before
    assert read_channels(tmp_path / "audio.wav").shape == (2, 9600)


def test_sound_that_can_not_be_written_leaves_no_half_file(tmp_path: Path) -> None:
    capture = two_party(1)[0].write(tmp_path / "capture.pcapng")
    (tmp_path / "audio.wav").mkdir()
    with pytest.raises(RenderError, match=r"can't write .*audio\.wav"):
        render_recording(capture, tmp_path)
    assert not (tmp_path / "metadata.json").exists()
    assert not list(tmp_path.glob(".*.part"))


def test_a_disk_that_fills_up_leaves_no_half_file(tmp_path: Path) -> None:
    """The limit on file sizes stands for the full disk: both end as a short write."""
    capture = two_party(20)[0].write(tmp_path / "capture.pcapng")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(RenderError, match=r"can't write .*audio\.wav"):
            render_recording(capture, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["capture.pcapng"]


def test_large_audio_is_written_as_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound, "_WAV_LIMIT", 1000)
    _, first, _ = two_party()
    render(two_party()[0], tmp_path)
    assert soundfile.info(tmp_path / "audio.wav").format == "RF64"
    np.testing.assert_array_equal(read_channels(tmp_path / "audio.wav")[1][:40_000], mu_samples(first))


def test_what_is_no_log_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello world")
    with pytest.raises(RenderError, match="is not a capture log"):
        render_recording(tmp_path / "x", tmp_path / "out")
    with pytest.raises(RenderError, match=r"can't read .*No such file"):
        render_recording(tmp_path / "out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
