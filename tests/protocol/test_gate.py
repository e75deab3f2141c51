"""What the endpoint asks its gate, when, and what becomes of the answer."""

from __future__ import annotations

import pytest

from siprecord.protocol import (
    Admitted,
    Answer,
    EndpointSettings,
    Flow,
    MessageRejected,
    Refusal,
    RequestReceived,
    Verdict,
)
from siprecord.protocol.gate import is_sheddable
from siprecord.syntax.sip import Request, Response
from tests.support.sip_peers import OFFER, Peer, flow_of, request

CHALLENGE = Refusal(401, "credentials are needed", (("WWW-Authenticate", "Digest x"),))


class Gate:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, verdict: Verdict = CHALLENGE) -> None:
        self.verdict = verdict
        self.flood = False
        self.quiet = False
        self.judged: list[str] = []
        self.awaited = ""
        self.waited: list[float] = []

    def awaits(self, tag: str, waited: float) -> bool:
        self.waited.append(waited)
        return tag == self.awaited

    def flooded(self, flow: Flow, now: float) -> bool:
        return self.flood

    def answers(self, flow: Flow, now: float) -> bool:
        return not self.quiet

    def judge(self, request: Request, flow: Flow, now: float) -> Verdict:
        self.judged.append(request.method)
        return self.verdict


def guarded(verdict: Verdict = CHALLENGE) -> tuple[Gate, Peer]:
    gate = Gate(verdict)
    return gate, Peer(EndpointSettings(gate=gate))


def statuses(peer: Peer, data: bytes) -> list[int]:
    return [each.status for each in peer.receive(data) if isinstance(each, Response)]


def call(peer: Peer) -> str:
    """An answered and acknowledged call; returns its To value."""
    peer.receive(request(body=OFFER, Content_Type="application/sdp"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(200), peer.now)
    (answer,) = peer.take()
    to = answer.headers.get("To") or ""
    peer.receive(request("ACK", To=to, branch="z9hG4bK-ack"))
    peer.take_events()
    return to


def test_what_is_admitted_comes_with_its_principal() -> None:
    _, peer = guarded(Admitted("sbc-1"))
    peer.receive(request())
    assert peer.event(RequestReceived).principal == "sbc-1"


def test_UAS_01_the_gate_comes_before_method_and_extensions() -> None:
    gate, peer = guarded()
    assert statuses(peer, request("PUBLISH", Require="nobody-knows")) == [401]
    gate.verdict = Admitted()
    assert statuses(peer, request("PUBLISH", Require="nobody-knows")) == [405]
    assert statuses(peer, request("OPTIONS", Require="nobody-knows")) == [420]


def test_TXN_17_a_repeated_request_is_refused_with_the_same_to_tag() -> None:
    gate, peer = guarded()
    tags = set()
    for _ in range(3):
        (answer,) = peer.receive(request())
        assert isinstance(answer, Response)
        assert (answer.status, answer.headers.get("WWW-Authenticate")) == (401, "Digest x")
        tags.add(answer.to.tag)
    assert len(tags) == 1
    assert gate.judged == ["INVITE"] * 3
    (other,) = peer.receive(request(branch="z9hG4bK-2"))
    assert other.to.tag not in tags


def test_what_is_refused_leaves_nothing_behind() -> None:
    _, peer = guarded()
    peer.receive(request())
    assert peer.event(MessageRejected).status == 401
    assert peer.endpoint.deadline() is None
    assert peer.endpoint.counters["turned_away"] == 1


def test_UAS_08_the_invite_with_credentials_is_not_merged_with_the_one_before() -> None:
    gate, peer = guarded()
    assert statuses(peer, request()) == [401]
    peer.receive(request("ACK", branch="z9hG4bK-1"))
    gate.verdict = Admitted("sbc-1")
    peer.receive(request(seq=2, branch="z9hG4bK-2"))
    assert peer.event(RequestReceived).request.cseq.number == 2


def test_UAS_08_not_even_when_it_keeps_its_cseq() -> None:
    gate, peer = guarded()
    assert statuses(peer, request()) == [401]
    gate.verdict = Admitted()
    peer.receive(request(branch="z9hG4bK-2"))
    assert peer.event(RequestReceived).request.cseq.number == 1


def test_SEC_05_ack_and_cancel_are_never_challenged() -> None:
    gate, peer = guarded(Admitted())
    peer.receive(request())
    gate.verdict, gate.judged = CHALLENGE, []
    assert statuses(peer, request("CANCEL")) == [200, 487]
    assert statuses(peer, request("CANCEL", branch="z9hG4bK-unknown")) == [481]
    assert peer.receive(request("ACK", branch="z9hG4bK-unknown")) == []
    assert gate.judged == []


def test_SEC_07_requests_within_a_dialog_are_never_challenged() -> None:
    gate, peer = guarded(Admitted())
    to = call(peer)
    gate.verdict, gate.judged = CHALLENGE, []
    peer.receive(request("BYE", To=to, seq=2, branch="z9hG4bK-bye"))
    assert peer.event(RequestReceived).request.method == "BYE"
    assert gate.judged == []


def test_silence_is_no_answer_at_all() -> None:
    _, peer = guarded(None)
    assert peer.receive(request()) == []
    assert peer.endpoint.counters["shed"] == 1


def test_OVL_03_in_a_flood_only_what_belongs_to_no_dialog_is_dropped() -> None:
    gate, peer = guarded(Admitted())
    to = call(peer)
    gate.flood = gate.quiet = True
    gate.verdict = None
    assert peer.receive(request(branch="z9hG4bK-more", Call_ID="other")) == []
    assert peer.receive(b"INVITE nonsense SIP/2.0\r\n\r\n") == []
    assert peer.receive(request("BYE", To=to + "x", branch="z9hG4bK-stray")) == []
    assert peer.receive(request("CANCEL", branch="z9hG4bK-stray")) == []
    assert peer.endpoint.counters["shed"] == 4
    peer.receive(request("BYE", To=to, seq=2, branch="z9hG4bK-bye"))
    bye = peer.event(RequestReceived)
    assert bye.request.method == "BYE"
    peer.endpoint.respond(bye.transaction, Answer(200), peer.now)
    peer.take()
    assert statuses(peer, request("BYE", To=to, seq=2, branch="z9hG4bK-bye")) == [200]


def test_repeated_requests_outside_dialogs_may_go_unanswered() -> None:
    gate, peer = guarded(Admitted())
    peer.receive(request("OPTIONS"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(200), peer.now)
    peer.take()
    assert statuses(peer, request("OPTIONS")) == [200]
    gate.quiet = True
    assert peer.receive(request("OPTIONS")) == []


def test_a_request_of_a_dialog_that_may_come_here_waits_until_it_is_there_or_given_up() -> None:
    gate, peer = guarded(Admitted())
    gate.awaited = "theirs"
    bye = request("BYE", To="<sip:a@b>;tag=theirs", branch="z9hG4bK-bye")
    assert peer.receive(bye) == []
    assert peer.receive(bye) == [], "repeated, it waits once"
    assert statuses(peer, request("BYE", To="<sip:a@b>;tag=other", branch="z9hG4bK-other")) == [481]
    assert peer.advance(1.0) == []
    assert gate.waited == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1.0])
    gate.awaited = ""
    again = request("BYE", To="<sip:a@b>;tag=theirs", branch="z9hG4bK-proxy-again")
    gate.awaited = "theirs"
    assert peer.receive(again) == [], "under another branch: nobody waits for the first one any more"
    gate.awaited = ""
    (answer,) = (each for _, each in peer.advance(1.0) if isinstance(each, Response))
    assert answer.status == 481
    assert "z9hG4bK-proxy-again" in (answer.headers.get("Via") or "")


@pytest.mark.parametrize(
    ("data", "sheddable"),
    [
        (request(), True),
        (request(extra=("Subject: tag=1",)), True),
        (b"INVITE x SIP/2.0\r\nt: <sip:a>\r\n\r\n", True),
        (b"INVITE x SIP/2.0\r\n\r\n", True),
        (b"INVITE x SIP/2.0\nt\t:\t<sip:a>\r\n ;tag=7\r\n\r\n", False),
        (b"INVITE x SIP/2.0\r\nTO : <sip:a>;TAG=7\r\n\r\n", False),
        (request(To="<sip:a@b>;tag=1"), False),
        (request("ACK"), False),
        (request("CANCEL"), False),
        (b"SIP/2.0 200 OK\r\nTo: <sip:a>\r\n\r\n", False),
        (b"\r\n" + request(), False),
    ],
)
def test_what_can_be_dropped_unread(data: bytes, sheddable: bool) -> None:
    assert is_sheddable(data) is sheddable


def test_the_flow_tells_who_the_peer_is_but_stays_the_same_flow() -> None:
    plain = flow_of("tls")
    named = Flow(plain.transport, plain.local, plain.remote, plain.connection, ("sbc.example.com",))
    assert plain == named
    assert len({plain, named}) == 1
