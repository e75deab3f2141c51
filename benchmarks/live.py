"""How late live audio is: from arrival to the callback, through engine, log, decoder and threads."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.result import Result
from siprecord.media import MediaEngine, StreamSpec
from siprecord.media.sender import RtpClip, RtpSender, SendSpec
from siprecord.render.live import LiveTail
from siprecord.transcribe import LiveAudio, LiveAudioFeed

CALLS, STREAMS, SECONDS = 50, 2, 10
TARGET_MS = 250
PACKET_S = 0.02
PAYLOADS = {"payloads": {"0": {"encoding": "PCMU", "rate": 8000}}}


def run() -> Sequence[Result]:
    """Fifty calls of two G.711 streams for ten seconds."""
    with tempfile.TemporaryDirectory(prefix="live-") as folder:
        delays = asyncio.run(_delays(Path(folder)))
    expected = CALLS * STREAMS * SECONDS / PACKET_S
    note = f"{CALLS} calls, {len(delays) / expected:.1%} of {expected:.0f} packets"
    return [
        Result(
            "stt_packet_to_provider_p99_ms",
            float(np.percentile(delays, 99)) * 1e3,
            "ms",
            TARGET_MS,
            note=note,
        )
    ]


async def _delays(folder: Path) -> list[float]:
    """Seconds of each packet; its arrival is known from its place, as packets come on time here."""
    delays: list[float] = []

    def provider(audio: LiveAudio) -> None:
        late = time.time() - audio.time.timestamp()
        delays.extend(late - number * PACKET_S for number in range(round(audio.seconds / PACKET_S)))

    engine, sender = MediaEngine(), RtpSender()
    feed = LiveAudioFeed(provider, LiveTail)
    clip = RtpClip(bytes([0x55]) * 8000)
    socket, _ = sender.bind("127.0.0.1")
    logs = []
    for call in range(CALLS):
        path = folder / f"{call}.pcapng"
        log = engine.open_log(path)
        logs.append((str(call), log))
        for mline in range(STREAMS):
            stream = log.open_stream(StreamSpec(label=str(mline), mline=mline, description=PAYLOADS))
            destination = ("127.0.0.1", stream.rtp_port)
            packets = round(SECONDS / PACKET_S)
            ssrc = call * STREAMS + mline + 1
            start = ssrc % 20 / 1000
            spec = SendSpec(
                socket=socket, destination=destination, clip=clip, ssrc=ssrc, packets=packets, loop=True,
                start_delay=start,
            )  # fmt: skip
            sender.add_streams([spec])
        feed.follow(str(call), path)
    sender.start()
    await asyncio.sleep(SECONDS + 1)
    for name, log in logs:
        log.close(sync=False)
        feed.finish(name)
    await feed.close()
    engine.close()
    return delays
