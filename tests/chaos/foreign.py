"""SIPp as the client of calls with audio, beside whatever else goes on; it must not notice anything."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from siprecord.media.audio import encode_g711
from tests.support import audio, sipp
from tests.support.pcap import PcapStream, write_pcap
from tests.support.server import RunningServer

PAUSE = 1.5
"""Seconds that SIPp stays after its audio."""


def unavailable() -> str:
    """Why SIPp can't play audio here; "" when it can."""
    if shutil.which("sipp") is None:
        return "SIPp is not installed: run scripts/packages.sh"
    return "" if os.geteuid() == 0 else "SIPp plays captures through raw sockets, which need root"


@dataclass
class Foreign:
    """`lines` calls at a time, of so many seconds each, one after the other for `lasting` seconds."""

    server: RunningServer
    directory: Path
    transport: str = "u1"
    lines: int = 4
    seconds: float = 4.0
    lasting: float = 0.0

    def __post_init__(self) -> None:
        assert not unavailable(), unavailable()
        self.user = f"foreign-{self.transport}"
        self.calls = self.lines * max(1, math.ceil(self.lasting / (self.seconds + PAUSE)))
        voice = encode_g711(audio.voice(7, self.seconds).tobytes(), "pcmu")
        self.packets = len(voice) // 160
        self.directory.mkdir(parents=True)
        # One of the two streams: SIPp sends a second one to the port two above the first, which may by now
        # be another call's.
        streams = [PcapStream(voice, 0, 30000, 0x1001)]
        self.run = sipp.SippRun(
            scenario="siprec_call",
            port=self.server.sip_port,
            directory=self.directory,
            fields={
                "PCAP": str(write_pcap(self.directory / "voices.pcap", streams)),
                "PAUSE": str(int((self.seconds + PAUSE) * 1000)),
                "USER": self.user,
                "PADDING": "",
            },
            transport=self.transport,
            calls=self.calls,
            options=("-l", str(self.lines)),
            seconds=int(2 * self.lasting + 120),
        )
        self.process: subprocess.Popen[bytes] = sipp.start(self.run)

    def finish(self) -> str:
        """Wait for its end. Fails at a call that failed, and at a packet that is missing or there twice."""
        sipp.finish(self.process, self.run)  # fails at any message that it did not expect
        return f"SIPp: {self.calls} calls, {self.calls * self.packets} packets, none lost"

    def stop(self) -> None:
        """End it, if it has not ended by itself."""
        self.process.kill()
        self.process.communicate()

    def check(self) -> None:
        """What the server has of it; call it when all is rendered."""
        rows = [json.loads((each / "metadata.json").read_text()) for each in self.server.recordings()]
        ours = [row for row in rows if f":{self.user}@" in row["sip"]["from"]]
        assert len(ours) == self.calls, f"{len(ours)} recordings of {self.calls} calls"
        for row in ours:
            assert row["outcome"] == "complete", row["outcome"]
            names = ("packets_received", "packets_unique", "packets_lost")
            counts = [tuple(stream[name] for name in names) for stream in row["streams"]]
            assert counts == [(self.packets, self.packets, 0), (0, 0, 0)], (row["recording_id"], counts)
