"""UDP datagrams and TCP segments out of frames: Ethernet, VLAN, Linux cooked, loopback, raw IP, fragments."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from siprecord.cli.field.files import Frame

MAX_FRAGMENTED = 256
"""Datagrams that wait for their fragments; ours."""
_ETHERTYPES = {0x0800, 0x86DD}
_VLANS = {0x8100, 0x88A8, 0x9100}
_EXTENSIONS = {0, 43, 60}
_FRAGMENT = 44

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """A UDP datagram, or a piece of a TCP stream with its sequence number."""

    time_ns: int
    transport: Literal["udp", "tcp"]
    source: Address
    destination: Address
    data: bytes
    sequence: int = 0
    opens: bool = False
    """Whether it is a SYN, so that the stream begins right after it."""


class Unpacker:
    """Takes frames apart; keeps fragments until their datagram is whole."""

    def __init__(self) -> None:
        self._fragments: dict[tuple[bytes, int], dict[int, tuple[bytes, bool]]] = {}

    def segments(self, frame: Frame) -> Iterator[Segment]:
        """The segment in a frame, if there is one. Never raises for what a frame may hold."""
        try:
            packet = _network_layer(frame)
            if packet:
                yield from self._ip(frame.time_ns, packet)
        except (struct.error, IndexError, ValueError):
            return

    def _ip(self, time_ns: int, packet: bytes) -> Iterator[Segment]:
        version = packet[0] >> 4
        if version == 4:
            yield from self._ipv4(time_ns, packet)
        elif version == 6:
            yield from self._ipv6(time_ns, packet)

    def _ipv4(self, time_ns: int, packet: bytes) -> Iterator[Segment]:
        header = (packet[0] & 15) * 4
        total, number, flags = struct.unpack_from(">HHH", packet, 2)
        data = packet[header : total or len(packet)]
        hosts = packet[12:20]
        whole = self._whole((hosts + packet[9:10], number), (flags & 0x1FFF) * 8, data, bool(flags & 0x2000))
        if whole is not None:
            yield from _transport(time_ns, packet[9], (hosts[:4], hosts[4:]), whole)

    def _ipv6(self, time_ns: int, packet: bytes) -> Iterator[Segment]:
        size, kind = struct.unpack_from(">HB", packet, 4)
        hosts, data = packet[8:40], packet[40 : 40 + size]
        while kind in _EXTENSIONS:
            kind, data = data[0], data[(data[1] + 1) * 8 :]
        if kind == _FRAGMENT:
            kind, _, offset, number = struct.unpack_from(">BBHI", data)
            whole = self._whole((hosts, number), offset & 0xFFF8, data[8:], bool(offset & 1))
            if whole is None:
                return
            data = whole
        yield from _transport(time_ns, kind, (hosts[:16], hosts[16:]), data)

    def _whole(self, key: tuple[bytes, int], offset: int, data: bytes, more: bool) -> bytes | None:
        if not offset and not more:
            return data
        if key not in self._fragments and len(self._fragments) >= MAX_FRAGMENTED:
            self._fragments.pop(next(iter(self._fragments)))
        pieces = self._fragments.setdefault(key, {})
        pieces[offset] = (data, more)
        whole = b""
        while len(whole) in pieces:
            piece, more = pieces[len(whole)]
            whole += piece
            if not more:
                del self._fragments[key]
                return whole
            if not piece or len(whole) > 0xFFFF:
                break
        return None


def _network_layer(frame: Frame) -> bytes | None:
    data = frame.data
    match frame.link:
        case 1:
            return _past_ethertype(data, 12)
        case 113:
            return _past_ethertype(data, 14)
        case 276:
            return data[20:] if struct.unpack_from(">H", data)[0] in _ETHERTYPES else None
        case 0 | 108:
            return data[4:]
        case 12 | 14 | 101 | 228 | 229:
            return data
    return None


def _past_ethertype(data: bytes, at: int) -> bytes | None:
    (kind,) = struct.unpack_from(">H", data, at)
    while kind in _VLANS:
        at += 4
        (kind,) = struct.unpack_from(">H", data, at)
    return data[at + 2 :] if kind in _ETHERTYPES else None


def _transport(time_ns: int, kind: int, hosts: tuple[bytes, bytes], data: bytes) -> Iterator[Segment]:
    if kind not in (6, 17):
        return
    source, destination = (str(ip_address(host)) for host in hosts)
    ports = struct.unpack_from(">HH", data)
    ends = ((source, ports[0]), (destination, ports[1]))
    if kind == 17:
        (size,) = struct.unpack_from(">H", data, 4)
        yield Segment(time_ns, "udp", *ends, data[8 : max(size, 8)])
        return
    (sequence,) = struct.unpack_from(">I", data, 4)
    opens = bool(data[13] & 2)
    yield Segment(time_ns, "tcp", *ends, data[(data[12] >> 4) * 4 :], sequence, opens)
