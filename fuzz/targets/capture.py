"""Capture logs and the RTP in them, read by the compiled core through `siprecord.media`.

Invariants, for any octets in a file:

- `CaptureReader` gives items or raises `MediaError`; nothing panics.
- Every octet is accounted for: read, damaged, or left over at the end.
- Payloads and messages are no longer than the file, and every media packet names an interface, unless
  damage may have cost the interface's block.
- `LogFollower` ends and sees the same interfaces, messages and events as the reader: all of them, or the
  first ones when the log is damaged, since it waits for what may still be a block.
- Its audio has whole samples and, within one stream, never goes back.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from fuzz.outcome import Outcome, bucket, held, refusal, same
from siprecord.errors import MediaError
from siprecord.media.follower import LiveAudio, LogFollower
from siprecord.media.reader import CaptureReader, Interface, Item, LogEvent, PacketSummary, SipMessage

_IN_MEMORY = Path("/dev/shm")
_FOLDER = tempfile.TemporaryDirectory(
    prefix="siprecord-fuzz-", dir=_IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
)
_MAX_ROUNDS = 64
_DEFECT = "a defect in the media core"
"""What the core says when it caught a panic of its own."""


def check(data: bytes) -> Outcome:
    """Write the octets to a file and read it both ways."""
    path = Path(_FOLDER.name) / f"{os.getpid()}.pcapng"
    path.write_bytes(data)
    try:
        reader = CaptureReader(path, packets=True)
        items = list(reader)
    except MediaError as error:
        held(_DEFECT not in str(error), "the core does not panic")
        return refusal(error)
    same(reader.read + reader.damaged + reader.left_over, len(data), "every octet is accounted for")
    _check_items(items, len(data), damaged=reader.damaged > 0)
    seen, audio = _follow(path)
    expected = [item for item in items if not isinstance(item, PacketSummary)]
    same(
        seen, expected[: len(seen)] if reader.damaged else expected, "the follower sees what the reader sees"
    )
    _check_audio(audio)
    kinds = tuple(bucket(sum(isinstance(item, kind) for item in items)) for kind in _KINDS)
    return Outcome(not items, (kinds, bucket(reader.damaged), reader.truncated, bucket(len(audio))))


_KINDS = (Interface, SipMessage, LogEvent, PacketSummary)


def _check_items(items: list[Item], size: int, *, damaged: bool) -> None:
    interfaces = 0
    for item in items:
        match item:
            case Interface():
                interfaces += 1
            case LogEvent():
                _ = (item.name, item.time_ns, item.interface)
            case SipMessage():
                held(len(item.data) <= size, "a message is no longer than the file")
            case PacketSummary():
                held(item.interface < interfaces or damaged, "a packet names an interface")
                held(len(item.payload) <= size, "a payload is no longer than the file")


def _follow(path: Path) -> tuple[list[Item], list[LiveAudio]]:
    follower = LogFollower(path)
    items: list[Item] = []
    audio: list[LiveAudio] = []
    for _ in range(_MAX_ROUNDS):
        batch = follower.poll(flush=True)
        items += batch.items
        audio += batch.audio
        if not batch.more:
            break
    else:
        held(False, "following a finished log ends")
    return items, audio


def _check_audio(audio: list[LiveAudio]) -> None:
    ends: dict[int, int] = {}
    for piece in audio:
        held(len(piece.pcm) % 2 == 0, "samples are whole")
        held(piece.start_sample >= ends.get(piece.interface, piece.start_sample), "audio never goes back")
        ends[piece.interface] = piece.start_sample + len(piece.pcm) // 2
