from __future__ import annotations

import socket
import time

from siprecord.cli.playback import Playback
from siprecord.client.ports import Track
from tests.support.patience import PATIENCE


def test_a_track_arrives_as_rtp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, Playback() as playback:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE)
        number, port = playback.bind("127.0.0.1")
        audio = playback.encode(bytes(320), "pcmu") + playback.encode(bytes(320), "pcma")
        assert audio == b"\xff" * 160 + b"\xd5" * 160
        track = Track(socket=number, destination=peer.getsockname(), audio=audio, payload_type=0)
        tracks = playback.play([track])
        packets = [peer.recvfrom(2048) for _ in range(2)]
        assert {source for _, source in packets} == {("127.0.0.1", port)}
        assert b"".join(data[12:] for data, _ in packets) == audio
        while not playback.played(tracks)[0].done:
            time.sleep(0.001)
        assert playback.played(tracks)[0].packets == 2
        playback.stop(tracks)
