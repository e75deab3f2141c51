"""A recording client by hand: plain sockets and the compiled sender, so that a test decides each step.

It shares no state machine with the product. Only reading a message is left to the product's parser.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from siprecord.media.sender import NO_IMPAIRMENTS, Impairments, RtpClip, RtpSender, SendSpec
from siprecord.syntax.sdp import SessionDescription, SrtpKeys, parse_sdp
from siprecord.syntax.sip import Message, Request, Response, StreamFramer, parse_message
from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.voices import PAYLOAD_TYPES, Voice

Transport = Literal["udp", "tcp"]
HOST = "127.0.0.1"


class Link:
    """One socket to the server, datagrams or a connection."""

    def __init__(self, port: int, transport: Transport) -> None:
        self.transport = transport
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((HOST, port))
        self.own_port = int(self.socket.getsockname()[1])
        self._framer = StreamFramer()
        self._waiting: list[Message] = []

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, seconds: float = PATIENCE) -> Message | None:
        """The next message, or None when none comes in time or the connection ends."""
        end = time.monotonic() + seconds
        while not self._waiting:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65535)
            except TimeoutError:
                return None
            if not data:
                return None
            self._waiting += self._cut(data)
        return self._waiting.pop(0)

    def close(self) -> None:
        self.socket.close()

    def _cut(self, data: bytes) -> list[Message]:
        if self.transport == "udp":
            return [parse_message(data)]
        return [parse_message(frame) for frame in self._framer.feed(data) if isinstance(frame, bytes)]


@dataclass(frozen=True, kw_only=True)
class Play:
    """How a voice is sent."""

    voice: Voice
    impairments: Impairments = NO_IMPAIRMENTS
    sequence: int = 1000
    timestamp: int = 50_000
    delay: float = 0.0
    frame: int = 160
    srtp: SrtpKeys | None = None

    def spec(self, number: int, port: int) -> SendSpec:
        return SendSpec(
            socket=number,
            destination=(HOST, port),
            clip=RtpClip(self.voice.codes),
            ssrc=0x5EED0000 + self.voice.seed,
            payload_type=PAYLOAD_TYPES[self.voice.law],
            sequence=self.sequence,
            timestamp=self.timestamp,
            frame_samples=self.frame,
            frame_bytes=self.frame,
            start_delay=self.delay,
            impairments=self.impairments,
            srtp=self.srtp,
        )


@dataclass
class Src:
    """One call. `labels` says how many streams it offers, and how they are called.

    `crypto` has a crypto attribute for each stream that is to be protected, in their order.
    """

    port: int
    transport: Transport = "udp"
    labels: tuple[str, ...] = ("1", "2")
    crypto: tuple[str, ...] = ()
    call_id: str = field(default_factory=lambda: f"system-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.link = Link(self.port, self.transport)
        self.sender = RtpSender()
        self.sender.start()
        bound = [self.sender.bind(HOST) for _ in self.labels]
        self.sockets = [number for number, _ in bound]
        self.media_ports = tuple(port for _, port in bound)
        self.answer: SessionDescription | None = None
        self.to_tag = ""
        self.number = 0
        """The CSeq number of the last request."""
        self._version = 0

    # ---- messages ------------------------------------------------------------------------------

    def offer(self, directions: Sequence[str] = ()) -> str:
        """The next session description, one direction for each stream."""
        self._version += 1
        text = messages.sdp(self.media_ports, self.labels, self.crypto)
        text = text.replace("SRC 1 1", f"SRC 1 {self._version}")
        head, *lines = text.split("a=sendonly")
        wanted = directions or ["sendonly"] * len(lines)
        return head + "".join(f"a={one}{rest}" for one, rest in zip(wanted, lines, strict=True))

    def request(
        self, method: str, body: str | bytes = "", *, headers: str = "", number: int | None = None
    ) -> bytes:
        """A request of this call; `number` repeats a CSeq number, else it is the next one."""
        if number is None:
            self.number += 1
            number = self.number
        content = body.encode() if isinstance(body, str) else body
        tag = f";tag={self.to_tag}" if self.to_tag else ""
        kind = f'Content-Type: multipart/mixed;boundary="{messages.BOUNDARY}"\r\n' if content else ""
        if "Content-Type:" in headers:
            kind = ""
        head = (
            f"{method} sip:srs@{HOST}:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/{self.transport.upper()} {HOST}:{self.link.own_port};rport"
            f";branch=z9hG4bK{self.call_id}{'' if method in ('CANCEL', 'INVITE') else method}{number}\r\n"
            f"From: <sip:src@example.com>;tag={self.call_id}\r\nTo: <sip:srs@{HOST}>{tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:src@{HOST}:{self.link.own_port};transport={self.transport}>;+sip.src\r\n"
            f"Require: siprec\r\n{headers}{kind}Content-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def exchange(self, data: bytes, seconds: float = PATIENCE) -> Response:
        """Send a request and give its final response."""
        self.link.send(data)
        return self.final(seconds)

    def final(self, seconds: float = PATIENCE) -> Response:
        """The next final response; requests of the server that come before are answered with 200."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.link.receive(left)
            assert message is not None, f"no answer within {seconds} s"
            if isinstance(message, Request):
                self._accept(message)
            elif message.status >= 200:
                return message
        raise AssertionError(f"no answer within {seconds} s")

    def hears_nothing_new(self, seconds: float) -> bool:
        """Whether the server asks nothing for so long; an answer that it repeats is nothing new."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if isinstance(self.link.receive(left), Request):
                return False
        return True

    def await_request(self, method: str, seconds: float = PATIENCE) -> Request:
        """Wait until the server sends a request of this method, and answer it with 200."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self.link.receive(left)
            if isinstance(message, Request):
                self._accept(message)
                if message.method == method:
                    return message
        raise AssertionError(f"no {method} within {seconds} s")

    def invite(self, body: str | bytes | None = None, *, headers: str = "") -> Response:
        """INVITE and its final response, which is not acknowledged yet."""
        content = messages.multipart(self.offer()) if body is None else body
        return self.take(self.exchange(self.request("INVITE", content, headers=headers)))

    def take(self, response: Response) -> Response:
        """Keep what the answer says: the dialog and the ports."""
        if response.status == 200:
            self.to_tag = response.to.tag or ""
            self.answer = parse_sdp(response.body)
        return response

    def ack(self) -> None:
        self.link.send(self.request("ACK", number=self.number))

    def call(self, body: str | bytes | None = None, *, headers: str = "") -> None:
        """INVITE, 200, ACK."""
        response = self.invite(body, headers=headers)
        assert response.status == 200, response.to_bytes().decode()
        self.ack()

    def reinvite(self, *directions: str) -> Response:
        """An offer with these directions, its answer, ACK."""
        response = self.take(
            self.exchange(self.request("INVITE", messages.multipart(self.offer(directions))))
        )
        self.ack()
        return response

    def bye(self) -> Response:
        return self.exchange(self.request("BYE"))

    # ---- media ---------------------------------------------------------------------------------

    @property
    def targets(self) -> list[int]:
        """The server's RTP ports, in the order of the labels."""
        assert self.answer is not None
        return [media.port for media in self.answer.media]

    def start(self, *plays: Play) -> None:
        """Send these voices, stream by stream, from now on."""
        specs = [
            play.spec(number, port)
            for play, number, port in zip(plays, self.sockets, self.targets, strict=False)
        ]
        self.sender.add_streams(specs)

    def play(self, *plays: Play) -> None:
        """Send these voices to their end."""
        self.start(*plays)
        assert self.sender.wait(PATIENCE)

    def silence(self) -> None:
        """Send nothing more."""
        self.sender.stop_streams(range(100))

    @property
    def sent(self) -> list[int]:
        """Packets sent so far, by stream in the order of `start`."""
        return [each.sent for each in self.sender.progress()]

    def close(self) -> None:
        self.sender.stop()
        self.link.close()

    def _accept(self, request: Request) -> None:
        copied = ("Via", "From", "To", "Call-ID", "CSeq")
        rows = [(name, value) for name, value in request.headers.items() if name in copied]
        head = "".join(f"{name}: {value}\r\n" for name, value in rows)
        self.link.send(f"SIP/2.0 200 OK\r\n{head}Content-Length: 0\r\n\r\n".encode())


@contextmanager
def src(port: int, transport: Transport = "udp", labels: tuple[str, ...] = ("1", "2")) -> Iterator[Src]:
    """A client that is closed at the end, whatever happens."""
    client = Src(port, transport, labels)
    try:
        yield client
    finally:
        client.close()


def renumbered(play: Play, packets: int) -> Play:
    """The same stream, going on after `packets` packets."""
    return replace(
        play, sequence=play.sequence + packets & 0xFFFF, timestamp=play.timestamp + packets * 160 & 0xFFFFFFFF
    )
