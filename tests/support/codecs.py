"""Speech through ffmpeg: what was said, the packets of it, and what its own decoder makes of them."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from pystoi import stoi

from tests.support.capture_builder import Rtp

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

_TEXT = (
    "The quick brown fox jumps over the lazy dog. Please hold the line, I am looking for your order. "
    "It was sent on the third of May, and it should have reached you two days later."
)


@functools.cache
def speech(rate: int) -> Samples:
    """About ten seconds of synthetic speech, not too loud for any codec."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["espeak-ng", "-w", str(path), _TEXT], check=True, capture_output=True)
        samples, found = soundfile.read(path)
    samples = soxr.resample(samples, found, rate)
    return np.asarray(samples / np.max(np.abs(samples)) * 16_000, np.int16)


def encode(samples: Samples, rate: int, *options: str) -> bytes:
    """Raw PCM through ffmpeg with these output options; the bytes of its output."""
    source = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "-"]
    return ffmpeg(samples.astype("<i2").tobytes(), *source, *options, "-")


def decode(data: bytes, rate: int, *options: str) -> Samples:
    """What ffmpeg decodes, with these input options."""
    pcm = ffmpeg(data, *options, "-i", "-", "-f", "s16le", "-ar", str(rate), "-ac", "1", "-")
    return np.frombuffer(pcm, "<i2")


def ffmpeg(data: bytes, *options: str) -> bytes:
    command = ["ffmpeg", "-v", "error", *options]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def ogg_packets(data: bytes) -> list[bytes]:
    """The packets of an Ogg stream, its two heads left out."""
    packets, rest, at = [], b"", 0
    while at < len(data):
        lacing = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(lacing)
        for size in lacing:
            rest, at = rest + data[at : at + size], at + size
            if size < 255:
                packets.append(rest)
                rest = b""
    return packets[2:]


@dataclass(frozen=True)
class Stream:
    """Packets of one codec, each `ticks` long, and how they are described."""

    payloads: Sequence[bytes]
    ticks: int
    milliseconds: float = 20
    payload_type: int = 96

    def rtp(self, at_ms: float = 0, lost: Sequence[int] = ()) -> list[Rtp]:
        kept = (n for n in range(len(self.payloads)) if n not in lost)
        return [
            Rtp(
                at_ms + n * self.milliseconds,
                100 + n,
                4_294_960_000 + n * self.ticks,
                self.payloads[n],
                payload_type=self.payload_type,
            )
            for n in kept
        ]


def delay(sent: Samples, heard: Samples, most: int = 2000) -> int:
    """By how many samples `heard` is late, by the peak of the cross-correlation."""
    size = 1 << int(np.ceil(np.log2(len(sent) + len(heard))))
    spectrum = np.conj(np.fft.rfft(sent, size)) * np.fft.rfft(heard, size)
    correlation = np.fft.irfft(spectrum, size)
    return int(np.argmax(np.concatenate([correlation[-most:], correlation[:most]]))) - most


def aligned(sent: Samples, heard: Samples, late: int) -> tuple[Floats, Floats]:
    heard = heard[late:] if late >= 0 else np.concatenate([np.zeros(-late, np.int16), heard])
    count = min(len(sent), len(heard))
    return sent[:count].astype(float), heard[:count].astype(float)


def snr_db(sent: Samples, heard: Samples, late: int) -> float:
    """Signal to noise, after the best gain: 10 log10 of what was said over what differs."""
    clean, found = aligned(sent, heard, late)
    gain = float(clean @ found) / float(found @ found)
    return 10 * float(np.log10((clean @ clean) / np.sum((clean - gain * found) ** 2)))


def intelligibility(sent: Samples, heard: Samples, late: int, rate: int) -> float:
    """Short-time objective intelligibility (Taal and others, 2011): 1 is as clear as what was said."""
    clean, found = aligned(sent, heard, late)
    return float(stoi(clean, found, rate))


def amr_wb_frames(samples: Samples, *, mode: int = 2) -> list[bytes]:
    """Speech at 16 kHz as storage frames of AMR-WB, by VisualOn's encoder (mode 2: 12.65 kbit/s)."""
    library = ctypes.CDLL("libvo-amrwbenc.so.0")
    library.E_IF_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.E_IF_init())
    frames = []
    for block in cut(samples[: len(samples) // 320 * 320].astype("<i2").tobytes(), 640):
        out = ctypes.create_string_buffer(64)
        size = library.E_IF_encode(state, mode, ctypes.create_string_buffer(block, 640), out, 0)
        frames.append(out.raw[:size])
    library.E_IF_exit(state)
    return frames


def g729_frames(samples: Samples, *, annex_b: bool = False) -> list[bytes]:
    """Speech at 8 kHz as frames of G.729: 10 octets; with Annex B, 2 for a silence descriptor, 0 for none."""
    library = ctypes.CDLL("libbcg729.so.0")
    library.initBcg729EncoderChannel.restype = ctypes.c_void_p
    channel = ctypes.c_void_p(library.initBcg729EncoderChannel(ctypes.c_uint8(annex_b)))
    frames = []
    for block in cut(samples[: len(samples) // 80 * 80].astype("<i2").tobytes(), 160):
        out, size = ctypes.create_string_buffer(10), ctypes.c_uint8(0)
        library.bcg729Encoder(channel, ctypes.create_string_buffer(block, 160), out, ctypes.byref(size))
        frames.append(out.raw[: size.value])
    library.closeBcg729EncoderChannel(channel)
    return frames
