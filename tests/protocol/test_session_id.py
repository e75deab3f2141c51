from __future__ import annotations

import re
from uuid import UUID

import pytest

from siprecord.protocol import Answer, OutgoingRequest, RequestReceived
from siprecord.protocol.session_id import own_uuid, peer_uuid
from siprecord.syntax.sip import Request, parse_message
from tests.support.sip_peers import Peer, request

PEER = "ab30317f1a784dc48ff824d0d3715d86"
OURS = re.compile(rf"^([0-9a-f]{{32}});remote={PEER}$")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (PEER, PEER),
        (f" {PEER.upper()} ;remote={'0' * 32}", PEER),
        ("0" * 32, None),
        (PEER[:-1], None),
        (PEER + "0", None),
        ("", None),
        (None, None),
    ],
)
def test_EXT_05_the_uuid_of_the_peer(value: str | None, expected: str | None) -> None:
    message = parse_message(request(Session_ID=value))
    assert isinstance(message, Request)
    assert peer_uuid(message) == expected


def test_our_uuid_is_one_and_belongs_to_the_dialog() -> None:
    assert own_uuid("c1", "t1") == own_uuid("c1", "t1") != own_uuid("c1", "t2")
    assert UUID(own_uuid("c1", "t1")).version == 5


def test_EXT_05_both_uuids_are_in_all_we_send_even_after_a_restart() -> None:
    peer = Peer()
    peer.receive(request(Session_ID=f"{PEER};remote={'0' * 32}"))
    transaction = peer.event(RequestReceived).transaction
    peer.endpoint.respond(transaction, Answer(180), peer.now)
    peer.endpoint.respond(transaction, Answer(200), peer.now)
    found = {OURS.match(each.headers.get("Session-ID") or "") for each in peer.take()}
    assert all(found)
    ours = {match[1] for match in found if match}
    assert len(ours) == 1
    dialog = peer.endpoint.dialog_of(transaction) or ""
    snapshot = peer.endpoint.snapshot(dialog)
    assert snapshot is not None
    other = Peer(prefix="u")
    other.endpoint.restore(snapshot, 0.0)
    other.endpoint.request(dialog, OutgoingRequest("BYE"), 0.0)
    (bye,) = other.take()
    assert bye.headers.get("Session-ID") == f"{ours.pop()};remote={PEER}"


def test_EXT_05_a_peer_without_gets_none() -> None:
    peer = Peer()
    peer.receive(request())
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(200), peer.now)
    (ok,) = peer.take()
    assert "Session-ID" not in ok.headers
