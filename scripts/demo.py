"""The main job, once: serve, place a two-party SIPREC call, check that the speech came back intact."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from siprecord.client import load_pcm
from siprecord.media.audio import decode_g711, encode_g711

ROOT = Path(__file__).parents[1]
DATA = ROOT / "demo-data"
SPEECH = {
    "alice": ("en-us+f3", "Hello, this is Alice. I would like to move my appointment to Tuesday afternoon."),
    "bob": ("en-gb+m3", "Good morning Alice, of course. Tuesday at three is free. Shall I book it for you?"),
}
CODEC = "pcmu"
READY_SECONDS = 120
RENDER_SECONDS = 120


def main() -> int:
    step(1, "two voices, spoken by espeak-ng")
    voices = [speak(name) for name in SPEECH]
    sip_port, http_port = free_port(), free_port()
    step(2, f"a server on free ports: SIP {sip_port} (UDP, TCP), HTTP {http_port}")
    with server(sip_port, http_port):
        step(3, "a SIPREC call with two streams, in real time")
        place_call(sip_port, voices)
        step(4, "rendering, in a process of its own")
        recording = wait_for_recording()
    step(5, "what is on disk")
    return report(recording, voices)


def step(number: int, text: str) -> None:
    print(f"== {number}/5 {text}", flush=True)


def speak(name: str) -> Path:
    path = DATA / "voices" / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    voice, text = SPEECH[name]
    subprocess.run(["espeak-ng", "-v", voice, "-w", str(path), text], check=True)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(sip_port: int, http_port: int) -> Iterator[None]:
    """`siprecord serve`, ready; ended by SIGTERM, which finalises what is open."""
    shutil.rmtree(DATA / "siprecord-data", ignore_errors=True)
    settings = {
        "SIPRECORD_DATA_DIR": str(DATA / "siprecord-data"),
        "SIPRECORD_SIP__HOST": "127.0.0.1",
        "SIPRECORD_SIP__PORT": str(sip_port),
        "SIPRECORD_HTTP__PORT": str(http_port),
        "SIPRECORD_MEDIA__BIND_ADDRESS": "127.0.0.1",
    }
    log = DATA / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "siprecord", "serve"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    try:
        wait_until_ready(process, f"http://127.0.0.1:{http_port}/health/ready", log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=READY_SECONDS)


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except OSError:  # not there yet, not ready yet, or busy
            time.sleep(0.1)
        else:
            return
    sys.exit(f"the server did not get ready; its log:\n{log.read_text()}")


def place_call(sip_port: int, voices: list[Path]) -> None:
    audio = [word for path in voices for word in ("--audio", str(path))]
    command = [
        sys.executable,
        "-m",
        "siprecord",
        "call",
        f"sip:srs@127.0.0.1:{sip_port}",
        *audio,
        "--codec",
        CODEC,
    ]
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"the call failed; the server's log is {DATA / 'server.log'}")


def wait_for_recording() -> Path:
    end = time.monotonic() + RENDER_SECONDS
    while time.monotonic() < end:
        found = list((DATA / "siprecord-data").glob("recordings/*/*/*/*/metadata.json"))
        if found:
            return found[0].parent
        time.sleep(0.1)
    sys.exit(f"no recording after {RENDER_SECONDS} s; the server's log is {DATA / 'server.log'}")


def report(recording: Path, voices: list[Path]) -> int:
    metadata: dict[str, Any] = json.loads((recording / "metadata.json").read_text())
    channels, _ = soundfile.read(recording / "audio.wav", dtype="int16", always_2d=True)
    print(f"recording      {recording}")
    for file in sorted(recording.iterdir()):
        print(f"               {file.name} ({file.stat().st_size:,} bytes)")
    for participant in metadata["participants"]:
        print(f"participant    {participant.get('name') or ''} <{participant['aor']}>")
    intact = [check(number, path, channels[:, number]) for number, path in enumerate(voices)]
    return 0 if all(intact) and len(metadata["participants"]) == len(voices) else 1


def check(number: int, voice: Path, channel: npt.NDArray[np.int16]) -> bool:
    """Whether the channel holds what was sent, sample for sample after G.711."""
    sent = np.frombuffer(decode_g711(encode_g711(load_pcm(voice), CODEC), CODEC), np.int16)
    at = position(sent, channel)
    if at is None:
        print(f"channel {number}      DIFFERS from {voice.name}")
        return False
    place = f"{len(sent):,} samples from {at / 8000:.3f} s"
    print(f"channel {number}      equals {voice.name}, sample for sample: {place}")
    return True


def position(sent: npt.NDArray[np.int16], channel: npt.NDArray[np.int16]) -> int | None:
    """Where `sent` stands in `channel`, by the loudest second and then all samples."""
    loud = int(np.argmax(np.abs(sent.astype(np.int32))))
    for peak in np.flatnonzero(channel == sent[loud]):
        start = int(peak) - loud
        if start >= 0 and np.array_equal(channel[start : start + len(sent)], sent):
            return start
    return None


if __name__ == "__main__":
    sys.exit(main())
