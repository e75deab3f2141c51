"""SRTP at the port: CONFORMANCE 4D and 4F, FIELD Q77. The vectors of the RFCs are in the Rust tests."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, SrtpReceiver, SrtpSender, StreamSpec
from siprecord.syntax.sdp import SUITES, SrtpKeys
from tests.media import capture
from tests.media.capture import SENDER_REPORT, Sender, rtp

SUITE = "AES_CM_128_HMAC_SHA1_80"


def make_keys(suite: str = SUITE) -> SrtpKeys:
    return SrtpKeys.generate(suite, os.urandom)


def spec(keys: SrtpKeys | None = None) -> StreamSpec:
    return StreamSpec(label="1", mline=0, srtp=(keys,) if keys else ())


@pytest.mark.parametrize("suite", SUITES)
def test_SDES_03_packets_are_stored_in_the_clear(
    slow_engine: MediaEngine, sender: Sender, suite: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    keys = make_keys(suite)
    far = SrtpSender(keys)
    log = slow_engine.open_log(path)
    stream = log.open_stream(spec(keys))
    sent = [rtp(number) for number in range(65_500, 65_600)]
    sender.send(stream.rtp_port, *map(far.protect_rtp, sent), far.protect_rtcp(SENDER_REPORT))
    sender.send(stream.rtcp_port, far.protect_rtcp(SENDER_REPORT))
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(path)]
    assert found == [*sent, SENDER_REPORT, SENDER_REPORT]
    stats = stream.stats()
    assert (stats.packets, stats.bytes, stats.rtcp_packets) == (100, 100 * 172, 2)
    assert (stats.received, stats.lost, stats.srtp_failed, stats.srtp_replayed) == (100, 0, 0, 0)
    assert keys.key not in path.read_bytes()


def test_SRTP_01_SRTP_03_what_is_not_authentic_or_comes_twice_is_not_stored(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    keys = make_keys()
    far, stranger = SrtpSender(keys), SrtpSender(make_keys())
    log = slow_engine.open_log(path)
    stream = log.open_stream(spec(keys))
    good = [far.protect_rtp(rtp(number)) for number in range(10)]
    report = far.protect_rtcp(SENDER_REPORT)
    changed = bytearray(good[3])
    changed[50] ^= 1
    sender.send(stream.rtp_port, *good[:3], bytes(changed), *good[3:], good[5], good[5])
    # What is cut, or no report of theirs, has an index that was seen: replays are told before all else.
    sender.send(stream.rtp_port, rtp(20), stranger.protect_rtp(rtp(21)), good[0][:20])
    sender.send(stream.rtcp_port, report, report, SENDER_REPORT)
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(path)]
    assert found == [*map(rtp, range(10)), SENDER_REPORT]
    stats = stream.stats()
    assert (stats.packets, stats.srtp_failed, stats.srtp_replayed) == (10, 3, 5)
    (notice,) = slow_engine.drain_notices()
    assert (notice.kind, notice.interface) == ("srtp_failed", 1)
    assert notice.text == "packets of interface 1 fail their SRTP authentication"


def test_a_wrong_key_stores_nothing_and_is_told_once(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    far = SrtpSender(make_keys())
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(spec(make_keys()))
    for first in (0, 50):
        sender.send(stream.rtp_port, *(far.protect_rtp(rtp(first + number)) for number in range(50)))
        log.flush()
    assert (stream.stats().packets, stream.stats().srtp_failed) == (0, 100)
    assert len(slow_engine.drain_notices()) == 1
    log.close()
    assert capture.datagrams(tmp_path / "a.pcapng") == []


def test_other_datagrams_are_kept_as_evidence(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(spec(make_keys()))
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    sender.send(stream.rtp_port, stun, b"")
    log.close()
    assert [found.payload for found in capture.datagrams(tmp_path / "a.pcapng")] == [stun, b""]
    assert stream.stats().srtp_failed == 0


def test_SDES_11_SDES_13_keys_change_in_mid_stream(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    old, new = make_keys(), make_keys("AEAD_AES_256_GCM")
    far, renewed = SrtpSender(old), SrtpSender(new)
    log = slow_engine.open_log(path)
    stream = log.open_stream(spec(old))
    for number in range(65_530, 65_540):
        sender.send(stream.rtp_port, far.protect_rtp(rtp(number)))
    stream.set_keys(old)
    assert stream.srtp_indices() == {0x1234: 65_539}
    stream.set_keys(new)
    for number in range(65_540, 65_550):
        sender.send(stream.rtp_port, far.protect_rtp(rtp(number)), renewed.protect_rtp(rtp(number + 10)))
    log.close()
    assert stream.stats().srtp_failed == 0
    assert len(capture.datagrams(path)) == 30


def test_SDES_07_keys_with_identifiers(slow_engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    secret = base64.b64encode(bytes(range(30))).decode()
    first = SrtpKeys.from_inline(SUITE, f"inline:{secret}|2^31|1:4")
    second = SrtpKeys(suite=SUITE, key=first.salt + b"xx", salt=first.key[:14], mki=b"\0\0\0\2")
    assert (first.mki, first.lifetime) == (b"\0\0\0\1", 2**31)
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(spec(first))
    stream.set_keys(first, second)
    one, two = SrtpSender(first), SrtpSender(second)
    sender.send(stream.rtp_port, one.protect_rtp(rtp(1)), two.protect_rtp(rtp(2)), one.protect_rtp(rtp(3)))
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(tmp_path / "a.pcapng")]
    assert found == [rtp(1), rtp(2), rtp(3)]


def test_a_pause_follows_the_rollover(slow_engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    keys = make_keys("AES_CM_128_HMAC_SHA1_32")
    far = SrtpSender(keys)
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(spec(keys))
    sender.send(stream.rtp_port, far.protect_rtp(rtp(65_500)))
    stream.pause()
    for number in range(65_501, 65_600, 10):
        sender.send(stream.rtp_port, far.protect_rtp(rtp(number)))
    stream.resume()
    sender.send(stream.rtp_port, far.protect_rtp(rtp(65_601)))
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(tmp_path / "a.pcapng")]
    assert found == [rtp(65_500), rtp(65_601)]


def test_another_process_goes_on_in_the_same_cycle(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    keys = make_keys()
    far = SrtpSender(keys)
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(spec(keys))
    for number in range(65_500, 65_600, 10):
        sender.send(stream.rtp_port, far.protect_rtp(rtp(number)))
    log.flush()
    indices = stream.srtp_indices()
    copy = tmp_path / "b.pcapng"
    copy.write_bytes((tmp_path / "a.pcapng").read_bytes())
    resumed = slow_engine.resume_log(copy)
    again = StreamSpec(label="1", mline=0, srtp=(keys,), srtp_indices=indices)
    resumed.resume_stream(again, *stream.filenos(), 1)
    sender.send(stream.rtp_port, far.protect_rtp(rtp(65_600)))
    resumed.close()
    log.close()
    assert capture.datagrams(copy)[-1].payload == rtp(65_600)


@pytest.mark.parametrize("suite", SUITES)
def test_inline_keys_are_read_and_written(suite: str) -> None:
    keys = make_keys(suite)
    assert SrtpKeys.from_inline(suite.lower(), keys.inline()) == keys
    named = SrtpKeys(suite=suite, key=keys.key, salt=keys.salt, mki=bytes(127) + b"\7")
    assert SrtpKeys.from_inline(suite, named.inline()) == named
    packet = rtp(5)
    assert SrtpReceiver(named).unprotect_rtp(SrtpSender(named).protect_rtp(packet)) == packet


def test_keys_never_show() -> None:
    keys = SrtpKeys(suite=SUITE, key=b"SECRET-KEY-BYTES", salt=b"SALT-OF-SECRET", mki=b"\1")
    texts = [repr(keys), str(keys), repr(spec(keys)), repr(SrtpSender(keys)), repr(SrtpReceiver(keys))]
    for text in texts:
        assert "SECRET" not in text
        assert base64.b64encode(keys.key).decode()[:8] not in text


def test_keys_that_fit_no_suite_are_refused(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    short = SrtpKeys(suite=SUITE, key=b"SECRET", salt=b"x" * 14)
    with pytest.raises(MediaError, match="the SRTP key has 6 bytes, not 16") as caught:
        log.open_stream(spec(short))
    assert "SECRET" not in str(caught.value)
    with pytest.raises(MediaError, match="no SRTP suite that we know"):
        log.open_stream(spec(SrtpKeys(suite="F8_128_HMAC_SHA1_80", key=b"", salt=b"")))
    with pytest.raises(MediaError, match="the packet can't be authenticated"):
        SrtpReceiver(make_keys()).unprotect_rtp(rtp(1))
    with pytest.raises(MediaError, match="the packet is malformed"):
        SrtpSender(make_keys()).protect_rtp(b"short")
    log.close()


def test_SRTP_02_a_stream_of_another_node_goes_on_in_any_cycle_at_ports_of_ours(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    """Its sender keeps its rollover counter when an offer opens it here, and nothing tells how far it is."""
    keys = make_keys()
    far = SrtpSender(keys)
    for number in range(65_000, 65_536 + 100):
        far.protect_rtp(rtp(number & 0xFFFF))
    path = tmp_path / "a.pcapng"
    log = slow_engine.open_log(path)
    stream = log.open_stream(StreamSpec(label="1", mline=0, srtp=(keys,), srtp_goes_on=True))
    sent = [rtp(number) for number in range(100, 110)]
    sender.send(stream.rtp_port, *map(far.protect_rtp, sent))
    log.close()
    assert [datagram.payload for datagram in capture.datagrams(path)] == sent
    assert stream.stats().srtp_failed == 0
