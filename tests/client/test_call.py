from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from siprecord.client import (
    CallError,
    CallPlan,
    CallReport,
    CallStatus,
    ClientDriver,
    DriverSettings,
    Party,
    SrcCall,
)
from siprecord.protocol import AckReceived, RequestReceived, TimerSettings
from siprecord.syntax.metadata import parse_metadata
from siprecord.syntax.sdp import Direction
from tests.client.recorder import (
    InstantPlayer,
    Recorder,
    accept,
    answer_early,
    listening,
    metadata_of,
    offer_of,
    refuse,
    ring,
)

PARTIES = (
    Party(name="Alice", aor="sip:alice@example.com", audio=b"\xff" * 1700),
    Party(name="Bob", aor="sip:bob@example.com", audio=b"\xd5" * 1600, codec="pcma", start=0.01),
)


def plan(port: int, parameters: str = ";transport=udp") -> CallPlan:
    return CallPlan(uri=f"sip:srs@127.0.0.1:{port}{parameters}", parties=PARTIES, linger=0.0)


async def place(
    call_plan: CallPlan,
    player: InstantPlayer,
    meanwhile: Callable[[SrcCall], object] = lambda call: None,
    *,
    force_udp: bool = True,
) -> CallReport:
    async with ClientDriver(DriverSettings(force_udp=force_udp)) as driver:
        call = SrcCall(call_plan, driver, player)
        meanwhile(call)
        return await call.run()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_is_placed_and_ended(transport: str) -> None:
    recorder, player = Recorder(accept()), InstantPlayer()
    async with listening(recorder, transport) as port:
        report = await place(plan(port, f";transport={transport}"), player)
    assert (report.ok, report.bye_failed) == (True, "")
    assert (report.status, report.code, report.transport) == (CallStatus.COMPLETED, 200, transport)
    assert report.setup_ms is not None
    assert recorder.methods == ["INVITE", "BYE"]
    assert any(isinstance(event, AckReceived) for event in recorder.events)
    assert {request.call_id for request in recorder.requests} == {report.call_id}
    assert [each.packets_sent for each in report.streams] == [11, 10]
    assert [(each.address, each.port) for each in report.streams] == [
        ("127.0.0.1", 40000),
        ("127.0.0.1", 40002),
    ]


async def test_a_bye_that_was_not_taken_is_told() -> None:
    recorder, player = Recorder(accept(), other=481), InstantPlayer()
    async with listening(recorder, "tcp") as port:
        report = await place(plan(port, ";transport=tcp"), player)
    assert (report.ok, report.bye_failed) == (True, "481 Call/Transaction Does Not Exist")


async def test_the_invite_is_a_recording_session() -> None:
    recorder = Recorder(accept())
    async with listening(recorder) as port:
        await place(plan(port), InstantPlayer())
    invite = recorder.requests[0]
    assert invite.headers.get("Require") == "siprec"
    assert invite.contact is not None
    assert "+sip.src" in invite.contact.params
    assert "rs-metadata-request" in (invite.headers.get("Accept") or "")
    assert invite.to.uri == "sip:srs@127.0.0.1"
    offer = offer_of(invite)
    assert [media.label for media in offer.media] == ["1", "2"]
    assert [media.formats for media in offer.media] == [("0",), ("8",)]
    assert [media.port for media in offer.media] == [30000, 30002]
    assert {media.direction for media in offer.media} == {Direction.SENDONLY}


async def test_the_metadata_says_who_sends_which_stream() -> None:
    recorder = Recorder(accept())
    async with listening(recorder) as port:
        await place(plan(port), InstantPlayer())
    document = parse_metadata(metadata_of(recorder.requests[0]))
    assert document.deviations == ()
    assert [each.name_ids[0].name for each in document.participants] == ["Alice", "Bob"]
    assert [each.name_ids[0].aor for each in document.participants] == [party.aor for party in PARTIES]
    labels = {stream.id: stream.label for stream in document.streams}
    sends = {
        each.participant_id: [labels[stream] for stream in each.send]
        for each in document.participant_stream_associations
    }
    hears = [[labels[s] for s in each.recv] for each in document.participant_stream_associations]
    assert [sends[person.id] for person in document.participants] == [["1"], ["2"]]
    assert hears == [["2"], ["1"]]
    assert {each.session_id for each in document.session_associations} == {document.sessions[0].id}


async def test_the_tracks_go_where_the_answer_says() -> None:
    player = InstantPlayer()
    async with listening(Recorder(accept((41000, 41002)))) as port:
        await place(plan(port), player)
    assert [track.destination for track in player.tracks] == [("127.0.0.1", 41000), ("127.0.0.1", 41002)]
    assert [track.payload_type for track in player.tracks] == [0, 8]
    assert [track.start_delay for track in player.tracks] == [0.0, 0.01]
    assert player.hosts == ["127.0.0.1", "127.0.0.1"]


async def test_a_refused_stream_is_named_and_the_other_one_is_sent() -> None:
    player = InstantPlayer()
    async with listening(Recorder(accept((0, 40002)))) as port:
        report = await place(plan(port), player)
    assert report.status is CallStatus.COMPLETED
    assert not report.ok
    assert [each.refused for each in report.streams] == ["the recorder refused it (port 0)", None]
    assert [each.packets_sent for each in report.streams] == [0, 10]


async def test_a_call_without_any_stream_is_hung_up() -> None:
    recorder = Recorder(accept((0, 0)))
    async with listening(recorder) as port:
        report = await place(plan(port), InstantPlayer())
    assert report.status is CallStatus.UNUSABLE
    assert recorder.methods == ["INVITE", "BYE"]


async def test_a_refusal_is_reported() -> None:
    recorder = Recorder(refuse(486))
    async with listening(recorder) as port:
        report = await place(plan(port), InstantPlayer())
    assert (report.status, report.code, report.ok) == (CallStatus.REFUSED, 486, False)
    assert report.reason
    assert recorder.methods == ["INVITE"]


async def test_giving_up_before_the_answer_cancels() -> None:
    calls: list[SrcCall] = []

    def ring_and_give_up(recorder: Recorder, event: RequestReceived, now: float) -> None:
        ring(recorder, event, now)
        calls[0].hang_up()

    recorder = Recorder(ring_and_give_up)
    async with listening(recorder) as port:
        report = await place(plan(port), InstantPlayer(), calls.append)
    assert (report.status, report.code) == (CallStatus.CANCELLED, 487)
    assert recorder.cancelled


async def test_impatience_cancels_too() -> None:
    recorder = Recorder(ring)
    async with listening(recorder) as port:
        report = await place(replace(plan(port), patience=0.1), InstantPlayer())
    assert report.status is CallStatus.NO_ANSWER
    assert recorder.cancelled


async def test_giving_up_after_the_answer_says_bye() -> None:
    calls: list[SrcCall] = []
    loop = asyncio.get_running_loop()
    player = InstantPlayer(stuck=True, on_play=lambda: loop.call_soon(calls[0].hang_up))
    recorder = Recorder(accept())
    async with listening(recorder) as port:
        report = await place(plan(port), player, calls.append)
    assert report.status is CallStatus.HUNG_UP
    assert recorder.methods == ["INVITE", "BYE"]
    assert player.stopped == [0, 1]


async def test_a_recorder_may_hang_up() -> None:
    recorder, player = Recorder(accept(), hang_up_at_ack=True), InstantPlayer(stuck=True)
    async with listening(recorder) as port:
        report = await place(plan(port), player)
    assert report.status is CallStatus.ENDED_BY_PEER
    assert recorder.methods == ["INVITE"]
    assert player.stopped == [0, 1]


async def test_a_dead_recorder_is_no_answer() -> None:
    timers = TimerSettings(t1=0.002)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        async with ClientDriver(DriverSettings(force_udp=True, timers=timers)) as driver:
            report = await SrcCall(plan(deaf.getsockname()[1]), driver, InstantPlayer()).run()
    assert (report.status, report.code) == (CallStatus.NO_ANSWER, None)


async def test_a_long_invite_goes_over_tcp_unless_udp_was_named() -> None:
    recorder = Recorder(accept())
    async with listening(recorder, "tcp") as port:
        report = await place(plan(port, ""), InstantPlayer(), force_udp=False)
    assert report.ok
    assert report.transport == "tcp"
    assert set(recorder.transports) == {"tcp"}


async def test_a_long_invite_falls_back_to_udp() -> None:
    recorder = Recorder(accept())
    async with listening(recorder, "udp") as port:
        report = await place(plan(port, ""), InstantPlayer(), force_udp=False)
    assert report.ok
    assert report.transport == "udp"
    assert set(recorder.transports) == {"udp"}


async def test_a_refused_connection_is_one_clear_error() -> None:
    with pytest.raises(CallError, match=r"no TCP connection to 127\.0\.0\.1:9: "):
        await place(plan(9, ";transport=tcp"), InstantPlayer())


@pytest.mark.parametrize(("parameters", "force_udp"), [(";transport=udp", True), ("", False)])
async def test_a_port_where_nobody_listens_is_told_soon(parameters: str, force_udp: bool) -> None:
    """Not after the 32 s of timer B, and also when the INVITE is so long that TCP is tried first."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    async with asyncio.timeout(10):
        report = await place(plan(port, parameters), InstantPlayer(), force_udp=force_udp)
    assert (report.status, report.code) == (CallStatus.UNREACHABLE, None)


async def test_REL_04_an_answer_that_comes_reliably_before_the_200_counts() -> None:
    """The 200 that follows has none, and comes when our PRACK has come."""
    recorder = Recorder(answer_early)
    async with listening(recorder) as port:
        report = await place(plan(port), InstantPlayer())
    assert report.ok
    assert [each.port for each in report.streams] == [40000, 40002]
    pracks = [event for event in recorder.methods if event == "PRACK"]
    assert pracks == [], "the endpoint answers it by itself"


async def test_many_calls_share_one_driver() -> None:
    recorder, player = Recorder(accept()), InstantPlayer()
    async with listening(recorder) as port, ClientDriver(DriverSettings(force_udp=True)) as driver:
        calls = [SrcCall(plan(port), driver, player) for _ in range(20)]
        reports = await asyncio.gather(*(call.run() for call in calls))
    assert all(report.ok for report in reports)
    assert len({report.call_id for report in reports}) == 20
    assert sorted(recorder.methods) == ["BYE"] * 20 + ["INVITE"] * 20


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost and 127.0.0.1, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key, cert = path.with_name("key.pem"), path.with_name("cert.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
    ]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    path.write_bytes(cert.read_bytes() + key.read_bytes())
    return path


async def call_over_tls(certificate: Path, trust: ssl.SSLContext) -> CallReport:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    async with listening(Recorder(accept()), tls=server) as port:
        settings = DriverSettings(tls=trust)
        async with ClientDriver(settings) as driver:
            call = SrcCall(plan(port, ";transport=tls"), driver, InstantPlayer())
            return await call.run()


async def test_a_call_goes_over_tls(certificate: Path) -> None:
    report = await call_over_tls(certificate, ssl.create_default_context(cafile=certificate))
    assert report.ok
    assert report.transport == "tls"


async def test_a_certificate_nobody_vouches_for_is_one_clear_error(certificate: Path) -> None:
    with pytest.raises(CallError, match=r"no TLS connection to 127\.0\.0\.1:\d+: self.signed certificate"):
        await call_over_tls(certificate, ssl.create_default_context())
