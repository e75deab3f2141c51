"""SIP peers for tests: messages by hand, and two endpoints joined by a network that lives in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from siprecord.protocol import (
    Address,
    Endpoint,
    EndpointSettings,
    Event,
    Flow,
    InviteSpec,
    Transmit,
    Transport,
)
from siprecord.syntax.sip import Request, Response, parse_message

E = TypeVar("E")

SRC: Address = ("192.0.2.10", 5060)
SRS: Address = ("203.0.113.5", 5060)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
)
ANSWER = (
    b"v=0\r\no=- 2 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"
)


def tokens(prefix: str) -> Callable[[], str]:
    """Tokens that count: the same in each run, and long enough to be secrets."""
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers):016d}"


def flow_of(transport: Transport = "udp", *, remote: Address = SRC, connection: int | None = None) -> Flow:
    """The flow on which the recorder hears a peer."""
    if connection is None:
        connection = 0 if transport == "udp" else 1
    return Flow(transport, SRS, remote, connection)


def request(method: str = "INVITE", *, body: bytes = b"", **fields: Any) -> bytes:
    """A request as a peer writes it. `fields` replace or add headers; `_` stands for `-`, None takes one out.

    `uri`, `branch` and `seq` are short for the Request-URI, the branch of the Via and the number of the CSeq;
    `extra` are more header rows as text.
    """
    uri = fields.pop("uri", "sip:srs@203.0.113.5")
    branch = fields.pop("branch", "z9hG4bK-1")
    number = fields.pop("seq", 1)
    extra = fields.pop("extra", ())
    rows: dict[str, object] = {
        "Via": f"SIP/2.0/UDP 192.0.2.10:5060;branch={branch}",
        "Max-Forwards": 70,
        "From": "<sip:src@192.0.2.10>;tag=src",
        "To": "<sip:srs@203.0.113.5>",
        "Call-ID": "call-1",
        "CSeq": f"{number} {method}",
    }
    if method in ("INVITE", "UPDATE"):
        rows["Contact"] = "<sip:src@192.0.2.10:5060>;+sip.src"
    rows |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{method} {uri} SIP/2.0", *_lines(rows, extra), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def response(to: bytes, status: int, *, tag: str = "peer", body: bytes = b"", **fields: Any) -> bytes:
    """The peer's response to a request of ours; `fields` as in `request`."""
    asked = parse_message(to)
    assert isinstance(asked, Request)
    extra = fields.pop("extra", ())
    to_value = asked.headers.get("To") or ""
    if asked.to.tag is None and status > 100:
        to_value += f";tag={tag}"
    rows: dict[str, object] = {name: asked.headers.get(name) for name in ("From", "Call-ID", "CSeq")}
    rows["To"] = to_value
    rows |= {name.replace("_", "-"): value for name, value in fields.items()}
    vias = [f"Via: {via}" for via in asked.headers.get_list("Via")]
    lines = [
        f"SIP/2.0 {status} Peer says",
        *vias,
        *_lines(rows, extra),
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def _lines(rows: dict[str, object], extra: object) -> list[str]:
    lines: list[str] = []
    for name, value in rows.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{name}: {each}" for each in values if each is not None]
    if isinstance(extra, Iterable):
        lines += [str(each) for each in extra]
    return lines


class Peer:
    """One endpoint on a bench: the test is the network and the clock."""

    def __init__(self, settings: EndpointSettings | None = None, *, prefix: str = "t") -> None:
        self.endpoint = Endpoint(settings or EndpointSettings(), tokens(prefix))
        self.now = 0.0
        self.sent: list[Transmit] = []
        self.events: list[Event] = []

    def drain(self) -> None:
        """What a driver does after each call."""
        while (output := self.endpoint.poll()) is not None:
            if isinstance(output, Transmit):
                self.sent.append(output)
            else:
                self.events.append(output)

    def receive(self, data: bytes, flow: Flow | None = None) -> list[Request | Response]:
        """Hand over a message; returns what the endpoint sends because of it."""
        self.endpoint.receive(data, flow or flow_of(), self.now)
        return self.take()

    def take(self) -> list[Request | Response]:
        """The messages that were sent since the last call, parsed."""
        self.drain()
        sent, self.sent = self.sent, []
        return [parse_message(each.data) for each in sent]

    def take_raw(self) -> list[Transmit]:
        """The same, as they were sent."""
        self.drain()
        sent, self.sent = self.sent, []
        return sent

    def advance(self, seconds: float) -> list[tuple[float, Request | Response]]:
        """Let time pass, deadline by deadline; returns what was sent, and when."""
        until = self.now + seconds
        log: list[tuple[float, Request | Response]] = []
        while (at := self.endpoint.deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.endpoint.expire(self.now)
            log += [(self.now, message) for message in self.take()]
        self.now = until
        return log

    def take_events(self) -> list[Event]:
        """The events that were told since the last call."""
        self.drain()
        events, self.events = self.events, []
        return events

    def event(self, kind: type[E]) -> E:
        """The last event of that kind; takes all events."""
        found = [event for event in self.take_events() if isinstance(event, kind)]
        assert found, f"no {kind.__name__}"
        return found[-1]

    def no_event(self, kind: type[object]) -> bool:
        """True when no event of that kind was told; takes all events."""
        return not any(isinstance(event, kind) for event in self.take_events())


Rule = Callable[[Transmit], Iterable[float]]


def reliably(transmit: Transmit) -> Iterable[float]:
    """Each message arrives once, after 10 ms."""
    return (0.01,)


@dataclass
class Link:
    """Two endpoints and the network between them, in virtual time.

    `rule` gives the delays after which a message arrives: none drops it, two duplicate it. What reaches an
    endpoint is logged as (time, side, first line).
    """

    caller: Peer
    callee: Peer
    transport: Transport = "udp"
    rule: Rule = reliably
    now: float = 0.0
    log: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._wire: list[tuple[float, int, str, bytes]] = []
        self._order = count()
        connection = 0 if self.transport == "udp" else 1
        self.flows = {
            "caller": Flow(self.transport, SRC, SRS, connection),
            "callee": Flow(self.transport, SRS, SRC, connection),
        }

    def spec(self, **fields: object) -> InviteSpec:
        """A call from the caller to the callee."""
        given: dict[str, object] = {
            "request_uri": "sip:srs@203.0.113.5",
            "from_": "<sip:src@192.0.2.10>",
            "to": "<sip:srs@203.0.113.5>",
            "flow": self.flows["caller"],
            "content_type": "application/sdp",
            "body": OFFER,
        }
        return InviteSpec(**(given | fields))  # type: ignore[arg-type]

    def settle(self) -> None:
        """Drain both sides and put on the wire what they send."""
        for side, peer in (("caller", self.caller), ("callee", self.callee)):
            other = "callee" if side == "caller" else "caller"
            for transmit in peer.take_raw():
                for delay in self.rule(transmit):
                    heapq.heappush(self._wire, (self.now + delay, next(self._order), other, transmit.data))

    def run(self, seconds: float) -> None:
        """Let time pass on both sides."""
        until = self.now + seconds
        self.settle()
        while (at := self._next()) is not None and at <= until:
            self.now = max(self.now, at)
            self._step()
            self.settle()
        self.now = self.caller.now = self.callee.now = until

    def _next(self) -> float | None:
        times = [self.caller.endpoint.deadline(), self.callee.endpoint.deadline()]
        times += [self._wire[0][0]] if self._wire else []
        return min((at for at in times if at is not None), default=None)

    def _step(self) -> None:
        self.caller.now = self.callee.now = self.now
        while self._wire and self._wire[0][0] <= self.now:
            _, _, side, data = heapq.heappop(self._wire)
            self.log.append((round(self.now, 3), side, data.split(b"\r\n", 1)[0].decode()))
            peer = self.caller if side == "caller" else self.callee
            peer.endpoint.receive(data, self.flows[side], self.now)
            peer.drain()
        self.caller.endpoint.expire(self.now)
        self.callee.endpoint.expire(self.now)
