"""Calls of a dead node, in virtual time: what goes on, what is linked, what is dropped again."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from siprecord.cluster import Claim, Snapshot
from siprecord.server.callstate import encode
from siprecord.server.config import Config
from siprecord.server.continuity import call_state
from siprecord.server.publisher import RecordingContinues
from siprecord.syntax.sip import Request, Response
from siprecord.transport import ListenerInfo
from tests.support.fakes import Client, VirtualServer, sdp_in
from tests.support.messages import METADATA, multipart, request, sdp
from tests.support.recorder import TWO, body
from tests.support.recorder import sdp as offer

MINE = ListenerInfo("udp", "192.0.2.2", 5060)


class Today(VirtualServer):
    """Its wall clock is the real one: who died when is told by that."""

    def wall(self) -> datetime:
        return datetime.now(UTC)


async def node() -> Today:
    server = Today(Config.model_validate({"media": {"advertised_address": "192.0.2.2"}}))
    await server.start()
    server.handler.takeover.listeners = lambda: (MINE,)
    return server


async def a_lost_call(metadata: str = METADATA) -> tuple[Claim, str]:
    """A call whose node has just died, and the tag of its dialog."""
    server = await VirtualServer().start()
    (answer,) = server.receive(request("INVITE", "c1", body=multipart(sdp(), metadata)))
    assert isinstance(answer, Response)
    (runner,) = server.handler._running.calls.all()
    state = call_state(runner, server)
    assert state is not None
    snapshot = Snapshot(encode(state), time.time(), server.clock)
    return Claim("other", time.time() - 1, {runner.recording_id: snapshot}), answer.to.tag or ""


def bye(tag: str) -> bytes:
    return request("BYE", "c1", number=2, to_tag=tag)


async def test_R5_a_dialog_goes_on_in_a_recording_of_its_own() -> None:
    claim, tag = await a_lost_call()
    server = await node()
    links = await server.handler.takeover.take(claim)
    ((lost, ours),) = links.items()
    log = server.archive.logs[ours]
    (event,) = log.named("recording.continues")
    assert (event["recording"], event["node"], event["cause"], event["by"]) == (
        lost,
        "other",
        "failover",
        "dialog",
    )
    assert log.named("session.model")
    server.receive(request("ACK", "c1", to_tag=tag))
    (answer,) = server.receive(bye(tag))
    assert isinstance(answer, Response)
    assert answer.status == 200
    server.wait(1)
    assert server.archive.finished == [ours]


async def test_R5_a_reinvite_opens_the_streams_that_could_not_be_moved() -> None:
    claim, tag = await a_lost_call()
    server = await node()
    await server.handler.takeover.take(claim)
    server.receive(request("ACK", "c1", to_tag=tag))
    again = request("INVITE", "c1", number=2, to_tag=tag, body=multipart(sdp()))
    answer = next(one for one in server.receive(again) if isinstance(one, Response) and one.status == 200)
    description = sdp_in(answer)
    assert description.connection is not None
    assert description.connection.address == "192.0.2.2"
    assert [media.port for media in description.media] == [20000, 20002]
    assert answer.contact is not None
    assert answer.contact.uri.endswith("@192.0.2.2:5060")


async def test_R5_a_call_that_nobody_speaks_in_any_more_ends() -> None:
    claim, tag = await a_lost_call()
    server = await node()
    await server.handler.takeover.take(claim)
    server.receive(request("ACK", "c1", to_tag=tag))
    sent = server.wait(61)
    assert {message.method for message in sent if isinstance(message, Request)} == {"BYE"}
    assert not any(isinstance(message, Response) for message in sent), "the ACK has come"


async def test_R6_a_new_call_of_the_same_session_replaces_what_was_taken_over() -> None:
    claim, _ = await a_lost_call()
    server = await node()
    told: list[tuple[str, str, str]] = []
    server.handler.takeover.linked = lambda *link: told.append(link)
    ((lost, ours),) = (await server.handler.takeover.take(claim)).items()
    answer = server.receive(request("INVITE", "c2", body=multipart(sdp(), METADATA)))[-1]
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert server.archive.discarded == [ours]
    (runner,) = server.handler._running.calls.all()
    (event,) = server.archive.logs[runner.recording_id].named("recording.continues")
    assert (event["recording"], event["by"]) == (lost, "session")
    assert told == [("other", lost, runner.recording_id)]
    news = [each.recording for each in server.news if isinstance(each, RecordingContinues)]
    assert news == [lost, lost]


async def test_R6_a_call_that_came_before_the_claim_is_linked_by_it() -> None:
    claim, _ = await a_lost_call()
    server = await node()
    server.receive(request("INVITE", "c2", body=multipart(sdp(), METADATA)))
    (runner,) = server.handler._running.calls.all()
    links = await server.handler.takeover.take(claim)
    assert list(links.values()) == [runner.recording_id]
    assert server.handler.active == 1


async def test_a_further_claim_drops_nothing_that_was_taken_over_before() -> None:
    claim, _ = await a_lost_call()
    server = await node()
    links = await server.handler.takeover.take(claim)
    await server.handler.takeover.take(Claim("third", claim.seen - 60, {}))
    assert [call.id for call in server.handler.calls()] == list(links.values())
    assert server.archive.discarded == []


async def test_a_call_that_its_client_ended_has_no_successor() -> None:
    claim, tag = await a_lost_call()
    server = await node()
    await server.handler.takeover.take(claim)
    server.receive(request("ACK", "c1", to_tag=tag))
    server.receive(bye(tag))
    server.wait(1)
    server.receive(request("INVITE", "c2", body=multipart(sdp(), METADATA)))
    (runner,) = server.handler._running.calls.all()
    assert server.archive.logs[runner.recording_id].named("recording.continues") == []


async def test_R13_what_came_to_us_is_kept_though_its_node_lives() -> None:
    claim, tag = await a_lost_call()
    server = await node()
    ((lost, ours),) = (await server.handler.takeover.take(claim)).items()
    server.receive(request("ACK", "c1", to_tag=tag))
    assert not server.handler.takeover.release(lost)
    assert server.archive.discarded == []
    assert server.handler.call(ours) is not None


async def test_another_call_is_linked_to_nothing() -> None:
    claim, _ = await a_lost_call()
    server = await node()
    await server.handler.takeover.take(claim)
    client = Client(server, "c3")
    client.call(body(offer(*TWO)))
    runner = next(each for each in server.handler._running.calls.all() if each.call_id == "c3")
    assert server.archive.logs[runner.recording_id].named("recording.continues") == []


async def test_a_state_that_makes_no_sense_costs_that_call_only() -> None:
    claim, _ = await a_lost_call()
    (snapshot,) = claim.calls.values()
    state = msgspec.msgpack.decode(snapshot.document)
    flows = state["session"]["knowledge"]["told"]["flows"]
    for intervals in flows.values():
        intervals.clear()
    bad = Snapshot(msgspec.msgpack.encode(state), snapshot.wall, snapshot.monotonic)
    server = await node()
    links = await server.handler.takeover.take(Claim("other", claim.seen, {"bad": bad, **claim.calls}))
    assert list(links) == list(claim.calls)
    assert [call.id for call in server.handler.calls()] == list(links.values())


async def test_a_state_of_an_unknown_version_costs_that_call_only() -> None:
    claim, _ = await a_lost_call()
    (snapshot,) = claim.calls.values()
    bad = Snapshot(snapshot.document.replace(b"\xa7version\x01", b"\xa7version\x7f"), snapshot.wall, 0)
    assert bad.document != snapshot.document
    both = Claim(claim.node, claim.seen, {"bad": bad, **claim.calls})
    server = await node()
    assert list(await server.handler.takeover.take(both)) == list(claim.calls)
