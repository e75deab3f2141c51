from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import FoundStream, Impairments, RtpClip, SendSpec, SentStream, verify_capture
from siprecord.media.reader import first_event
from tests.support.capture_builder import CaptureBuilder, Rtp, codes

PACKETS = 5
CLIP = codes(1, PACKETS)
SPEC = SendSpec(
    socket=0,
    destination=("198.51.100.2", 20002),
    clip=RtpClip(CLIP),
    ssrc=0x1234,
    sequence=65534,
    timestamp=0xFFFFFF00,
    first_frame=2,
)
SENT = SentStream(name="1", spec=SPEC, sent=PACKETS)


def rtp(index: int, ssrc: int = 0x1234) -> Rtp:
    frame = (index + 2) % PACKETS
    payload = CLIP[frame * 160 : frame * 160 + 160]
    return Rtp(index * 20, 65534 + index, 0xFFFFFF00 + index * 160, payload, ssrc, marker=index == 0)


def log(path: Path, *packets: Rtp) -> Path:
    builder = CaptureBuilder()
    builder.started()
    builder.rtp(builder.stream("1"), packets)
    return builder.write(path / "capture.pcapng")


def test_what_was_sent_is_found(tmp_path: Path) -> None:
    found = verify_capture(log(tmp_path, *map(rtp, range(PACKETS))), [SENT])
    assert found.streams == (FoundStream(stored=PACKETS),)
    assert found.foreign == 0


def test_each_fault_has_its_count(tmp_path: Path) -> None:
    damaged = replace(rtp(3), payload=bytes(160))
    found = verify_capture(log(tmp_path, rtp(0), rtp(1), rtp(1), damaged, rtp(4, ssrc=9)), [SENT])
    assert found.streams == (FoundStream(stored=2, lost=3, surplus=1, damaged=1),)
    assert found.foreign == 1


def test_faults_of_the_sender_are_not_those_of_the_recorder(tmp_path: Path) -> None:
    faults = Impairments(drop=(1,), duplicate=(2,), delay=((3, 0.05),))
    sent = replace(SENT, spec=replace(SPEC, impairments=faults))
    found = verify_capture(log(tmp_path, rtp(0), rtp(2), rtp(2), rtp(4), rtp(3)), [sent])
    assert found.streams == (FoundStream(stored=5),)


def test_a_log_cut_short_has_lost_the_rest(tmp_path: Path) -> None:
    path = log(tmp_path, *map(rtp, range(PACKETS)))
    path.write_bytes(path.read_bytes()[:-300])
    assert verify_capture(path, [SENT]).streams == (FoundStream(stored=3, lost=2),)


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="can't read"):
        verify_capture(tmp_path / "none.pcapng", [SENT])


def test_the_first_event_of_a_name_is_read_from_the_head(tmp_path: Path) -> None:
    path = log(tmp_path, rtp(0))
    event = first_event(path, "recording.started")
    assert event is not None
    assert event.event["call_id"] == "abc@src"
    assert first_event(path, "recording.ended") is None
    (tmp_path / "text").write_text("text")
    with pytest.raises(MediaError, match="not a capture log"):
        first_event(tmp_path / "text", "recording.started")
