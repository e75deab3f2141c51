"""The flows of RFC 8068 and RFC 7866, message by message over a real endpoint (CONFORMANCE part 1J)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from siprecord.syntax.sip import Request, Response
from tests.support.fakes import Client, VirtualServer, requests_in, sdp_in
from tests.support.recorder import Line, body, multipart, part, sdp, xml

EXAMPLES = Path(__file__).parents[1] / "syntax" / "metadata" / "data" / "rfc"
ALICE, BOB, CAROL = "srfBElmCRp2QB23b7Mpk0w==", "zSfPoSvdSDCmU3A3TRDxAw==", "Atnm1ZRnOC6Pm5MApkrDzQ=="
VIDEO = {"kind": "video", "formats": "98", "more": ("a=rtpmap:98 H264/90000",)}
FOUR = (
    Line(label="96"),
    Line(label="97", port=40002, **VIDEO),  # type: ignore[arg-type]
    Line(label="98", port=40004),
    Line(label="99", port=40006, **VIDEO),  # type: ignore[arg-type]
)
MIXED = (Line(label="97"),)


def example(number: int, of: str = "rfc8068") -> bytes:
    return (EXAMPLES / f"{of}-{number:02}.xml").read_bytes()


class Flow:
    """A client and a server that have spoken so far."""

    def __init__(self, server: VirtualServer) -> None:
        self.server = server
        self.client = Client(server)

    def begin(self, lines: tuple[Line, ...], document: bytes) -> Response:
        return self.client.call(body(sdp(*lines), document))

    def tell(self, number: int, *, method: str = "UPDATE", offer: bytes | None = None) -> Response:
        response = self.client.request(method, body(offer, example(number)))
        if method == "INVITE":
            self.client.ack(("application/sdp", sdp(*FOUR)) if offer is None else (None, b""))
        assert response.status == 200
        return response

    def bye(self, document: bytes | None = None) -> Response:
        response = self.client.request("BYE", body(None, document))
        self.server.wait(1)
        return response

    @property
    def model(self) -> dict[str, Any]:
        return self.server.log.named("session.model")[-1]

    def sending(self, who: str) -> set[str]:
        return {stream["stream_id"] for stream in self.model["streams"] if who in stream.get("sending", ())}

    def people(self) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.model["participants"]}

    def labels(self, who: str) -> set[str]:
        return {
            each["label"]
            for each in self.model["streams"]
            if who in each.get("participants", ()) and "label" in each
        }


@pytest.fixture
async def flow() -> Flow:
    return Flow(await VirtualServer().start())


@pytest.mark.parametrize("method", ["UPDATE", "INVITE"])
async def test_FLOW_01_updates_by_either_method(flow: Flow, method: str) -> None:
    flow.begin(FOUR, example(1))
    for number in (2, 3):
        flow.tell(number, method=method, offer=sdp(*FOUR))
    assert len(flow.server.log.named("metadata.received")) == 3
    assert len(flow.sending(ALICE)) == 2


async def test_FLOW_02_four_streams_unmixed(flow: Flow) -> None:
    response = flow.begin(FOUR, example(1))
    assert [line.label for line in sdp_in(response).media] == ["96", "97", "98", "99"]
    assert len(flow.server.log.streams) == 4
    assert flow.labels(ALICE) | flow.labels(BOB) == {"96", "97", "98", "99"}
    assert flow.labels(ALICE).isdisjoint(flow.labels(BOB))
    (group,) = flow.model["groups"]
    assert group["extensions"]
    assert flow.model["sessions"][0]["group"] == group["id"]


async def test_FLOW_03_FLOW_04_hold_and_resume(flow: Flow) -> None:
    flow.begin(FOUR, example(1))
    before = flow.people()[ALICE]["names"]
    flow.tell(2, method="INVITE", offer=sdp(*FOUR, version=2))
    assert flow.sending(ALICE) == set()
    assert len(flow.sending(BOB)) == 2
    assert flow.people()[ALICE]["names"] == before
    assert not any(stream.paused for stream in flow.server.log.streams)
    flow.tell(3, method="INVITE", offer=sdp(*FOUR, version=3))
    assert len(flow.sending(ALICE)) == 2
    assert flow.server.log.named("stream.closed") == []


async def test_FLOW_05_transfer_within_the_session(flow: Flow) -> None:
    flow.begin(FOUR, example(1))
    moved = tuple(replace(line, port=line.port + 100) for line in FOUR)
    flow.tell(4, method="INVITE", offer=sdp(*moved, version=2))
    session = flow.model["sessions"][0]
    assert session["group"]
    assert len(session["sip_session_ids"]) == 1
    assert CAROL in flow.people()
    assert flow.sending(ALICE) == set()
    assert len(flow.sending(CAROL)) == 2
    assert len(flow.server.log.streams) == 4


async def test_FLOW_06_FLOW_07_transfer_to_a_new_session(flow: Flow) -> None:
    flow.begin(FOUR, example(1))
    flow.tell(5)
    assert all(session.get("stop_time") for session in flow.model["sessions"])
    offer = multipart(
        part("application/sdp", sdp(*FOUR, version=2)), part("application/rs-metadata", example(6))
    )
    response = flow.client.request("INVITE", offer)
    flow.client.ack()
    assert response.status == 200
    old, new = flow.model["sessions"]
    assert "ended" in old
    assert "ended" not in new
    assert flow.labels(CAROL) & {"96", "97"}


async def test_FLOW_08_a_transfer_may_be_a_new_recording_session(flow: Flow) -> None:
    flow.begin(FOUR, example(1))
    assert flow.bye(example(5)).status == 200
    other = Client(flow.server, call_id="call-2")
    assert other.call(body(sdp(*FOUR), example(6))).status == 200
    assert len(flow.server.archive.logs) == 2
    assert len(flow.server.archive.finished) == 1


async def test_FLOW_09_disconnect_with_metadata_in_the_bye(flow: Flow) -> None:
    flow.begin(FOUR, example(1))
    response = flow.bye(example(7))
    assert (response.status, response.body) == (200, b"")
    assert flow.model["sessions"][0]["stop_time"]
    log = flow.server.log
    assert log.order.index("recording.ended") > max(
        index for index, name in enumerate(log.order) if name == "metadata.received"
    )


async def test_FLOW_10_FLOW_11_FLOW_12_mixed_with_hold_and_resume(flow: Flow) -> None:
    flow.begin(MIXED, example(8))
    (stream,) = flow.model["streams"]
    assert set(stream["sending"]) == {ALICE, BOB}
    flow.tell(9)
    assert flow.sending(ALICE) == set()
    assert len(flow.model["streams"]) == 1
    flow.tell(10)
    assert set(flow.model["streams"][0]["sending"]) == {ALICE, BOB}
    assert len(flow.server.log.streams) == 1


async def test_FLOW_13_FLOW_14_one_joins_and_another_drops(flow: Flow) -> None:
    flow.begin(MIXED, example(8))
    flow.tell(11)
    assert len(flow.people()) == 3
    assert len(flow.model["sessions"][0]["sip_session_ids"]) == 3
    flow.tell(12)
    assert len(flow.model["sessions"][0]["sip_session_ids"]) == 2
    (interval,) = flow.people()[ALICE]["sessions"][0]["intervals"]
    assert None not in (interval["start"], interval["stop"])
    assert flow.sending(ALICE) == set()


async def test_FLOW_15_mixed_disconnect(flow: Flow) -> None:
    flow.begin(MIXED, example(8))
    assert flow.bye(example(13)).status == 200
    assert flow.model["sessions"][0]["stop_time"]
    assert flow.server.log.closed


async def test_FLOW_16_a_persistent_session_goes_on(flow: Flow) -> None:
    flow.begin(MIXED, example(8))
    response = flow.client.request("INVITE", multipart(part("application/rs-metadata", example(13))))
    assert [line.direction.value for line in sdp_in(response).media] == ["recvonly"]
    flow.client.ack(("application/sdp", sdp(*MIXED)))
    assert flow.model["sessions"][0]["stop_time"]
    flow.server.wait(600)
    assert flow.server.archive.finished == []
    again = flow.client.request("INVITE", body(sdp(*MIXED, version=2), example(8)))
    assert again.status == 200


async def test_FLOW_17_a_turret(flow: Flow) -> None:
    flow.begin(MIXED, example(14))
    assert len(flow.model["sessions"]) == 2
    assert len(flow.model["streams"][0]["sending"]) == 3
    assert len(flow.people()[BOB]["sessions"]) == 2


async def test_FLOW_18_the_smallest_recording(flow: Flow) -> None:
    response = flow.begin((Line(),), xml())
    assert sdp_in(response).media[0].direction.value == "recvonly"
    assert flow.bye().status == 200
    assert flow.server.log.named("recording.ended")[0]["outcome"] == "complete"


async def test_FLOW_19_snapshot_request_and_new_snapshot(flow: Flow) -> None:
    client, server = flow.client, flow.server
    client.request(
        "INVITE", body(sdp(*MIXED), example(11)), more=("Require: siprec", "Allow: INVITE, ACK, BYE, UPDATE")
    )
    asked = requests_in(client.ack(), "UPDATE")
    assert [b"requestsnapshot" in each.body for each in asked] == [True]
    server.receive(_ok(asked[0]))
    client.request("INVITE", body(sdp(*MIXED, version=2), example(8)))
    client.ack()
    flow.tell(12)
    live = [each for each in flow.model["participants"] if "ended" not in each]
    assert {each["id"] for each in live} == {ALICE, BOB}
    assert flow.sending(ALICE) == set()


def _ok(request: Request) -> bytes:
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    rows = [f"{name}: {row}" for name in names for row in request.headers.get_all(name)]
    return "\r\n".join(["SIP/2.0 200 OK", *rows, "Content-Length: 0", "", ""]).encode()
