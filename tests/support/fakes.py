"""A handler over a real SIP endpoint in virtual time, with fakes for the media plane and the disk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from siprecord.errors import MediaError
from siprecord.protocol import (
    AckReceived,
    Answer,
    DialogSnapshot,
    Endpoint,
    Event,
    Flow,
    InviteSpec,
    OutgoingRequest,
    OutOfDialogRequest,
    TransactionSnapshot,
    Transmit,
)
from siprecord.recording.plan import StreamPlan
from siprecord.recording.ports import CaptureLog, Inherited, MediaStream
from siprecord.server.config import Config
from siprecord.server.handler import Handler
from siprecord.server.parts import Parts
from siprecord.server.publisher import RecordingEvent
from siprecord.server.runner import CallRunner
from siprecord.syntax.sdp import SessionDescription, SrtpKeys, parse_sdp
from siprecord.syntax.sip import Message, Request, Response, parse_message

START = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
LOCAL = ("192.0.2.1", 5060)
REMOTE = ("198.51.100.7", 5070)
FLOW = Flow("udp", LOCAL, REMOTE)


@dataclass
class FakeStats:
    packets: int = 0
    bytes: int = 0
    lost: int = 0
    expected: int = 0
    reordered: int = 0
    jitter: int = 0
    clock_rate: int | None = None
    payload_type: int | None = None
    level_dbov: float | None = None
    last_sound_ns: int = 0
    rtcp_packets: int = 0
    dropped_paused: int = 0
    last_arrival_ns: int = 0
    strays: int = 0
    dropped_kernel: int = 0
    srtp_failed: int = 0
    srtp_replayed: int = 0


@dataclass
class FakeStream:
    interface: int
    rtp_port: int
    plan: StreamPlan
    counted: FakeStats = field(default_factory=FakeStats)
    paused: bool = False
    closed: bool = False
    told: list[str] = field(default_factory=list)
    keys: tuple[SrtpKeys, ...] = field(default=(), repr=False)
    own: SrtpKeys | None = field(default=None, repr=False)
    masked: list[str] = field(default_factory=list)
    """The payload types whose keys are masked after a change."""

    @property
    def rtcp_port(self) -> int:
        return self.rtp_port + 1

    def stats(self) -> FakeStats:
        return self.counted

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def announce(self) -> None:
        self.told.append("announced")

    def expect_source(self, source: tuple[str, int] | None) -> None:
        self.told.append(f"source {source}")

    def expect_payloads(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        self.told.append(f"payloads {' '.join(payloads)}")

    def set_rtcp_target(self, target: tuple[str, int] | None, *, mux: bool = False) -> None:
        self.told.append(f"reports {target} {mux}")

    def set_keys(self, *keys: SrtpKeys, own: SrtpKeys | None = None) -> None:
        self.keys, self.own = keys, own
        self.told.append(f"{len(keys)} keys")

    def srtp_indices(self) -> dict[int, int]:
        return {}

    def mask_digits(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        self.masked = [number for number, row in payloads.items() if row["encoding"] == "telephone-event"]

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeLog:
    """Keeps what is appended. `broken` makes every append fail, as a full disk does."""

    header: Mapping[str, object]
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[tuple[bool, bytes]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)
    broken: bool = False
    closed: bool = False
    clock_shift_ns: int = 0

    def append_sip(  # noqa: PLR0917 - the port asks for it
        self,
        data: bytes,
        flow_local: tuple[str, int],
        flow_remote: tuple[str, int],
        transport: str,
        inbound: bool,
        time_ns: int = 0,
    ) -> None:
        self._check()
        self.messages.append((inbound, data))
        self.order.append(("in " if inbound else "out ") + data.partition(b"\r\n")[0].decode())

    def append_event(self, event: Mapping[str, object]) -> None:
        self._check()
        self.events.append(dict(event))
        self.order.append(str(event["event"]))

    def flush(self) -> None:
        self._check()

    def close(self, *, sync: bool = True) -> None:
        self.closed = True

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def _check(self) -> None:
        if self.closed:
            raise MediaError("the log is closed")
        if self.broken:
            raise MediaError("no space left on device")


class FakeArchive:
    """Logs in memory. `ports` is how many streams can be open; `full` lets no log be made."""

    def __init__(self) -> None:
        self.logs: dict[str, FakeLog] = {}
        self.finished: list[str] = []
        self.discarded: list[str] = []
        self.ports = 1000
        self.full = False
        self.was_closed = False
        self._numbers = itertools.count()

    def create(self, recording_id: str, header: Mapping[str, object]) -> FakeLog:
        if self.full:
            raise MediaError("no space left on device")
        self.logs[recording_id] = FakeLog(header)
        return self.logs[recording_id]

    def open_stream(
        self, log: CaptureLog, plan: StreamPlan, inherited: Inherited | None = None
    ) -> MediaStream:
        assert isinstance(log, FakeLog)
        if self.ports == 0:
            raise MediaError("no free media port")
        self.ports -= 1
        stream = FakeStream(len(log.streams) + 1, 20000 + 2 * next(self._numbers), plan)
        log.streams.append(stream)
        log.order.append(f"open {plan.name}")
        return stream

    def finish(self, recording_id: str, log: CaptureLog) -> None:
        log.close()
        self.finished.append(recording_id)

    def discard(self, recording_id: str, log: CaptureLog) -> None:
        log.close()
        self.discarded.append(recording_id)

    async def close(self) -> None:
        self.was_closed = True


class FakeCallMap:
    """The methods of `ShardedMap` that calls need, over a dict."""

    def __init__(self) -> None:
        self._calls: dict[str, CallRunner] = {}

    def load(self, key: str, /) -> CallRunner | None:
        return self._calls.get(key)

    def store(self, key: str, value: CallRunner, /) -> None:
        self._calls[key] = value

    def delete(self, key: str, /) -> None:
        self._calls.pop(key, None)

    def range(self, callback: Callable[[str, CallRunner], object], /) -> None:
        for key, value in list(self._calls.items()):
            if callback(key, value) is False:
                return

    def __len__(self) -> int:
        return len(self._calls)


@dataclass
class FakeDeadline:
    at: float
    callback: Callable[[float], None]
    done: bool = False

    def cancel(self) -> None:
        self.done = True


class VirtualServer:
    """A handler, a real endpoint, and a clock that only moves when told to."""

    def __init__(self, config: Config | None = None) -> None:
        tokens = (f"{number:016x}" for number in itertools.count(1))
        names = (f"{number:012x}" for number in itertools.count(1))
        self.clock = 1000.0
        self.archive = FakeArchive()
        self.problems: list[str] = []
        self.sent: list[Message] = []
        self.raw: list[Transmit] = []
        self.news: list[RecordingEvent] = []
        self.told: list[Event] = []
        self.deadlines: list[FakeDeadline] = []
        parts = Parts(
            archive=self.archive,
            calls=FakeCallMap(),
            problems=lambda: self.problems,
            wall=self.wall,
            token=lambda: next(names),
            node="node-1",
        )
        self.handler = Handler(config or Config(data_dir=Path("unused")), parts=parts)
        self.endpoint = Endpoint(self.handler.settings(), lambda: next(tokens))
        self.handler.subscribe(self.news.append)
        self._draining = False

    async def start(self) -> VirtualServer:
        await self.handler.start(self)
        return self

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.clock - 1000.0)

    # What a handler sees of its server.

    def now(self) -> float:
        return self.clock

    def respond(self, transaction: str, answer: Answer, now: float) -> None:
        self.endpoint.respond(transaction, answer, now)
        self._drain()

    def dialog_of(self, transaction: str) -> str | None:
        return self.endpoint.dialog_of(transaction)

    def snapshot(self, dialog: str) -> DialogSnapshot | None:
        return self.endpoint.snapshot(dialog)

    def restore(self, snapshot: DialogSnapshot, now: float, *, moved: bool = False) -> str:
        return self.endpoint.restore(snapshot, now, moved=moved)

    def forget(self, dialog: str) -> None:
        self.endpoint.forget(dialog)
        self._drain()

    def answered(self, transaction: str) -> TransactionSnapshot | None:
        return self.endpoint.answered(transaction)

    def resume(self, snapshot: TransactionSnapshot, now: float) -> None:
        self.endpoint.resume(snapshot, now)

    def invite(self, spec: InviteSpec, now: float) -> str:
        raise NotImplementedError

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        transaction = self.endpoint.request(dialog, outgoing, now)
        self._drain()
        return transaction

    def send(self, request: OutOfDialogRequest, now: float) -> str:
        raise NotImplementedError

    def cancel(self, transaction: str, now: float) -> None:
        raise NotImplementedError

    def set_deadline(self, at: float, callback: Callable[[float], None]) -> FakeDeadline:
        deadline = FakeDeadline(at, callback)
        self.deadlines.append(deadline)
        return deadline

    # What a test does.

    def receive(self, data: bytes, flow: Flow = FLOW) -> list[Message]:
        """Deliver a message; returns what was sent because of it."""
        before = len(self.sent)
        self.endpoint.receive(data, flow, self.clock)
        self._drain()
        return self.sent[before:]

    def wait(self, seconds: float) -> list[Message]:
        """Let time pass; returns what was sent meanwhile."""
        before, end = len(self.sent), self.clock + seconds
        while (at := self._next()) is not None and at <= end:
            self.clock = max(self.clock, at)
            self.endpoint.expire(self.clock)
            self._drain()
            for deadline in [each for each in self.deadlines if not each.done and each.at <= self.clock]:
                deadline.done = True
                deadline.callback(self.clock)
            self.deadlines = [each for each in self.deadlines if not each.done]
        self.clock = end
        return self.sent[before:]

    @property
    def log(self) -> FakeLog:
        """The log of the only recording."""
        (log,) = self.archive.logs.values()
        return log

    def dialog(self) -> str:
        """The dialog of the last call."""
        return next(event.dialog for event in reversed(self.told) if isinstance(event, AckReceived))

    def _next(self) -> float | None:
        due = [each.at for each in self.deadlines if not each.done]
        if (at := self.endpoint.deadline()) is not None:
            due.append(at)
        return min(due, default=None)

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        for output in self._outputs():
            if isinstance(output, Transmit):
                self.raw.append(output)
                self.sent.append(parse_message(output.data))
                self.handler.transmitted(output, self.clock)
            else:
                self.told.append(output)
                self.handler.handle(output, self.clock)
        self._draining = False

    def _outputs(self) -> Iterator[Transmit | Event]:
        while (output := self.endpoint.poll()) is not None:
            yield output


@dataclass
class Client:
    """An SRC that speaks in whole messages."""

    server: VirtualServer
    call_id: str = "call-1"
    number: int = 0
    to_tag: str = ""
    flow: Flow = FLOW

    def message(
        self,
        method: str,
        content: tuple[str | None, bytes] = (None, b""),
        *,
        more: tuple[str, ...] = ("Require: siprec",),
        number: int | None = None,
    ) -> bytes:
        if number is None:
            self.number += 1
            number = self.number
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        rows = [
            f"{method} sip:recorder@192.0.2.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 198.51.100.7:5070;rport;branch=z9hG4bK{self.call_id}{method}{number}",
            f"From: <sip:src@example.com>;tag={self.call_id}",
            f"To: <sip:recorder@192.0.2.1>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            "Max-Forwards: 70",
            "Contact: <sip:src@198.51.100.7:5070>;+sip.src",
            *more,
        ]
        if content[0] is not None:
            rows.append(f"Content-Type: {content[0]}")
        rows.append(f"Content-Length: {len(content[1])}")
        return "\r\n".join([*rows, "", ""]).encode() + content[1]

    def request(
        self,
        method: str,
        content: tuple[str | None, bytes] = (None, b""),
        *,
        more: tuple[str, ...] = ("Require: siprec",),
    ) -> Response:
        """Send it and return the final response."""
        responses = [
            each
            for each in self.server.receive(self.message(method, content, more=more), self.flow)
            if isinstance(each, Response) and each.status >= 200
        ]
        response = responses[-1]
        if response.to.tag and method == "INVITE":
            self.to_tag = response.to.tag
        return response

    def ack(self, content: tuple[str | None, bytes] = (None, b"")) -> list[Message]:
        return self.server.receive(self.message("ACK", content, more=(), number=self.number), self.flow)

    def call(self, content: tuple[str | None, bytes]) -> Response:
        """INVITE and ACK."""
        response = self.request("INVITE", content)
        self.ack()
        return response


def requests_in(messages: list[Message], method: str) -> list[Request]:
    """The requests of that method among them."""
    return [each for each in messages if isinstance(each, Request) and each.method == method]


def sdp_in(response: Response) -> SessionDescription:
    """The SDP a response carries."""
    return parse_sdp(response.body)
