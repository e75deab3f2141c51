"""Read a finished capture log: SIP messages, the recorder's own events, streams, and packets on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from siprecord.errors import MediaError
from siprecord.media import _core

Address = tuple[str, int]

_MAGIC = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDERS: dict[bytes, Literal["little", "big"]] = {
    b"\x4d\x3c\x2b\x1a": "little",
    b"\x1a\x2b\x3c\x4d": "big",
}
_LATER = range(2, 10)
"""Major versions that are believed; anything else there is damage, and the log is read all the same."""
_BATCH_ITEMS = 512
_BATCH_BYTES = 1 << 20
_HEAD_ITEMS = 8


@dataclass(frozen=True, slots=True)
class Interface:
    """One source of packets: interface 0 is SIP, each other one a media stream named by its label."""

    index: int
    name: str
    linktype: int
    description: str


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One SIP message as stored: bytes as sent or received, with keys blanked."""

    time_ns: int
    data: bytes
    transport: str
    """`udp`, `tcp` (TLS too: the log does not tell them apart) or `unknown`."""
    source: Address
    destination: Address
    inbound: bool | None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One of the recorder's own events, as it was written."""

    event: dict[str, Any]
    interface_base: int = 0

    @property
    def name(self) -> str:
        """What happened; an event that can't be read is `unreadable`."""
        return str(self.event.get("event", ""))

    @property
    def time_ns(self) -> int:
        """Wall clock; 0 when the event does not say."""
        value = self.event.get("time_ns")
        return value if isinstance(value, int) else 0

    @property
    def interface(self) -> int | None:
        """The number, within the whole file, of the interface that the event names."""
        value = self.event.get("interface")
        return value + self.interface_base if isinstance(value, int) else None


@dataclass(frozen=True, slots=True)
class PacketSummary:
    """One RTP or RTCP packet of a stream."""

    interface: int
    time_ns: int
    source: Address
    destination: Address
    payload: bytes


Item = Interface | SipMessage | LogEvent | PacketSummary


class CaptureReader:
    """Iterates over the items of one log in file order; reads in batches and holds one at a time.

    A log cut short ends cleanly; `truncated`, `left_over` and `damaged` tell about it once iteration has
    ended. Raises MediaError when the file can't be read or is no capture log. `packets` adds every RTP and
    RTCP packet.
    """

    def __init__(self, path: str | Path, *, packets: bool = False) -> None:
        self.path = Path(path)
        self.read = 0
        """Bytes read as whole blocks."""
        self.left_over = 0
        """Bytes after the last whole block."""
        self.damaged = 0
        """Bytes in the middle that are no block and were stepped over."""
        check_magic(self.path)
        try:
            self._batches = _core.ItemBatches(self.path, packets)
        except OSError as error:
            raise MediaError(f"can't read {self.path}: {error}") from error

    @property
    def truncated(self) -> bool:
        """Whether the log ends in half a block."""
        return self.left_over > 0

    def __iter__(self) -> Iterator[Item]:
        while True:
            try:
                batch = self._batches.batch(_BATCH_ITEMS, _BATCH_BYTES)
            except OSError as error:
                raise MediaError(f"can't read {self.path}: {error}") from error
            position, self.left_over, self.damaged = self._batches.position()
            self.read = position - self.damaged
            if not batch:
                return
            for item in batch:
                yield as_item(item)


def check_magic(path: Path) -> None:
    """Refuse a file that can't be read, does not begin as pcapng, or is of a later version than ours.

    An empty one may still become a log.
    """
    try:
        with path.open("rb") as file:
            head = file.read(14)
    except OSError as error:
        raise MediaError(f"can't read {path}: {error.strerror}") from error
    if head[:4] != _MAGIC[: len(head)]:
        raise MediaError(f"{path} is not a capture log: it does not begin with a pcapng section header")
    order = _BYTE_ORDERS.get(head[8:12])
    if order is not None and len(head) == 14 and (major := int.from_bytes(head[12:], order)) in _LATER:
        raise MediaError(
            f"{path} is pcapng of version {major}, from a newer release: it is kept as it is; "
            "upgrade siprecord to read it"
        )


def as_item(raw: _core._Item) -> Item:
    """Give a tuple of the compiled reader its type."""
    match raw:
        case ("interface", index, linktype, name, description):
            return Interface(index, name, linktype, description)
        case ("event", base, data):
            return LogEvent(_decode(data), base)
        case ("sip", time_ns, data, transport, source, destination, inbound):
            return SipMessage(time_ns, data, transport, source, destination, inbound)
        case ("packet", interface, time_ns, source, destination, payload):
            return PacketSummary(interface, time_ns, source, destination, payload)


def _decode(data: bytes) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        event = None
    return event if isinstance(event, dict) else {"event": "unreadable"}


def first_event(path: Path, name: str) -> LogEvent | None:
    """The first event of this name among the first few items of a log, without reading the rest of it.

    Raises MediaError when the file can't be read or is no capture log.
    """
    check_magic(path)
    try:
        batch = _core.ItemBatches(path, False).batch(_HEAD_ITEMS, _BATCH_BYTES)
    except OSError as error:
        raise MediaError(f"can't read {path}: {error}") from error
    items = (as_item(raw) for raw in batch)
    return next((item for item in items if isinstance(item, LogEvent) and item.name == name), None)
