"""The handler over a real SIP endpoint, in virtual time, with fakes for media and disk."""

from __future__ import annotations

import pytest

from siprecord.protocol import Flow, SessionExpired
from siprecord.server.config import Config
from siprecord.server.publisher import CallRefused, RecordingEvent, RecordingFinished
from siprecord.server.recording_config import RecordingConfig
from siprecord.server.trunk_config import TrunkConfig
from siprecord.syntax.sip import Response
from tests.support.fakes import LOCAL, Client, VirtualServer, requests_in, sdp_in
from tests.support.recorder import TWO, Line, body, sdp, uid, xml

CALL = body(sdp(*TWO))
SNAPSHOT = xml(
    f'<session session_id="{uid(1)}"/>',
    f'<participant participant_id="{uid(2)}"><nameID aor="sip:alice@example.com"><name>Alice</name></nameID>'
    "</participant>",
    f'<stream stream_id="{uid(3)}" session_id="{uid(1)}"><label>1</label></stream>',
    f'<participantstreamassoc participant_id="{uid(2)}"><send>{uid(3)}</send></participantstreamassoc>',
)


async def make(**recording: object) -> tuple[VirtualServer, Client]:
    config = Config(recording=RecordingConfig.model_validate(recording))
    server = await VirtualServer(config).start()
    return server, Client(server)


def finished(server: VirtualServer) -> RecordingFinished:
    (event,) = [each for each in server.news if isinstance(each, RecordingFinished)]
    return event


async def test_a_call_is_recorded_from_invite_to_end() -> None:
    server, client = await make()
    response = client.request("INVITE", body(sdp(*TWO), SNAPSHOT))
    assert response.status == 200
    assert [media.port for media in sdp_in(response).media] == [20000, 20002]
    client.ack()
    assert server.handler.active == 1
    assert client.request("BYE").status == 200
    assert server.archive.finished == []
    server.wait(1)
    assert len(server.archive.finished) == 1
    assert server.handler.active == 0
    assert finished(server).outcome == "complete"


async def test_the_log_tells_the_call_in_order() -> None:
    server, client = await make()
    client.call(body(sdp(*TWO), SNAPSHOT))
    client.request("BYE")
    server.wait(1)
    assert [entry for entry in server.log.order if entry != "deviation"] == [
        "in INVITE sip:recorder@192.0.2.1 SIP/2.0",
        "recording.started",
        "digits.policy",
        "open 1",
        "stream.opened",
        "open 2",
        "stream.opened",
        "metadata.received",
        "session.model",
        "out SIP/2.0 200 OK",
        "in ACK sip:recorder@192.0.2.1 SIP/2.0",
        "in BYE sip:recorder@192.0.2.1 SIP/2.0",
        "out SIP/2.0 200 OK",
        "session.model",
        "recording.ended",
    ]


async def test_the_first_events_have_what_readers_need() -> None:
    server, client = await make()
    client.call(body(sdp(*TWO), SNAPSHOT))
    (started,) = server.log.named("recording.started")
    assert started["recording_id"] == "20261121T031500Z-000000000001"
    assert started["call_id"] == "call-1"
    assert started["from"] == "sip:src@example.com"
    assert started["source"] == "198.51.100.7:5070"
    assert started["time_ns"] == 1795230900 * 10**9
    opened = server.log.named("stream.opened")[0]
    assert (opened["interface"], opened["label"], opened["rtp_port"]) == (1, "1", 20000)
    assert opened["payloads"]["0"] == {"encoding": "PCMU", "rate": 8000, "channels": 1}
    (model,) = server.log.named("session.model")
    assert model["streams"][0]["participants"] == [uid(2)]
    assert model["participants"][0]["name"] == "Alice"


async def test_RSEC_14_keys_never_reach_the_log() -> None:
    server, client = await make()
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
    client.request("INVITE", body(sdp(Line(more=(crypto,)))))
    assert b"c2VjcmV0" not in b"".join(data for _, data in server.log.messages)


async def test_credentials_never_reach_the_log() -> None:
    server, client = await make()
    credentials = 'Authorization: Digest username="u", realm="r", nonce="n", uri="sip:x", response="5ec4e7"'
    client.request("INVITE", CALL, more=("Require: siprec", credentials))
    logged = b"".join(data for _, data in server.log.messages)
    assert b'username="u"' in logged
    assert b"5ec4e7" not in logged


async def test_BODY_13_ANS_16_headers_of_the_answer() -> None:
    _, client = await make()
    response = client.request("INVITE", body(sdp(*TWO), SNAPSHOT))
    assert response.headers.get("Content-Type") == "application/sdp"
    assert "multipart/mixed" in (response.headers.get("Accept") or "")
    assert "INVITE" in (response.headers.get("Allow") or "")
    assert response.contact is not None
    assert "+sip.srs" in response.contact.params


async def test_ANS_02_retransmissions_are_identical() -> None:
    server, client = await make()
    client.request("INVITE", CALL)
    answers = [each.data for each in server.raw if b"SIP/2.0 200" in each.data]
    server.wait(3)
    again = [each.data for each in server.raw if b"SIP/2.0 200" in each.data]
    assert len(again) > len(answers)
    assert set(again) == set(answers)


async def test_RS_06_a_plain_call_is_refused_and_leaves_nothing() -> None:
    server, client = await make()
    plain = client.message("INVITE", CALL, more=()).replace(b";+sip.src", b"")
    (response,) = server.receive(plain)
    assert isinstance(response, Response)
    assert response.status == 404
    assert server.archive.logs == {}
    assert isinstance(server.news[-1], CallRefused)


async def test_RS_06_a_plain_call_may_be_recorded() -> None:
    server, client = await make(non_siprec="accept")
    plain = client.message("INVITE", CALL, more=()).replace(b";+sip.src", b"")
    server.receive(plain)
    assert "plain call" in server.log.named("deviation")[0]["text"]


async def test_RESP_03_an_unlisted_source_is_refused_before_anything_is_spent() -> None:
    trunk = TrunkConfig(name="lab", sources=("192.0.2.0/24",))
    server = await VirtualServer(Config(trunks=(trunk,))).start()
    client = Client(server)
    assert client.request("INVITE", CALL).status == 403
    assert server.archive.logs == {}


async def test_OVL_03_full_means_503_for_new_calls_only() -> None:
    server = await VirtualServer(Config(max_concurrent_calls=1)).start()
    first, second = Client(server, "call-1"), Client(server, "call-2")
    first.call(CALL)
    assert second.request("INVITE", CALL).status == 503
    assert first.request("INVITE", CALL).status == 200


async def test_no_port_left_is_503_and_discards_the_log() -> None:
    server, client = await make()
    server.archive.ports = 0
    assert client.request("INVITE", CALL).status == 503
    assert len(server.archive.discarded) == 1
    assert server.handler.active == 0


async def test_an_unwritable_spool_is_503() -> None:
    server, client = await make()
    server.archive.full = True
    assert client.request("INVITE", CALL).status == 503
    assert server.handler.active == 0


async def test_a_known_problem_is_503_with_retry_after() -> None:
    server, client = await make(retry_after_s=30)
    server.problems = ["The disk is nearly full"]
    response = client.request("INVITE", CALL)
    assert response.status == 503
    assert response.headers.get("Retry-After") == "30"
    assert "nearly full" in (response.headers.get("Warning") or "")
    assert server.archive.logs == {}


async def test_UAS_12_RS_15_options_says_what_an_invite_would_get() -> None:
    server, client = await make()
    response = client.request("OPTIONS")
    assert response.status == 200
    assert response.contact is not None
    assert "+sip.srs" in response.contact.params
    for header in ("Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"):
        assert header in response.headers
    server.problems = ["The disk is full"]
    assert client.request("OPTIONS").status == 503


async def test_UAS_13_options_within_a_call_changes_nothing() -> None:
    server, client = await make()
    client.call(CALL)
    server.problems = ["The disk is full"]
    assert client.request("OPTIONS").status == 200
    assert server.handler.active == 1


async def test_ARCH_05_draining_refuses_new_calls_and_keeps_the_old() -> None:
    server, client = await make()
    client.call(CALL)
    server.handler.draining = True
    assert Client(server, "call-2").request("INVITE", CALL).status == 503
    assert client.request("UPDATE").status == 200


async def test_drain_hangs_up_what_is_left_and_keeps_it() -> None:
    server, client = await make()
    client.call(CALL)
    assert await server.handler.drain(0, 0) is False
    (bye,) = requests_in(server.sent, "BYE")
    assert "shut down" in (bye.headers.get("Reason") or "")
    assert finished(server).outcome == "drained"
    assert server.handler.active == 0


async def test_stop_closes_the_archive() -> None:
    server, _ = await make()
    await server.handler.stop()
    assert server.archive.was_closed


async def test_INV_08_drain_before_the_ack_does_not_overtake_it() -> None:
    server, client = await make()
    client.request("INVITE", CALL)
    recording_id = server.handler.calls()[0].id
    server.handler.stop_call(recording_id)
    assert requests_in(server.sent, "BYE") == []
    assert len(requests_in(client.ack(), "BYE")) == 1


async def test_a_call_without_ack_ends_and_keeps_what_was_recorded() -> None:
    server, client = await make()
    client.request("INVITE", CALL)
    server.wait(40)
    assert finished(server).outcome == "no_ack"
    assert len(server.archive.finished) == 1
    assert len(requests_in(server.sent, "BYE")) >= 1


async def test_hold_stores_nothing_and_says_so() -> None:
    server, client = await make()
    client.call(CALL)
    held = sdp(Line(direction="inactive"), Line(label="2", direction="inactive"))
    assert client.request("INVITE", body(held)).status == 200
    client.ack()
    assert all(stream.paused for stream in server.log.streams)
    assert [event["cause"] for event in server.log.named("stream.paused")] == ["hold", "hold"]
    client.request("INVITE", CALL)
    client.ack()
    assert not any(stream.paused for stream in server.log.streams)
    assert len(server.log.named("stream.resumed")) == 2


async def test_streams_come_and_go() -> None:
    server, client = await make()
    client.call(CALL)
    client.request("INVITE", body(sdp(*TWO, Line(label="3", port=40004))))
    client.ack()
    client.request("INVITE", body(sdp(Line(port=0), TWO[1], Line(label="3", port=40004))))
    client.ack()
    assert [stream.closed for stream in server.log.streams] == [True, False, False]
    assert server.log.named("stream.closed") == [
        {"event": "stream.closed", "time_ns": 1795230900 * 10**9, "interface": 1}
    ]
    assert [stream.name for stream in server.handler.calls()[0].streams] == ["2", "3"]


async def test_ANS_03_metadata_only_reinvite() -> None:
    server, client = await make()
    first = client.call(CALL)
    response = client.request("INVITE", body(None, SNAPSHOT))
    assert response.headers.get("Content-Type") == "application/sdp"
    assert sdp_in(response).media == sdp_in(first).media
    client.ack(CALL)
    assert server.handler.calls()[0].participants[0].name == "Alice"


@pytest.mark.parametrize("method", ["UPDATE", "INFO"])
async def test_MDP_01_metadata_by_other_methods(method: str) -> None:
    server, client = await make()
    client.call(CALL)
    response = client.request(method, body(None, SNAPSHOT))
    assert (response.status, response.body) == (200, b"")
    assert server.handler.calls()[0].participants[0].aor == "sip:alice@example.com"


async def test_MDP_06_a_repeated_request_is_applied_once() -> None:
    server, client = await make()
    client.call(CALL)
    update = client.message("UPDATE", body(None, SNAPSHOT))
    server.receive(update)
    server.receive(update)
    assert len(server.log.named("metadata.received")) == 1


async def test_MDP_08_a_first_partial_asks_for_a_snapshot() -> None:
    _, client = await make()
    partial = xml(f'<session session_id="{uid(1)}"/>', mode="partial")
    client.request("INVITE", body(sdp(*TWO), partial), more=("Require: siprec", "Allow: INVITE, UPDATE"))
    (update,) = requests_in(client.ack(), "UPDATE")
    assert update.headers.get("Content-Type") == "application/rs-metadata+xml"
    assert update.headers.get("Content-Disposition") == "recording-session"
    assert "siprec" in (update.headers.get("Require") or "")
    assert b"requestsnapshot" in update.body


async def test_silence_ends_the_call_where_configured() -> None:
    server, client = await make(media_timeout_s=60, end_on_media_timeout=True)
    client.call(CALL)
    server.wait(90)
    assert finished(server).outcome == "no_media"
    assert len(requests_in(server.sent, "BYE")) >= 1


async def test_a_full_disk_in_mid_call_costs_the_log_not_the_call() -> None:
    server, client = await make()
    client.call(CALL)
    server.log.broken = True
    assert client.request("UPDATE", body(None, SNAPSHOT)).status == 200
    server.log.broken = False
    assert client.request("BYE").status == 200
    server.wait(1)
    assert finished(server).outcome == "complete"


async def test_a_failing_subscriber_costs_nothing() -> None:
    server, client = await make()

    def fail(event: RecordingEvent) -> None:
        raise RuntimeError("no")

    server.handler.subscribe(fail)
    assert client.call(CALL).status == 200


async def test_a_fault_of_ours_closes_the_recording() -> None:
    server, client = await make()
    client.call(CALL)
    dialog = server.dialog()
    server.handler.failed(SessionExpired(dialog), RuntimeError("no"), server.clock)
    assert finished(server).outcome == "failed"
    assert server.handler.active == 0
    assert server.sent[-1].cseq.method == "BYE"


async def test_a_fault_while_a_timer_is_served_ends_the_call_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = await VirtualServer(Config(recording=RecordingConfig(media_timeout_s=5))).start()
    Client(server).call(CALL)

    def fail(self: object, now: float) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("siprecord.server.runner.CallRunner.expire", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        server.wait(10)
    assert finished(server).outcome == "failed"
    assert server.sent[-1].cseq.method == "BYE"
    assert server.handler.active == 0


async def test_ARCH_04_a_request_in_an_unknown_dialog_gets_481() -> None:
    _, client = await make()
    client.to_tag = "unknown"
    assert client.request("BYE").status == 481


async def test_calls_are_described() -> None:
    server, client = await make()
    client.call(body(sdp(*TWO), SNAPSHOT))
    stats = server.log.streams[0].counted
    stats.packets, stats.last_arrival_ns = 50, int((server.wall().timestamp() - 0.5) * 1e9)
    server.clock += 10
    (info,) = server.handler.calls()
    assert (info.call_id, info.state, info.packets, info.duration_s) == ("call-1", "active", 50, 10.0)
    assert info.streams[0].last_packet_s == pytest.approx(10.5)
    assert info.streams[0].participants == (uid(2),)
    assert info.streams[1].last_packet_s is None
    assert server.handler.call(info.id) == info
    assert server.handler.call("nobody") is None


async def test_pause_and_resume_from_outside() -> None:
    server, client = await make()
    client.call(CALL)
    (info,) = server.handler.calls()
    assert server.handler.pause(info.id)
    assert all(stream.paused for stream in server.log.streams)
    assert server.handler.calls()[0].paused
    assert server.handler.resume(info.id)
    assert not any(stream.paused for stream in server.log.streams)
    assert not server.handler.pause("nobody")


async def test_two_calls_do_not_mix() -> None:
    server, first = await make()
    second = Client(server, "call-2", flow=Flow("udp", LOCAL, ("198.51.100.8", 5070)))
    first.call(CALL)
    second.call(body(sdp(*TWO), SNAPSHOT))
    logs = list(server.archive.logs.values())
    assert logs[0].named("metadata.received") == []
    assert all(b"Call-ID: call-2" in data for _, data in logs[1].messages)


async def test_idle_calls_leave_no_timer_behind() -> None:
    server, client = await make(media_timeout_s=0)
    client.call(CALL)
    client.request("BYE")
    server.wait(60)
    assert server.deadlines == []
    assert server.handler._running.supervisor.timers == {}
