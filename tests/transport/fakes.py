"""An endpoint and an application without behaviour of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from siprecord.protocol import (
    Answer,
    EndpointSettings,
    Event,
    Flow,
    MessageRejected,
    RequestReceived,
    Transmit,
)
from siprecord.syntax.sip import Request, parse_message
from siprecord.transport import EndpointControl

FLOW = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5070))


def options(call_id: str = "c1", *, via: str = "UDP", body: bytes = b"", branch: str = "z9hG4bK1") -> bytes:
    head = (
        "OPTIONS sip:srs@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/{via} 127.0.0.1:5070;rport;branch={branch}{call_id}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:src@127.0.0.1>;tag=f1\r\n"
        "To: <sip:srs@127.0.0.1>\r\n"
        f"Call-ID: {call_id}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rejected(text: str) -> Event:
    return MessageRejected(FLOW, None, text, None)


def received(transaction: str) -> Event:
    request = parse_message(options(transaction))
    assert isinstance(request, Request)
    return RequestReceived(transaction, request, FLOW, None)


class FakeEndpoint:
    """Gives out what `says` returns for each message; remembers what it was asked."""

    def __init__(self, says: Callable[[bytes], list[Event | Transmit]]) -> None:
        self.says = says
        self.output: deque[Event | Transmit] = deque()
        self.asked: list[tuple[object, ...]] = []
        self.due: float | None = None
        self.counters: dict[str, int] = {}

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        self.asked.append(("receive", data))
        self.output.extend(self.says(data))

    def connection_lost(self, flow: Flow, now: float) -> None:
        self.asked.append(("lost", flow))

    def respond(self, transaction: str, answer: Answer, now: float) -> None:
        self.asked.append(("respond", transaction, answer.status))
        self.output.append(Transmit(b"SIP/2.0 %d x\r\n" % answer.status, FLOW, transaction))

    def expire(self, now: float) -> None:
        self.asked.append(("expire",))
        self.due = None

    def deadline(self) -> float | None:
        return self.due

    def poll(self) -> Event | Transmit | None:
        return self.output.popleft() if self.output else None


class FakeApplication:
    """Does `on_event` with each event and remembers it."""

    def __init__(self, on_event: Callable[[EndpointControl, Event, float], None] = lambda *_: None) -> None:
        self.on_event = on_event
        self.control: EndpointControl | None = None
        self.log: list[str] = []
        self.events: list[Event] = []
        self.sent: list[Transmit] = []
        self.failures: list[str] = []

    def settings(self) -> EndpointSettings:
        return EndpointSettings()

    async def start(self, control: EndpointControl) -> None:
        self.control = control
        self.log.append("start")

    def handle(self, event: Event, now: float) -> None:
        self.events.append(event)
        assert self.control is not None
        self.on_event(self.control, event, now)

    def transmitted(self, transmit: Transmit, now: float) -> None:
        self.sent.append(transmit)

    def failed(self, event: Event, error: Exception, now: float) -> None:
        self.failures.append(str(error))

    async def stop(self) -> None:
        self.log.append("stop")


def answer_all(control: EndpointControl, event: Event, now: float) -> None:
    if isinstance(event, RequestReceived):
        control.respond(event.transaction, Answer(200), now)
