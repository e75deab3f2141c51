"""What it takes to go on with a call in another process: one versioned document for each call."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from os import memfd_create, pread, pwrite
from types import MappingProxyType
from typing import Any
from zlib import crc32

import msgspec

from siprecord.errors import SiprecordError
from siprecord.protocol import DialogSnapshot, Flow, TransactionSnapshot
from siprecord.recording.continuation import SessionSnapshot
from siprecord.syntax.text import writable

VERSION = 1
MAX_STATE = 1 << 20
"""Ours: a call with more to tell than that can't be continued. Usual are 2 to 6 kB."""
_MAGIC = b"SIPRSTAT"
_HEAD = struct.Struct("<8sQII")
_SLOTS = 2


class StateError(SiprecordError):
    """The state of a call can't be used."""


class StreamState(msgspec.Struct, frozen=True):
    """An open stream: where it stands in the offer and in the capture log."""

    mline: int
    interface: int
    paused: bool
    srtp_indices: dict[int, int] = {}
    """The highest SRTP packet index by SSRC. The log tells it too, but not what came during a pause."""


class CallState(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is answered and not over. `dialog` is None once the SRC has hung up."""

    version: int = VERSION
    recording_id: str
    started: datetime
    flow: Flow
    deviations: int
    session: SessionSnapshot
    dialog: DialogSnapshot | None
    answered: TransactionSnapshot | None
    """The last request of the SRC that was answered: it may come again."""
    streams: tuple[StreamState, ...]


class _Version(msgspec.Struct):
    version: int


def encode(state: CallState) -> bytes:
    """The document. Octets of the peer that are no UTF-8 are question marks in it."""
    try:
        return msgspec.msgpack.encode(state, enc_hook=_plain)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(state, builtin_types=(bytes, datetime), enc_hook=_plain)
        return msgspec.msgpack.encode(writable(plain))


def decode(data: bytes) -> CallState:
    """Read a document; raises StateError with a sentence for people."""
    try:
        version = msgspec.msgpack.decode(data, type=_Version).version
        if version != VERSION:
            raise StateError(f"its state has version {version}; this siprecord knows version {VERSION}")
        return msgspec.msgpack.decode(data, type=CallState)
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(f"its state is damaged: {error}") from None


def reason_of(error: Exception) -> str:
    """Why a call can't go on, for people."""
    if isinstance(error, SiprecordError | OSError):
        return str(error)
    return f"its state makes no sense ({type(error).__name__}: {error})"


class StateCell:
    """Anonymous memory that holds one document and outlives us in whoever keeps its descriptor.

    Two slots in turn, each with a number and a checksum: a writer that dies half-way leaves the one before.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = memfd_create("siprecord-call") if fd is None else fd
        self.size = 0
        """Bytes of the last document."""
        self._last = b""
        self._number = self._newest()[0]

    def write(self, data: bytes) -> bool:
        """Replace the document; False when it is too large to be kept."""
        if data == self._last:
            return True
        if len(data) > MAX_STATE:
            return False
        self._number += 1
        head = _HEAD.pack(_MAGIC, self._number, len(data), crc32(data))
        pwrite(self.fd, head + data, (self._number % _SLOTS) * MAX_STATE * 2)
        self._last, self.size = data, len(data)
        return True

    def read(self) -> bytes:
        """The newest whole document; raises StateError when there is none."""
        number, data = self._newest()
        if not number:
            raise StateError("its state was never written, or is damaged")
        return data

    def _newest(self) -> tuple[int, bytes]:
        return max(self._slot(slot * MAX_STATE * 2) for slot in range(_SLOTS))

    def _slot(self, offset: int) -> tuple[int, bytes]:
        head = pread(self.fd, _HEAD.size, offset)
        if len(head) < _HEAD.size:
            return 0, b""
        magic, number, length, checksum = _HEAD.unpack(head)
        if magic != _MAGIC or length > MAX_STATE:
            return 0, b""
        data = pread(self.fd, length, offset + _HEAD.size)
        return (number, data) if len(data) == length and crc32(data) == checksum else (0, b"")


def _plain(value: Any) -> Any:
    if isinstance(value, MappingProxyType | Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} is no part of a state")
