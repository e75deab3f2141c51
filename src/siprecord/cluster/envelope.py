"""The state of one call as it lies in Redis: a head with version and checksum, and the document, compressed.

    magic (4) | version (1) | flags (1) | CRC-32 of flags and rest (4) | clocks (2 x 8) | document

The clocks are wall and monotonic clock of the writer when it wrote, in seconds: with them a reader on
another machine can tell when something of the document is due.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import compress, crc32, decompressobj
from zlib import error as ZlibError

from siprecord.errors import SiprecordError

VERSION = 1
MAX_BYTES = 8 * 1024
"""Ours: a call that needs more in Redis than that, compressed, is not replicated. Usual are 1 to 2 kB."""
MAX_DOCUMENT = 1 << 20
"""What a snapshot may unfold to."""
SMALL = 512
"""Below this, compressing is not worth its time."""
_MAGIC = b"SRCS"
_DEFLATED = 1
_HEAD = struct.Struct("<4sBBI")
_CLOCKS = struct.Struct("<dd")


class DamagedSnapshot(SiprecordError):
    """A snapshot can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document, and when it was written by both clocks of its writer, in seconds."""

    document: bytes
    wall: float
    monotonic: float


def seal(snapshot: Snapshot) -> bytes | None:
    """The snapshot as bytes; None when it is larger than `MAX_BYTES`."""
    flags, document = 0, snapshot.document
    if len(document) > MAX_DOCUMENT:
        return None
    if len(document) > SMALL:
        flags, document = _DEFLATED, compress(document, 1)
    rest = _CLOCKS.pack(snapshot.wall, snapshot.monotonic) + document
    sealed = _HEAD.pack(_MAGIC, VERSION, flags, _checksum(flags, rest)) + rest
    return sealed if len(sealed) <= MAX_BYTES else None


def unseal(data: bytes) -> Snapshot:
    """Read a snapshot; raises DamagedSnapshot with a sentence for people."""
    if len(data) < _HEAD.size + _CLOCKS.size or not data.startswith(_MAGIC):
        raise DamagedSnapshot("what is stored is no snapshot of a call")
    _, version, flags, checksum = _HEAD.unpack_from(data)
    if version != VERSION:
        raise DamagedSnapshot(f"the snapshot has version {version}; this siprecord knows version {VERSION}")
    rest = data[_HEAD.size :]
    if _checksum(flags, rest) != checksum:
        raise DamagedSnapshot("the snapshot is damaged: its checksum is wrong")
    wall, monotonic = _CLOCKS.unpack_from(rest)
    document = rest[_CLOCKS.size :]
    return Snapshot(_inflated(document) if flags & _DEFLATED else document, wall, monotonic)


def _checksum(flags: int, rest: bytes) -> int:
    return crc32(rest, crc32(bytes((flags,))))


def _inflated(data: bytes) -> bytes:
    unpacker = decompressobj()
    try:
        document = unpacker.decompress(data, MAX_DOCUMENT)
    except ZlibError:
        raise DamagedSnapshot("the snapshot is damaged: it can't be unpacked") from None
    if not unpacker.eof:
        raise DamagedSnapshot("the snapshot is damaged: it is cut short or too large")
    return document
