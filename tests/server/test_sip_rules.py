"""Rules of the RFCs that endpoint and handler keep together."""

from __future__ import annotations

import pytest

from siprecord.protocol import Flow
from tests.server.test_handler import CALL, SNAPSHOT, finished, make
from tests.support.fakes import LOCAL, sdp_in
from tests.support.recorder import TWO, Line, body, sdp

UNUSABLE = body(sdp(Line(protocol="RTP/NONSENSE"), Line(label="2", protocol="RTP/NONSENSE"), version=2))


async def test_INV_01_everything_is_open_before_the_200() -> None:
    server, client = await make()
    client.request("INVITE", CALL)
    order = server.log.order
    assert order.index("open 2") < order.index("out SIP/2.0 200 OK")


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_INV_17_INV_18_UPD_02_an_unacceptable_offer_gets_488_and_changes_nothing(method: str) -> None:
    """It is refused before anything of it is done: no stream is opened, closed or changed."""
    server, client = await make()
    first = sdp_in(client.call(CALL))
    before = list(server.log.order)
    sent = server.clock
    response = client.request(method, UNUSABLE)
    assert response.status == 488
    assert "Warning" in response.headers
    assert server.clock == sent, "at once"
    if method == "INVITE":
        client.ack()
    told = [entry for entry in server.log.order[len(before) :] if not entry.startswith(("in ", "out "))]
    assert set(told) <= {"deviation"}
    assert not any(stream.closed or stream.paused for stream in server.log.streams)
    again = sdp_in(client.request("INVITE", CALL))
    assert [media.port for media in again.media] == [media.port for media in first.media]
    assert again.origin == first.origin


async def test_INV_22_a_client_that_moves_goes_on_in_the_same_streams() -> None:
    server, client = await make()
    first = sdp_in(client.call(CALL))
    moved = sdp(
        *(Line(label=one.label, port=one.port + 100) for one in TWO), address="198.51.100.99", version=2
    )
    second = sdp_in(client.request("INVITE", body(moved)))
    client.ack()
    assert [media.port for media in second.media] == [media.port for media in first.media]
    assert len(server.log.streams) == 2
    assert not any(stream.closed for stream in server.log.streams)


async def test_UAS_11_only_what_the_client_supports_is_applied_and_required() -> None:
    _, plain = await make()
    answer = plain.request("INVITE", CALL)
    assert "Require" not in answer.headers
    assert "RSeq" not in answer.headers
    _, client = await make()
    more = ("Require: siprec", "Supported: timer, 100rel", "Session-Expires: 1800;refresher=uac")
    assert client.request("INVITE", CALL, more=more).headers.get_list("Require") == ["timer"]


async def test_UPD_01_update_is_allowed_and_carries_metadata() -> None:
    server, client = await make()
    assert "UPDATE" in client.call(CALL).headers.get_list("Allow")
    before = len(server.log.named("metadata.received"))
    assert client.request("UPDATE", body(None, SNAPSHOT)).status == 200
    assert len(server.log.named("metadata.received")) == before + 1


async def test_EXT_01_all_reasons_of_a_bye_are_kept() -> None:
    server, client = await make()
    client.call(CALL)
    rows = ('Reason: SIP;cause=200;text="done, really"', "Reason: Q.850;cause=16")
    client.request("BYE", more=rows)
    server.wait(1)
    assert finished(server).reason.endswith('SIP;cause=200;text="done, really", Q.850;cause=16')
    assert any("Reason: Q.850;cause=16" in data.decode() for _, data in server.log.messages)


async def test_EXT_05_the_session_id_is_stored_and_mirrored() -> None:
    server, client = await make()
    uuid = "ab30317f1a784dc48ff824d0d3715d86"
    more = ("Require: siprec", f"Session-ID: {uuid};remote={'0' * 32}")
    answer = client.request("INVITE", CALL, more=more)
    assert (answer.headers.get("Session-ID") or "").endswith(f";remote={uuid}")
    assert any(uuid in str(event) for event in server.log.events)


async def test_SEC_14_our_requests_take_the_connection_the_client_made() -> None:
    """Its Contact may be an address behind a NAT; the connection works."""
    server, client = await make()
    client.flow = Flow("tcp", LOCAL, ("203.0.113.99", 40000), 7)
    client.call(CALL)
    recording_id = server.handler.calls()[0].id
    assert server.handler.stop_call(recording_id)
    bye = server.raw[-1]
    assert bye.data.startswith(b"BYE sip:src@198.51.100.7:5070")
    assert bye.flow == client.flow
