"""What the engine does when the disk is full, on a file system of 64 KiB."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, MediaSettings, StreamSpec
from tests.media import capture
from tests.media.capture import Sender, resting, rtp
from tests.support.patience import wait_until

SPEC = StreamSpec(label="1", mline=0)
BIG = b"\xd5" * 1_000


@dataclass(frozen=True)
class Disk:
    folder: Path

    @property
    def ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self) -> None:
        with self.ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1_024))
            except OSError:
                return

    def relieve(self) -> None:
        self.ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


def make_engine(interval_ms: int, max_pending: int = 1 << 20) -> MediaEngine:
    settings = MediaSettings(
        bind_address="127.0.0.1", drain_interval_ms=interval_ms, threads=1, max_pending_bytes=max_pending
    )
    return resting(MediaEngine(settings))


def test_nothing_is_lost_while_memory_lasts(disk: Disk, sender: Sender) -> None:
    engine = make_engine(5)
    path = disk.folder / "a.pcapng"
    log = engine.open_log(path)
    stream = log.open_stream(SPEC)
    disk.fill()
    sent = [rtp(number, BIG) for number in range(30)]
    sender.send(stream.rtp_port, *sent)
    wait_until(lambda: stream.stats().packets == 30)
    log.append_event({"event": "stream.paused"})
    second = log.open_stream(StreamSpec(label="2", mline=1))
    sender.send(second.rtp_port, rtp(1))
    wait_until(lambda: second.stats().packets == 1)
    status = log.status
    assert status.failing
    assert status.pending_bytes > 0
    assert select.select([engine], [], [], 5)[0] == [engine]
    (failed,) = engine.drain_notices()
    assert (failed.recording, failed.kind, failed.dropped) == (str(path), "write_failed", 0)
    assert "No space left on device" in failed.text
    disk.relieve()
    wait_until(lambda: not log.status.failing)
    (recovered,) = engine.drain_notices()
    assert (recovered.kind, recovered.dropped) == ("write_recovered", 0)
    log.close()
    assert [datagram.payload for datagram in capture.datagrams(path, 1)] == sent
    assert len(capture.datagrams(path, 2)) == 1
    assert [event["event"] for event in capture.events(path)] == ["stream.source_followed", "stream.paused"]
    engine.close()


def test_beyond_the_bound_packets_are_dropped_and_counted(disk: Disk, sender: Sender) -> None:
    engine = make_engine(5, max_pending=8_192)
    path = disk.folder / "a.pcapng"
    log = engine.open_log(path)
    stream = log.open_stream(SPEC)
    disk.fill()
    sender.send(stream.rtp_port, *(rtp(number, BIG) for number in range(100)))
    wait_until(lambda: stream.stats().packets == 100)
    assert log.status.pending_bytes <= 8_192 + 1_100
    dropped = log.status.dropped_packets
    assert dropped > 80
    late = log.open_stream(StreamSpec(label="2", mline=1))
    disk.relieve()
    wait_until(lambda: not log.status.failing)
    failed, recovered = engine.drain_notices()
    assert (failed.kind, recovered.kind, recovered.dropped) == ("write_failed", "write_recovered", dropped)
    sender.send(late.rtp_port, rtp(1))
    log.close()
    assert len(capture.datagrams(path, 1)) == 100 - dropped
    assert len(capture.datagrams(path, 2)) == 1
    engine.close()


def test_a_log_closed_on_a_full_disk_is_well_formed(disk: Disk, sender: Sender) -> None:
    engine = make_engine(3_600_000)
    path = disk.folder / "a.pcapng"
    log = engine.open_log(path)
    stream = log.open_stream(SPEC)
    disk.fill()
    sent = [rtp(number, BIG) for number in range(30)]
    sender.send(stream.rtp_port, *sent)
    log.close()
    stored = [datagram.payload for datagram in capture.datagrams(path)]
    assert stored == sent[: len(stored)]
    assert 0 < len(stored) < 30
    status = log.status
    assert (status.dropped_packets, status.pending_bytes) == (30 - len(stored), 0)
    assert status.bytes_written == path.stat().st_size
    assert [notice.dropped for notice in engine.drain_notices()] == [0, 30 - len(stored)]
    engine.close()


def test_no_log_is_opened_on_a_full_disk(disk: Disk) -> None:
    engine = make_engine(100)
    disk.fill()
    with pytest.raises(MediaError, match=r"a.pcapng: No space left on device"):
        engine.open_log(disk.folder / "a.pcapng")
    assert list(disk.folder.iterdir()) == [disk.ballast]
    engine.close()
