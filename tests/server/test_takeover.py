"""A client that comes back in another dialog: by Replaces in the same recording, else as its continuation."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from siprecord.protocol import Flow
from siprecord.recording.succession import Candidate, Newcomer
from siprecord.server import relations
from siprecord.server.config import Config
from siprecord.server.publisher import DialogReplaced, RecordingContinues, RecordingFinished
from siprecord.server.trunk_config import TrunkConfig
from siprecord.syntax.sip import Response
from tests.server.test_handler import CALL, SNAPSHOT, finished, make
from tests.support.fakes import LOCAL, Client, VirtualServer, requests_in, sdp_in
from tests.support.recorder import TWO, Line, body, sdp

STANDBY = Flow("udp", LOCAL, ("198.51.100.8", 5070))


def replacing(server: VirtualServer, first: Client, flow: Flow = STANDBY) -> tuple[Client, tuple[str, ...]]:
    """Another node of the same client, and the rows by which its INVITE takes over."""
    value = f"{first.call_id};to-tag={first.to_tag};from-tag={first.call_id}"
    return Client(server, "call-2", flow=flow), (f"Replaces: {value}", "Require: siprec, replaces")


async def test_EXT_03_a_new_dialog_takes_the_recording_over() -> None:
    server, first = await make()
    before = sdp_in(first.call(body(sdp(*TWO), SNAPSHOT)))
    second, rows = replacing(server, first)
    sent = server.receive(second.message("INVITE", CALL, more=rows), second.flow)
    answer, bye = sent
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert [media.port for media in sdp_in(answer).media] == [media.port for media in before.media]
    assert (bye.call_id, bye.headers.get("Reason")) == (
        "call-1",
        'SIP;cause=200;text="Another dialog has replaced this one"',
    )
    second.to_tag = answer.to.tag or ""
    second.ack()
    assert server.handler.active == 1
    assert not any(stream.closed for stream in server.log.streams)
    (event,) = server.log.named("dialog.replaced")
    assert (event["call_id"], event["replaced"], event["source"]) == ("call-2", "call-1", "198.51.100.8:5070")
    assert second.request("BYE").status == 200
    server.wait(1)
    assert finished(server).outcome == "complete"
    assert [each.source for each in server.news if isinstance(each, DialogReplaced)] == ["198.51.100.8:5070"]
    server.wait(40)
    assert server.endpoint._core.dialogs == {}


async def test_EXT_03_the_messages_of_both_dialogs_are_in_the_log() -> None:
    server, first = await make()
    first.call(CALL)
    second, rows = replacing(server, first)
    assert second.request("INVITE", CALL, more=rows).status == 200
    second.ack()
    second.request("BYE")
    lines = [entry for entry in server.log.order if entry.startswith(("in ", "out "))]
    assert [line.split()[1] for line in lines if line.startswith("in ")] == [
        "INVITE",
        "ACK",
        "INVITE",
        "ACK",
        "BYE",
    ]
    assert sum(line.startswith("out BYE") for line in lines) == 1


async def test_EXT_03_the_old_dialog_is_over_and_can_t_end_the_recording() -> None:
    server, first = await make()
    first.call(CALL)
    second, rows = replacing(server, first)
    assert second.request("INVITE", CALL, more=rows).status == 200
    assert first.request("BYE").status == 481
    assert first.request("INVITE", CALL).status == 481
    server.wait(1)
    assert server.handler.active == 1


async def test_EXT_03_its_bye_waits_for_the_ack_of_the_old_dialog() -> None:
    server, first = await make()
    first.request("INVITE", CALL)
    second, rows = replacing(server, first)
    sent = server.receive(second.message("INVITE", CALL, more=rows), second.flow)
    assert requests_in(sent, "BYE") == []
    first.number = 1
    assert len(requests_in(first.ack(), "BYE")) == 1
    assert server.handler.active == 1


async def test_EXT_03_streams_go_on_where_the_labels_are_the_same() -> None:
    server, first = await make()
    first.call(CALL)
    second, rows = replacing(server, first)
    other = body(sdp(Line(label="1"), Line(label="3"), Line(label="2")))
    assert len(sdp_in(second.request("INVITE", other, more=rows)).media) == 3
    assert [(stream.plan.name, stream.closed) for stream in server.log.streams] == [
        ("1", False),
        ("2", True),
        ("3", False),
        ("2#2", False),
    ]
    second.ack()
    assert len(sdp_in(second.request("INVITE", other)).media) == 3


async def test_EXT_03_a_dialog_with_fewer_streams_ends_the_others() -> None:
    server, first = await make()
    first.call(CALL)
    second, rows = replacing(server, first)
    assert second.request("INVITE", body(sdp(Line(label="1"))), more=rows).status == 200
    assert [stream.closed for stream in server.log.streams] == [False, True]


UNUSABLE = body(sdp(Line(protocol="RTP/NONSENSE")))


@pytest.mark.parametrize("content", [UNUSABLE, (None, b"")])
async def test_EXT_03_what_is_refused_leaves_the_old_dialog_as_it_is(
    content: tuple[str | None, bytes],
) -> None:
    server, first = await make()
    first.call(CALL)
    second, rows = replacing(server, first)
    assert second.request("INVITE", content, more=rows).status == 488
    assert not any(stream.closed for stream in server.log.streams)
    assert first.request("BYE").status == 200
    server.wait(1)
    assert finished(server).outcome == "complete"


async def test_EXT_03_a_recording_that_ends_is_not_taken_over() -> None:
    server, first = await make()
    first.call(CALL)
    server.handler.stop_call("20261121T031500Z-000000000001")
    second, rows = replacing(server, first)
    assert second.request("INVITE", CALL, more=rows).status == 603


async def test_EXT_03_another_trunk_may_not() -> None:
    trunks = (
        TrunkConfig.model_validate({"name": "own", "sources": ["198.51.100.7"]}),
        TrunkConfig.model_validate({"name": "other", "sources": ["198.51.100.8"]}),
    )
    server = await VirtualServer(Config(trunks=trunks)).start()
    first = Client(server)
    first.call(CALL)
    second, rows = replacing(server, first)
    assert second.request("INVITE", CALL, more=rows).status == 403
    assert first.request("BYE").status == 200


async def test_EXT_03_a_full_or_draining_server_lets_a_running_call_go_on() -> None:
    server, first = await make()
    first.call(CALL)
    server.problems.append("The disk is nearly full")
    second, rows = replacing(server, first)
    assert Client(server, "call-3").request("INVITE", CALL).status == 503
    assert second.request("INVITE", CALL, more=rows).status == 200


async def test_R6_a_client_that_calls_again_is_recorded_as_the_continuation() -> None:
    """It crashed: its old dialog is still there, and nothing has come from it for a while."""
    server, first = await make()
    content = body(sdp(*TWO), SNAPSHOT)
    first.call(content)
    server.log.streams[0].counted.last_arrival_ns = int(server.wall().timestamp() * 1e9)
    server.wait(5)
    again = Client(server, "call-2")
    again.call(content)
    (event,) = next(log for log in server.archive.logs.values() if log.named("recording.continues")).named(
        "recording.continues"
    )
    assert (event["recording"], event["by"], event["gap_s"]) == (
        "20261121T031500Z-000000000001",
        "session",
        5.0,
    )
    assert [each.recording for each in server.news if isinstance(each, RecordingContinues)] == [
        event["recording"]
    ]
    assert server.handler.active == 2
    assert again.request("BYE").status == 200
    server.wait(1)
    assert len([each for each in server.news if isinstance(each, RecordingFinished)]) == 1


async def test_R6_two_recordings_of_a_call_at_a_time_continue_nothing() -> None:
    server, first = await make()
    content = body(sdp(*TWO), SNAPSHOT)
    first.call(content)
    server.wait(5)
    server.log.streams[1].counted.last_arrival_ns = int(server.wall().timestamp() * 1e9)
    Client(server, "call-2").call(content)
    assert not any(log.named("recording.continues") for log in server.archive.logs.values())


async def test_an_id_that_all_calls_share_costs_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may number its groups from 1 in each call: only the latest call of an id is looked at."""
    asked: list[int] = []

    def count(newcomer: Newcomer, candidates: Iterable[Candidate]) -> None:
        asked.append(len(list(candidates)))

    monkeypatch.setattr(relations, "find_predecessor", count)
    server, _ = await make()
    clients = [Client(server, f"shared-{number}") for number in range(4)]
    for client in clients:
        client.call(body(sdp(*TWO), SNAPSHOT))
    assert asked == [1, 1, 1], "the first has none before it"
    for client in clients:
        client.request("BYE")
    server.wait(1)
    Client(server, "later").call(body(sdp(*TWO), SNAPSHOT))
    assert asked == [1, 1, 1], "those that are over are forgotten"
