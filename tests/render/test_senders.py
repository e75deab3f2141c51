"""Senders that a stream follows or not, as a rendering and a live reader hear them: FIELD Q62, Q63."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siprecord.media import MediaEngine, MediaSettings, StreamSpec
from siprecord.media.follower import LogFollower
from siprecord.render.merging import merge_recordings
from siprecord.render.recording import render_recording
from tests.support.audio import read_channels
from tests.support.capture_builder import CaptureBuilder, Samples, Sender, codes, mu_samples

PAYLOADS = {"payloads": {"0": {"encoding": "PCMU", "rate": 8000}}}
SPEC = StreamSpec(label="1", mline=0, description=PAYLOADS)
OWN, STRANGE = codes(1, 60), codes(2, 60)


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    """It drains only when it is told to."""
    settings = MediaSettings(bind_address="127.0.0.1", drain_interval_ms=3_600_000, threads=1)
    engine = MediaEngine(settings)
    yield engine
    engine.close()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as stack:
        made = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        yield made[0], made[1]


def speak(target: int, *who: tuple[socket.socket, list[bytes]]) -> None:
    """Side by side, each at the pace of its own packets, which is a hundred times that of speech."""
    for packets in zip(*(packets for _, packets in who), strict=True):
        for (sender, _), packet in zip(who, packets, strict=True):
            sender.sendto(packet, ("127.0.0.1", target))
        time.sleep(0.0002)


def voice(data: bytes, ssrc: int) -> list[bytes]:
    return [rtp.to_bytes() for rtp in Sender(ssrc=ssrc).send(data)]


def rendered(path: Path, folder: Path) -> tuple[Samples, dict[str, Any]]:
    render_recording(path, folder)
    row: dict[str, Any] = json.loads((folder / "metadata.json").read_text())["streams"][0]
    audio = folder / "audio.wav"
    return read_channels(audio)[0] if audio.exists() else np.zeros(0, np.int16), row


def heard_live(path: Path) -> Samples:
    follower, pieces = LogFollower(path), []
    while True:
        batch = follower.poll(flush=True)
        pieces += [np.frombuffer(piece.pcm, "<i2") for piece in batch.audio]
        if not batch.more:
            return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def holds(samples: Samples, wanted: bytes) -> bool:
    return mu_samples(wanted).tobytes() in samples.astype("<i2").tobytes()


def test_Q62_a_stray_is_in_neither_the_audio_nor_live_audio(
    engine: MediaEngine, sockets: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path, (own, stray) = tmp_path / "a.pcapng", sockets
    log = engine.open_log(path)
    stream = log.open_stream(SPEC)
    stream.set_rtcp_target(None)
    speak(stream.rtp_port, (own, voice(OWN[:1600], 7)))
    log.flush()
    both = (own, voice(OWN, 7)[10:]), (stray, voice(STRANGE, 9)[10:])
    speak(stream.rtp_port, *both)
    log.close()
    samples, row = rendered(path, tmp_path)
    assert holds(samples, OWN)
    assert not holds(samples, STRANGE[3200:3360])
    assert holds(heard_live(path), OWN)
    assert not holds(heard_live(path), STRANGE[3200:3360])
    assert (row["packets_received"], row["packets_stray"], row["ssrc_changes"]) == (60, 50, 0)
    assert [(one["ssrc"], one["packets_in_audio"]) for one in row["sources"]] == [(7, 60), (9, 0)]


def test_Q63_what_came_before_the_ports_were_known_is_in_no_audio(
    engine: MediaEngine, sockets: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    path, (late, _) = tmp_path / "a.pcapng", sockets
    log = engine.open_log(path)
    stream = log.open_stream(StreamSpec(label="1", mline=0, description=PAYLOADS, announced=False))
    speak(stream.rtp_port, (late, voice(STRANGE, 9)[:10]))
    stream.announce()
    speak(stream.rtp_port, (late, voice(STRANGE, 9)[10:20]))
    log.close()
    samples, row = rendered(path, tmp_path)
    assert not samples.any()
    assert len(heard_live(path)) == 0
    assert (row["packets_received"], row["packets_stray"]) == (0, 20)


def test_RTP_08_a_log_that_nobody_judged_is_heard_as_it_is(tmp_path: Path) -> None:
    """Logs of before, and those of other recorders."""
    builder = CaptureBuilder()
    builder.started()
    stream = builder.stream("1")
    builder.rtp(stream, Sender().send(OWN[:160]))
    builder.ended()
    path = builder.write(tmp_path / "a.pcapng")
    samples, row = rendered(path, tmp_path / "out")
    assert holds(samples, OWN[:160])
    assert holds(heard_live(path), OWN[:160])
    assert (row["packets_stray"], row["sources"][0]["packets_in_audio"]) == (0, 1)


def test_copies_from_different_addresses_are_merged_and_strays_are_not(
    engine: MediaEngine, sockets: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    """Two recorders of one call: the client sends to each from another port."""
    paths = [tmp_path / f"{name}.pcapng" for name in "ab"]
    lost = (set(range(0, 60, 3)), set(range(1, 60, 3)))
    logs = [engine.open_log(path) for path in paths]
    for number, (log, path) in enumerate(zip(logs, paths, strict=True)):
        log.append_event({"event": "recording.started", "recording_id": path.stem})
        stream = log.open_stream(SPEC)
        log.append_event({"event": "stream.opened", "interface": 1, "label": "1", "mline": 0, **PAYLOADS})
        packets = voice(OWN, 7 + number)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
            for at in range(60):
                if at not in lost[number]:
                    sockets[number].sendto(packets[at], ("127.0.0.1", stream.rtp_port))
                if number and at >= 10:
                    stray.sendto(voice(STRANGE, 99)[at], ("127.0.0.1", stream.rtp_port))
                time.sleep(0.0005)
        log.append_event({"event": "recording.ended", "outcome": "complete"})
        log.close()
    merge_recordings(paths[0], paths[1], tmp_path / "both")
    samples = read_channels(tmp_path / "both" / "audio.wav")[0]
    assert holds(samples, OWN)
    row = json.loads((tmp_path / "both" / "metadata.json").read_text())["streams"][0]
    assert (row["packets_lost"], row["packets_received"]) == (0, 60)
    assert not holds(samples, STRANGE[3200:3360])
