"""The engine's life: logs, streams and ports that open, close and are refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, MediaSettings
from tests.media import capture
from tests.media.capture import SPEC, Sender, rtp
from tests.support.patience import wait_until

LOCAL, REMOTE = ("192.0.2.1", 5060), ("198.51.100.7", 5062)


def test_a_log_never_overwrites_a_file(engine: MediaEngine, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"precious")
    with pytest.raises(MediaError, match=r"can't create the capture log .*a.pcapng: File exists"):
        engine.open_log(path)
    assert path.read_bytes() == b"precious"


def test_a_missing_folder_is_named(engine: MediaEngine, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"nowhere/a.pcapng: No such file"):
        engine.open_log(tmp_path / "nowhere" / "a.pcapng")


def test_the_drain_threads_store_by_themselves(engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, *map(rtp, range(10)))
    wait_until(lambda: len(capture.datagrams(tmp_path / "a.pcapng")) == 10)
    wait_until(lambda: engine.totals().packets == 10)
    totals = engine.totals()
    assert (totals.bytes, totals.recordings) == (1720, 1)
    assert engine.cpu_seconds() > 0
    log.close()
    wait_until(lambda: engine.totals().recordings == 0)


def test_a_closed_stream_has_lost_nothing_and_gives_its_ports_back(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, *map(rtp, range(200)))
    stream.close()
    stream.close()
    assert len(capture.datagrams(tmp_path / "a.pcapng")) == 200
    assert stream.stats().packets == 200
    for port in (stream.rtp_port, stream.rtcp_port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
    with pytest.raises(MediaError, match="no open stream has interface 1"):
        stream.pause()
    log.close()


def test_a_closed_log_takes_nothing_more(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    log.close()
    log.close(sync=False)
    stream.close()
    size = (tmp_path / "a.pcapng").stat().st_size
    attempts: list[Callable[[], object]] = [
        lambda: log.append_event({}),
        lambda: log.append_sip(b"", LOCAL, REMOTE, "udp", True),
        lambda: log.open_stream(SPEC),
        log.flush,
        stream.pause,
    ]
    for attempt in attempts:
        with pytest.raises(MediaError, match="the capture log is closed"):
            attempt()
    assert log.status.bytes_written == size == (tmp_path / "a.pcapng").stat().st_size


def test_logs_outlive_the_engine(sender: Sender, tmp_path: Path) -> None:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1"))
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    engine.close()
    engine.close()
    sender.send(stream.rtp_port, rtp(1))
    del engine
    log.close()
    assert len(capture.datagrams(tmp_path / "a.pcapng")) == 1


def test_ports_rest_and_run_out(free_range: Callable[[int], tuple[int, int]], tmp_path: Path) -> None:
    low, high = free_range(6)
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", port_min=low, port_max=high, quarantine_s=0))
    log = engine.open_log(tmp_path / "a.pcapng")
    first, second = log.open_stream(SPEC), log.open_stream(SPEC)
    assert (first.rtp_port, second.rtp_port) == (low, low + 2)
    first.close()
    third = log.open_stream(SPEC)
    assert third.rtp_port == low + 4
    assert log.open_stream(SPEC).rtp_port == low
    with pytest.raises(MediaError, match=f"no free port pair between {low} and {high}$"):
        log.open_stream(SPEC)
    log.close()
    engine.close()


def test_RTP_14_a_closed_pair_is_not_used_again_at_once(
    free_range: Callable[[int], tuple[int, int]], tmp_path: Path
) -> None:
    low, high = free_range(4)
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", port_min=low, port_max=high))
    log = engine.open_log(tmp_path / "a.pcapng")
    log.open_stream(SPEC).close()
    assert log.open_stream(SPEC).rtp_port == low + 2
    with pytest.raises(MediaError, match="; one still rests after use"):
        log.open_stream(SPEC)
    log.close()
    engine.close()


def test_ports_of_other_programs_are_skipped(
    free_range: Callable[[int], tuple[int, int]], tmp_path: Path
) -> None:
    low, high = free_range(6)
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", port_min=low, port_max=high))
    log = engine.open_log(tmp_path / "a.pcapng")
    with taken_port(low), taken_port(low + 3):
        assert log.open_stream(SPEC).rtp_port == low + 4
    log.close()
    engine.close()


def taken_port(port: int) -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", port))
    return taken


@pytest.mark.parametrize(
    ("address", "text"),
    [("nonsense", "bind_address .nonsense. is not an IP"), ("192.0.2.1", "can't open the media ports")],
)
def test_a_bad_address_is_named(address: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=text):
        MediaEngine(MediaSettings(bind_address=address)).open_log(tmp_path / "a").open_stream(SPEC)
