"""The media engine: media ports, and the capture logs that receive what comes on them.

Every call works without the GIL. All write at once, into the kernel's page cache, and return within about a
millisecond; but `CaptureLog.close` waits for the disk when it syncs, so call it in an executor.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import cast

from siprecord.errors import MediaError
from siprecord.media import _core
from siprecord.media.types import (
    EngineTotals,
    LogStatus,
    MediaSettings,
    Notice,
    NoticeKind,
    Settled,
    StreamSpec,
    StreamStats,
)
from siprecord.syntax.sdp import SrtpKeys
from siprecord.syntax.text import to_json

_JUDGED = {"sources": "judged"}
"""In an interface's description: the log tells whom the stream follows, and all others are strangers."""
_DYNAMIC = range(96, 128)
_SECTION_KEYS = ("hardware", "os", "application", "comment")
SocketAddress = tuple[str, int]
PayloadTypes = tuple[list[int], list[int], list[int]]
"""Payload types of telephone events, of nothing that is known, and of tones."""


class MediaEngine:
    """Owns the drain threads and the port range. Raises MediaError when it can't start."""

    def __init__(self, settings: MediaSettings | None = None) -> None:
        self.settings = settings or MediaSettings()
        self._core = _core.Engine(self.settings)

    def open_log(self, path: str | PathLike[str], header: Mapping[str, object] | None = None) -> CaptureLog:
        """Create a capture log; the file must not exist. Raises MediaError with the reason.

        `header` may name `hardware`, `os`, `application` and `comment`; all other keys are stored as a JSON
        object in the section's comment.
        """
        return CaptureLog(self._core.open_log(fspath(path), _section(header or {})))

    def resume_log(self, path: str | PathLike[str]) -> CaptureLog:
        """Go on with a log that another process has begun; raises MediaError when that can't be.

        What its writer had taken and died on is written, if that is in an inherited shelter; else half a
        block at its end is cut off. Its streams come back by `CaptureLog.resume_stream`. Reads the end of
        the file, or all of it where no shelter tells what is in it: call it in an executor.
        """
        core, names = self._core.resume_log(fspath(path))
        return CaptureLog(core, names)

    def shelter_fileno(self) -> int:
        """Memory for what is on its way from a socket to a log, for a process that outlives this one.

        Valid as long as the engine.
        """
        return self._core.shelter_fileno()

    def inherit(self, shelter_fd: int) -> None:
        """Take in the shelter of an earlier engine, the oldest first; close the descriptor afterwards.

        Then resume logs and streams, and then `settle`. Raises MediaError for what is no shelter that this
        version can read.
        """
        self._core.inherit(shelter_fd)

    def settle(self) -> Settled:
        """Write what earlier engines had taken for logs and streams that were not resumed, and forget them.

        Their shelters are needed no more. What can't be written is told by a notice.
        """
        return Settled(*self._core.settle())

    def fileno(self) -> int:
        """A descriptor that is readable while there are notices."""
        return self._core.fileno()

    def drain_notices(self) -> list[Notice]:
        """Take all notices out; at most the last 4,096 are kept."""
        return [
            Notice(recording, cast(NoticeKind, kind), text, dropped, interface)
            for recording, kind, text, dropped, interface in self._core.drain_notices()
        ]

    def totals(self) -> EngineTotals:
        """Work done by all drain threads, brought up to date once a tick."""
        return EngineTotals(**self._core.totals())

    def cpu_seconds(self) -> float:
        """CPU time of all drain threads."""
        return self.totals().cpu_seconds

    def close(self) -> None:
        """End the threads after one last round. Logs that are still open can be closed afterwards."""
        self._core.close()


class CaptureLog:
    """One recording's file. All methods may be called from any thread."""

    def __init__(self, core: _core.Log, names: Iterable[str] = ("sip",)) -> None:
        self._core = core
        self._names = set(names)

    def append_sip(  # noqa: PLR0913, PLR0917 - the flow and the message are one record
        self,
        data: bytes,
        flow_local: SocketAddress,
        flow_remote: SocketAddress,
        transport: str,
        inbound: bool,
        time_ns: int = 0,
    ) -> None:
        """Append a SIP message whose keys are blanked already; `time_ns` 0 stands for now."""
        ends = (flow_local[:2], flow_remote[:2])
        source, destination = ends[::-1] if inbound else ends
        self._core.append_sip(data, (source, destination, transport.lower() != "udp", inbound), time_ns)

    @property
    def clock_shift_ns(self) -> int:
        """Nanoseconds to add to the time of day to have it by this log's clock; else 0.

        A log keeps the time it began with: when somebody sets the machine's clock in mid-call, its packets
        and events go on as if nobody had, and an event `clock.set` says by how much it was set.
        """
        return self._core.clock_shift_ns()

    def append_event(self, event: Mapping[str, object]) -> None:
        """Append one of our own events as a JSON object; `time_ns` is added when it is absent."""
        stamped = event if "time_ns" in event else {**event, "time_ns": time.time_ns() + self.clock_shift_ns}
        self._core.append_event(to_json(stamped))

    def open_stream(self, spec: StreamSpec, sockets: tuple[int, int] | None = None) -> MediaStream:
        """Bind a pair of ports and capture what comes. Raises MediaError when there is no free pair.

        `sockets` are descriptors of a pair that is bound already, RTP and RTCP; both are duplicated.
        """
        told = {"label": spec.label, "mline": spec.mline, "kind": spec.kind, **_JUDGED}
        description = {**told, **spec.description}
        name = self._unique(spec.label or f"mline-{spec.mline}")
        stream = self._core.open_stream(name, _json(description), _Details.of(spec), sockets)
        self._names.add(name)
        return MediaStream(stream, self._core)

    def resume_stream(
        self, spec: StreamSpec, rtp_fd: int, rtcp_fd: int, interface: int, *, paused: bool = False
    ) -> MediaStream:
        """Take a stream of a resumed log up again with the sockets it had; `interface` is its old number.

        What waits in the sockets is stored, or dropped if `paused`. Whom the stream followed, and how far the
        rollover counters of SRTP have come, is known from the log; `srtp_indices` count where they are
        higher. Both descriptors are duplicated: close yours afterwards. Packets are counted on where an
        inherited shelter tells how many came. Raises MediaError for what is no pair of media sockets.
        """
        details = _Details.of(spec)
        return MediaStream(
            self._core.resume_stream(details, (rtp_fd, rtcp_fd), interface, paused), self._core
        )

    def filenos(self) -> dict[int, tuple[int, int]]:
        """Descriptors of the RTP and RTCP sockets by interface, of all open streams.

        For a process that duplicates them and so keeps them alive. They are valid until the stream closes.
        """
        return {interface: (rtp, rtcp) for interface, rtp, rtcp in self._core.descriptors()}

    def flush(self) -> None:
        """Take what the kernel holds for all streams and write it, without waiting for the disk."""
        self._core.flush()

    def close(self, *, sync: bool = True) -> None:
        """Take what the kernel still holds, close all streams, and wait for the disk if `sync`.

        A disk that is still full costs what waits in memory: a notice and `status.dropped_packets` tell how
        much, and the file is left with whole blocks. Closing twice is no error.
        """
        self._core.close(sync)

    @property
    def status(self) -> LogStatus:
        """How far the file is written; also after its end."""
        written, pending, dropped, failing = self._core.status()
        return LogStatus(
            bytes_written=written, pending_bytes=pending, dropped_packets=dropped, failing=failing
        )

    def _unique(self, name: str) -> str:
        if name not in self._names:
            return name
        number = 2
        while f"{name}#{number}" in self._names:
            number += 1
        return f"{name}#{number}"


class MediaStream:
    """One captured stream: RTP on an even port, RTCP on the odd one above it."""

    def __init__(self, core: _core.Stream, log: _core.Log) -> None:
        self._core = core
        self._log = log

    @property
    def interface(self) -> int:
        """Number of its interface in the capture log."""
        return self._core.interface

    @property
    def rtp_port(self) -> int:
        """The even port, for the SDP answer."""
        return self._core.rtp_port

    @property
    def rtcp_port(self) -> int:
        """The odd port above it."""
        return self._core.rtp_port + 1

    def filenos(self) -> tuple[int, int]:
        """Descriptors of the RTP and RTCP sockets until the stream closes; raises MediaError after that."""
        for interface, rtp, rtcp in self._log.descriptors():
            if interface == self.interface:
                return rtp, rtcp
        raise MediaError(f"no open stream has interface {self.interface}")

    def stats(self) -> StreamStats:
        """What has come so far, up to the last tick; also after the stream's end."""
        return StreamStats(**self._core.stats())

    def pause(self) -> None:
        """Store what came until now and drop what comes from now on. Raises MediaError when it is closed."""
        self._core.set_paused(True)

    def resume(self) -> None:
        """Drop what came until now and store what comes from now on. Raises MediaError when it is closed."""
        self._core.set_paused(False)

    def announce(self) -> None:
        """Say that the ports become known now: right before the answer goes out, if `announced` was False."""
        self._core.announce()

    def expect_source(self, source: SocketAddress | None) -> None:
        """Change from where the signalling says that the stream comes, after a new offer."""
        self._core.expect_source(source)

    def set_keys(self, *keys: SrtpKeys, own: SrtpKeys | None = None) -> None:
        """Change the sender's SRTP keys, after a new offer; several differ by their MKI.

        Where one of them stays, the rollover counters go on; else they begin anew, and the old keys are valid
        for ten more seconds (RFC 4568 section 7.1.4). `own` replaces our own key. A stream in the clear
        becomes a protected one, and without keys the other way round.
        """
        self._core.set_keys(keys, own)

    def srtp_indices(self) -> dict[int, int]:
        """The highest SRTP packet index by SSRC, for a process that goes on with this stream."""
        return self._core.srtp_indices()

    def expect_payloads(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        """Say what payload types mean after a new offer; the statistics count by their clocks."""
        self._core.set_clock_rates(_clock_rates({"payloads": payloads}))

    def mask_digits(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        """Let no key that is pressed (RFC 4733) reach the log from now on; `payloads` as in a description.

        What waits in the socket is masked as well. Tones within the audio can't be seen.
        """
        self._core.set_mask(event_types(payloads))

    def set_rtcp_target(self, target: SocketAddress | None, *, mux: bool = False) -> None:
        """Say where our reports go; `mux` sends them from the media port.

        Without a target they go to where the sender's reports come from, else to the port above its media.
        """
        self._core.set_rtcp_target(target, mux)

    def close(self) -> None:
        """Take what the kernel still holds and give the ports back. Closing twice is no error."""
        self._core.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    """What the core wants to know of a stream."""

    clock_rates: list[tuple[int, int]]
    expected_source: SocketAddress | None
    announced: bool
    srtp: tuple[SrtpKeys, ...]
    srtp_own: SrtpKeys | None
    srtp_goes_on: bool
    srtp_indices: dict[int, int]
    mask: PayloadTypes

    @classmethod
    def of(cls, spec: StreamSpec) -> _Details:
        return cls(
            clock_rates=_clock_rates(spec.description),
            expected_source=spec.expected_source,
            announced=spec.announced,
            srtp=spec.srtp,
            srtp_own=spec.srtp_own,
            srtp_goes_on=spec.srtp_goes_on,
            srtp_indices=dict(spec.srtp_indices),
            mask=event_types(spec.description.get("payloads")) if spec.mask_digits else ([], [], []),
        )


def _section(header: Mapping[str, object]) -> tuple[str, str, str, str]:
    known = {key: str(header[key]) for key in _SECTION_KEYS if key in header}
    rest = {key: value for key, value in header.items() if key not in _SECTION_KEYS}
    comment = "\n".join(text for text in (known.get("comment", ""), _json(rest) if rest else "") if text)
    return (
        known.get("hardware", platform.machine()),
        known.get("os", f"{platform.system()} {platform.release()}"),
        known.get("application", f"siprecord {_core.__version__}"),
        comment,
    )


def _json(value: Mapping[str, object]) -> str:
    return to_json(value).decode()


_FIXED_CLOCKS = {"G722": 8000, "OPUS": 48_000}
"""Codecs whose RTP clock is this whatever the session description says (RFC 3551 section 4.5.2, RFC 7587)."""


def _clock_rates(description: Mapping[str, object]) -> list[tuple[int, int]]:
    """Read the clock rates leniently: they only serve the jitter, so nothing here may refuse a stream."""
    payloads = description.get("payloads")
    if not isinstance(payloads, Mapping):
        return []
    rates = []
    for number, payload in payloads.items():
        rate = payload.get("rate") if isinstance(payload, Mapping) else None
        if isinstance(payload, Mapping):
            rate = _FIXED_CLOCKS.get(str(payload.get("encoding", "")).upper(), rate)
        if str(number).isdecimal() and int(number) < 128 and isinstance(rate, int) and 0 < rate < 2**32:
            rates.append((int(number), rate))
    return rates


def event_types(payloads: object) -> PayloadTypes:
    """Which payload types may tell of keys. One that was never negotiated may be used for it all the same."""
    named: dict[int, str] = {}
    for number, payload in payloads.items() if isinstance(payloads, Mapping) else ():
        if str(number).isdecimal() and isinstance(payload, Mapping):
            named[int(number)] = str(payload.get("encoding", "")).lower()
    events = [number for number, name in named.items() if name == "telephone-event" and number < 128]
    tones = [number for number, name in named.items() if name == "tone" and number < 128]
    return events, [number for number in _DYNAMIC if number not in named], tones
