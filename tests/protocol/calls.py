"""A recorder in a call, and a client that has sent an INVITE, for the tests of both sides."""

from __future__ import annotations

from typing import Any

from siprecord.protocol import (
    Address,
    Answer,
    EndpointSettings,
    Flow,
    InviteSpec,
    MessageRejected,
    OutOfDialogRequest,
    RequestReceived,
)
from siprecord.syntax.sip import Request, Response
from tests.support.sip_peers import ANSWER, OFFER, SRC, SRS, Peer, request, response

OK = Answer(200, content_type="application/sdp", body=ANSWER)
SDP: dict[str, Any] = {"body": OFFER, "Content_Type": "application/sdp"}
OUT = Flow("udp", SRC, SRS)
STREAM = Flow("tcp", SRC, SRS, 4)


class Call(Peer):
    """A recorder that has answered one INVITE, and the other side's means to go on."""

    def __init__(self, settings: EndpointSettings | None = None, *, ack: bool = True, **fields: Any) -> None:
        super().__init__(settings)
        self.receive(request(**SDP, **fields))
        self.transaction = self.event(RequestReceived).transaction
        self.endpoint.respond(self.transaction, OK, self.now)
        (self.ok,) = self.take()
        self.dialog = self.endpoint.dialog_of(self.transaction) or ""
        self.to = self.ok.headers.get("To")
        if ack:
            self.acknowledge()
            self.take_events()

    def acknowledge(self, seq: int = 1) -> None:
        self.receive(self.inside("ACK", seq=seq, branch=f"z9hG4bK-ack{seq}"))

    def inside(self, method: str, *, seq: int = 2, **fields: Any) -> bytes:
        fields = {"To": self.to, "branch": f"z9hG4bK-{method}{seq}"} | fields
        return request(method, seq=seq, **fields)

    def status(self, data: bytes) -> int | None:
        """What the recorder answers by itself."""
        sent = [each for each in self.receive(data) if isinstance(each, Response)]
        return sent[0].status if sent else None

    def ask(self, data: bytes, answer: Answer = OK) -> Response:
        """Let the user answer."""
        self.receive(data)
        self.endpoint.respond(self.event(RequestReceived).transaction, answer, self.now)
        (sent,) = self.take()
        assert isinstance(sent, Response)
        return sent


def refused(peer: Peer, data: bytes) -> Response:
    (sent,) = peer.receive(data)
    assert isinstance(sent, Response)
    assert peer.event(MessageRejected).status == sent.status
    return sent


def spec(flow: Flow = OUT, **fields: Any) -> InviteSpec:
    given: dict[str, Any] = {
        "request_uri": "sip:srs@203.0.113.5",
        "from_": "<sip:src@192.0.2.10>",
        "to": "<sip:srs@203.0.113.5>",
        "flow": flow,
        "content_type": "application/sdp",
        "body": OFFER,
    }
    return InviteSpec(**(given | fields))


def ping(flow: Flow = OUT) -> OutOfDialogRequest:
    return OutOfDialogRequest(
        method="OPTIONS", request_uri="sip:203.0.113.5", from_="<sip:a@b>", to="<sip:c@d>", flow=flow
    )


class Caller(Peer):
    """A client that has sent an INVITE."""

    def __init__(self, flow: Flow = OUT, **fields: Any) -> None:
        super().__init__(EndpointSettings(contact_parameters="+sip.src", max_datagram_request=None))
        self.flow = flow
        self.transaction = self.endpoint.invite(spec(flow, **fields), 0.0)
        (self.invite,) = self.take()
        assert isinstance(self.invite, Request)

    def hears(self, status: int, **fields: Any) -> list[str]:
        """Take a response to the INVITE; returns the methods of what is sent because of it."""
        sent = self.receive(response(self.invite.to_bytes(), status, **fields), self.flow)
        self.last = sent[-1] if sent else None
        return [each.method for each in sent if isinstance(each, Request)]


def times(peer: Peer, seconds: float) -> list[tuple[float, str]]:
    return [(at, sent.method) for at, sent in peer.advance(seconds) if isinstance(sent, Request)]


def refuse(peer: Peer, remote: Address = SRS) -> None:
    """The kernel tells that nothing takes what was sent there, perhaps from another socket's address."""
    peer.endpoint.unreachable(Flow("udp", ("0.0.0.0", SRC[1]), remote), peer.now)
