from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from siprecord.media.audio import EventPacket
from siprecord.render import RenderOptions, render_recording
from siprecord.render.digits import digit_rows, read_digits
from tests.support.audio import read_channels
from tests.support.capture_builder import CaptureBuilder, Rtp, Sender, codes, mu_samples

SECOND = 1_000_000_000


def packet(
    event: int, ticks: int, *, timestamp: int = 1000, end: bool = False, at_ms: int = 0
) -> EventPacket:
    payload = struct.pack(">BBH", event, 0x8A if end else 0x0A, ticks)
    return EventPacket(at_ms * 1_000_000, 7, timestamp, 101, payload)


def press(event: int, *, timestamp: int = 1000, at_ms: int = 0) -> list[EventPacket]:
    """100 ms of a key: five updates, the end three times."""
    updates = [
        packet(event, 160 * n, timestamp=timestamp, at_ms=at_ms + 20 * n, end=n == 5) for n in range(1, 6)
    ]
    return [*updates, updates[-1], updates[-1]]


def keys(packets: list[EventPacket]) -> str:
    return "".join(digit.key for digit in read_digits(packets, {101: 8000}))


def test_PAY_10_one_digit_in_spite_of_seven_packets() -> None:
    digits = read_digits(press(5), {})
    assert [(d.key, d.ticks, d.start_ns) for d in digits] == [("5", 800, 0)]


def test_PAY_10_lost_packets_do_not_change_the_count() -> None:
    whole = press(5) + press(5, timestamp=9000, at_ms=1000) + press(11, timestamp=17_000, at_ms=2000)
    assert keys(whole) == "55#"
    assert keys(whole[1:]) == "55#"
    assert keys(whole[4:]) == "55#"
    assert keys(whole[:4] + whole[7:11] + whole[14:18]) == "55#"
    assert keys([*reversed(whole)]) == "55#"
    assert keys(whole + whole) == "55#"


def test_PAY_12_segments_of_a_long_event_are_one() -> None:
    first = [packet(1, ticks, timestamp=0, at_ms=ticks // 8) for ticks in (160, 32_000, 0xFFFF)]
    second = [packet(1, ticks, timestamp=0xFFFF, at_ms=8192 + ticks // 8) for ticks in (160, 0xFFFF)]
    third = [packet(1, 8930, timestamp=2 * 0xFFFF, at_ms=17_500, end=True)]
    [digit] = read_digits(first + second + third, {})
    assert digit.ticks == 2 * 0xFFFF + 8930
    assert abs(digit.start_ns) < 1_000_000


def test_PAY_12_zero_duration_is_no_press_and_several_events_fit_a_packet() -> None:
    assert keys([packet(3, 0)]) == ""
    both = EventPacket(SECOND, 7, 0, 101, struct.pack(">BBHBBH", 3, 0x8A, 800, 4, 0x0A, 160))
    assert keys([both]) == "34"


def test_PAY_13_the_clock_is_that_of_the_payload_type() -> None:
    [digit] = read_digits([packet(1, 4800, at_ms=100)], {101: 48_000})
    assert digit_rows([digit], 0, shown=True) == [
        {"time_s": 0.0, "duration_s": 0.1, "digit": "1", "masked": False}
    ]


def test_PAY_14_a_key_that_was_masked_at_ingest_can_not_be_shown() -> None:
    [digit] = read_digits(press(255), {101: 8000})
    assert digit_rows([digit], 0, shown=True) == [
        {"time_s": 0.0, "duration_s": 0.1, "digit": "*", "masked": True}
    ]


def test_other_events_are_no_digits() -> None:
    assert keys([packet(32, 160), packet(66, 160), packet(16, 160, timestamp=5)]) == "flash"


@given(st.lists(st.tuples(st.integers(0, 1 << 32 - 1), st.binary(max_size=20)), max_size=30))
def test_any_payload_is_answered(rows: list[tuple[int, bytes]]) -> None:
    found = read_digits([EventPacket(0, 1, timestamp, 101, data) for timestamp, data in rows], {101: 0})
    assert len(found) <= sum(len(data) // 4 for _, data in rows)


def test_PAY_11_PAY_14_Q72_digits_are_masked_and_leave_the_audio_alone(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    payloads = {
        "0": {"encoding": "PCMU", "rate": 8000},
        "101": {"encoding": "telephone-event", "rate": 8000, "fmtp": "0-15"},
    }
    stream = builder.stream("1", payloads)
    sender, data = Sender(), codes(1, 100)
    packets = sender.send(data[: 50 * 160])
    began = sender.timestamp
    for number in range(1, 6):
        payload = struct.pack(">BBH", 7, 0x8A if number == 5 else 0x0A, 160 * number)
        packets.append(Rtp(sender.at_ms + 20, sender.sequence, began, payload, payload_type=101))
        sender.sequence += 1
        sender.at_ms += 20
    sender.timestamp += 800
    packets += sender.send(data[50 * 160 :])
    builder.rtp(stream, packets)
    builder.ended()
    capture = builder.write(tmp_path / "capture.pcapng")
    [channel] = read_channels(render_recording(capture, tmp_path).audio or tmp_path)
    np.testing.assert_array_equal(channel[:8000], mu_samples(data)[:8000])
    assert not channel[8000:8800].any()
    np.testing.assert_array_equal(channel[8800:], mu_samples(data)[8000:])
    masked = json.loads((tmp_path / "metadata.json").read_text())["streams"][0]
    assert masked["digits"] == [{"time_s": 1.0, "duration_s": 0.1, "digit": "*", "masked": True}]
    assert masked["gaps"] == [{"start_s": 1.0, "end_s": 1.1, "cause": "silence"}]
    render_recording(capture, tmp_path, RenderOptions(digits="shown"))
    shown = json.loads((tmp_path / "metadata.json").read_text())["streams"][0]
    assert shown["digits"][0]["digit"] == "7"
