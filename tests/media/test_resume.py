"""Going on with a capture log and its sockets after the process that held them has died."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import CaptureLog, MediaEngine, MediaSettings, MediaStream, Settled
from tests.media import capture
from tests.media.capture import SENDER_REPORT, SPEC, Sender, resting, rtp
from tests.support.patience import PATIENCE


@pytest.fixture
def first() -> Iterator[MediaEngine]:
    """The engine of the process that dies: it drains only when it is told to."""
    settings = MediaSettings(
        bind_address="127.0.0.1", drain_interval_ms=3_600_000, port_min=21_000, threads=1
    )
    engine = MediaEngine(settings)
    yield resting(engine)
    engine.close()


def hand_over(log: CaptureLog, stream: MediaStream) -> tuple[int, int]:
    """Keep the sockets as a holder does, and end the log as a death does: nothing is drained."""
    rtp_fd, rtcp_fd = (os.dup(fd) for fd in stream.filenos())
    assert log.filenos() == {stream.interface: stream.filenos()}
    return rtp_fd, rtcp_fd


def test_a_log_goes_on_where_it_ended(engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path)
    log.open_stream(SPEC)
    log.append_event({"event": "one", "time_ns": 1})
    log.close()
    before = path.read_bytes()
    log = engine.resume_log(path)
    assert path.read_bytes() == before
    assert log.status.bytes_written == len(before)
    log.append_event({"event": "two", "time_ns": 2})
    stream = log.open_stream(SPEC)
    assert stream.interface == 2
    sender.send(stream.rtp_port, rtp(1))
    log.close()
    assert path.read_bytes().startswith(before)
    assert [interface.name for interface in capture.interfaces(path)] == ["sip", "1", "1#2"]
    assert [event["event"] for event in capture.events(path)] == ["one", "two"]
    assert [found.payload for found in capture.datagrams(path, interface=2)] == [rtp(1)]


def test_a_torn_block_is_cut_off(engine: MediaEngine, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path)
    log.append_event({"event": "one", "time_ns": 1})
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-44:-3])
    log = engine.resume_log(path)
    assert path.read_bytes() == whole
    log.append_event({"event": "two", "time_ns": 2})
    log.close()
    assert [event["event"] for event in capture.events(path)] == ["one", "two"]


@pytest.mark.parametrize("content", [b"", b"text" * 100, b"\x0a\x0d\x0d\x0a"])
def test_a_file_that_is_no_log_is_refused_and_kept(
    engine: MediaEngine, content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(
        MediaError, match=r"can't go on with the capture log .*: it is no capture log of ours"
    ):
        engine.resume_log(path)
    assert path.read_bytes() == content
    with pytest.raises(MediaError, match="No such file"):
        engine.resume_log(tmp_path / "none")


def test_a_log_has_one_writer_only(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    with pytest.raises(MediaError, match="it is being written already"):
        engine.resume_log(tmp_path / "a.pcapng")
    log.close()
    engine.resume_log(tmp_path / "a.pcapng").close()


def test_packets_that_came_in_between_are_stored(
    first: MediaEngine, slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    log = first.open_log(path)
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1))
    log.flush()
    sender.send(stream.rtp_port, rtp(2), rtp(3))
    sender.send(stream.rtcp_port, SENDER_REPORT)
    descriptors = hand_over(log, stream)
    copy = tmp_path / "b.pcapng"
    copy.write_bytes(path.read_bytes())
    resumed = slow_engine.resume_log(copy)
    again = resumed.resume_stream(SPEC, *descriptors, stream.interface)
    for descriptor in descriptors:
        os.close(descriptor)
    assert (again.interface, again.rtp_port, again.rtcp_port) == (1, stream.rtp_port, stream.rtcp_port)
    sender.send(again.rtp_port, rtp(4))
    resumed.close()
    found = [datagram.payload for datagram in capture.datagrams(copy)]
    assert found == [rtp(1), rtp(2), rtp(3), rtp(4), SENDER_REPORT]
    stats = again.stats()
    assert (stats.packets, stats.rtcp_packets) == (3, 1)


def test_what_waits_in_a_paused_stream_is_dropped(
    first: MediaEngine, slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = first.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    stream.pause()
    sender.send(stream.rtp_port, rtp(1))
    descriptors = hand_over(log, stream)
    copy = tmp_path / "b.pcapng"
    copy.write_bytes((tmp_path / "a.pcapng").read_bytes())
    resumed = slow_engine.resume_log(copy)
    again = resumed.resume_stream(SPEC, *descriptors, 1, paused=True)
    assert again.stats().paused
    again.resume()
    sender.send(again.rtp_port, rtp(2))
    resumed.close()
    assert [datagram.payload for datagram in capture.datagrams(copy)] == [rtp(2)]
    assert again.stats().dropped_paused == 1


def test_a_stream_is_taken_up_once_and_only_with_its_sockets(
    first: MediaEngine, slow_engine: MediaEngine, tmp_path: Path
) -> None:
    log = first.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    rtp_fd, rtcp_fd = stream.filenos()
    copy = tmp_path / "b.pcapng"
    copy.write_bytes((tmp_path / "a.pcapng").read_bytes())
    resumed = slow_engine.resume_log(copy)
    with pytest.raises(MediaError, match="interface 2 has no stream to go on with"):
        resumed.resume_stream(SPEC, rtp_fd, rtcp_fd, 2)
    with pytest.raises(MediaError, match="interface 0 has no stream"):
        resumed.resume_stream(SPEC, rtp_fd, rtcp_fd, 0)
    with pytest.raises(MediaError, match=r"can't take over media ports: .* are no pair"):
        resumed.resume_stream(SPEC, rtcp_fd, rtp_fd, 1)
    with socket.socket() as stranger, pytest.raises(MediaError, match="not a UDP socket"):
        resumed.resume_stream(SPEC, stranger.fileno(), rtcp_fd, 1)
    resumed.resume_stream(SPEC, rtp_fd, rtcp_fd, 1)
    with pytest.raises(MediaError, match="interface 1 has no stream"):
        resumed.resume_stream(SPEC, rtp_fd, rtcp_fd, 1)
    resumed.close()
    stream.close()
    with pytest.raises(MediaError, match="no open stream has interface 1"):
        stream.filenos()
    assert log.filenos() == {}


def test_an_adopted_port_is_not_handed_out_again(
    engine: MediaEngine, first: MediaEngine, tmp_path: Path
) -> None:
    log = first.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    settings = MediaSettings(
        bind_address="127.0.0.1", port_min=stream.rtp_port, port_max=stream.rtp_port + 1, threads=1
    )
    second = MediaEngine(settings)
    (tmp_path / "b.pcapng").write_bytes((tmp_path / "a.pcapng").read_bytes())
    resumed = second.resume_log(tmp_path / "b.pcapng")
    again = resumed.resume_stream(SPEC, *stream.filenos(), 1)
    log.close()
    again.close()
    with pytest.raises(MediaError, match="one still rests"):
        resumed.open_stream(SPEC)
    resumed.close()
    second.close()


def _record_until_killed(path: str, channel: socket.socket) -> None:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=10, port_min=22_000))
    log = engine.open_log(path)
    log.append_event({"event": "recording.started"})
    stream = log.open_stream(SPEC)
    socket.send_fds(channel, [b"ready"], list(stream.filenos()))
    channel.recv(16)


def test_nothing_is_lost_over_a_kill(slow_engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_record_until_killed, args=(str(path), theirs))
    process.start()
    _, descriptors, *_ = socket.recv_fds(ours, 16, 2)
    rtp_fd, rtcp_fd = descriptors
    with socket.socket(fileno=os.dup(rtp_fd)) as probe:
        port = probe.getsockname()[1]
    for number in range(100):
        sender.send(port, rtp(number))
        if number == 50 and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    ours.close()
    theirs.close()
    log = slow_engine.resume_log(path)
    log.resume_stream(SPEC, rtp_fd, rtcp_fd, 1)
    os.close(rtp_fd)
    os.close(rtcp_fd)
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(path)]
    # Of what the dead process had taken from the kernel, at most one tick was not yet in the file.
    assert found[-49:] == [rtp(number) for number in range(51, 100)]
    assert found == [rtp(number) for number in range(100) if rtp(number) in found]


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"\0" * 8192, b"SIPRSHLT" + b"\xff" * 8192])
def test_what_is_no_shelter_is_refused_and_costs_nothing(
    engine: MediaEngine, tmp_path: Path, content: bytes
) -> None:
    fd = os.memfd_create("stale")
    os.write(fd, content)
    with pytest.raises(MediaError, match="what an earlier recorder had taken can't be read"):
        engine.inherit(fd)
    os.close(fd)
    assert engine.settle() == Settled(logs=0, stored=0, lost=0)
    log = engine.open_log(tmp_path / "a.pcapng")
    log.close()


def test_figures_go_on_with_the_shelter_of_the_engine_before(
    sender: Sender, tmp_path: Path, first: MediaEngine, engine: MediaEngine
) -> None:
    """The next engine is handed the shelter and the sockets, as by the holder."""
    path = tmp_path / "a.pcapng"
    log = first.open_log(path)
    stream = log.open_stream(SPEC)
    for number in range(3):
        sender.send(stream.rtp_port, rtp(number))
    log.flush()
    assert stream.stats().packets == 3
    sockets, shelter = hand_over(log, stream), os.dup(first.shelter_fileno())
    moved = tmp_path / "b.pcapng"
    path.rename(moved)
    path.write_bytes(moved.read_bytes())  # another file: the lock of the first life stays with its own
    engine.inherit(shelter)
    os.close(shelter)
    resumed = engine.resume_log(path)
    again = resumed.resume_stream(SPEC, *sockets, stream.interface)
    for fd in sockets:
        os.close(fd)
    assert again.stats().packets == 3
    sender.send(again.rtp_port, rtp(3))
    resumed.flush()
    assert (again.stats().packets, again.stats().lost) == (4, 0)
    assert engine.settle() == Settled(logs=0, stored=0, lost=0)
    resumed.close()
    assert [found.payload for found in capture.datagrams(path)] == [rtp(number) for number in range(4)]
