"""What a recording client may send, and how it may send it."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

import pytest

from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, Transport, src
from tests.support.voices import Voice

ALICE = Voice(seed=1, seconds=0.2)
BOB = Voice(seed=2, seconds=0.2, law="pcma")
XML = "application/rs-metadata+xml"


def finish(server: RunningServer, client: Src) -> FoundRecording:
    """Speak, hang up, and check that both voices were recorded."""
    client.play(Play(voice=ALICE), Play(voice=BOB))
    assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    recording.place(0, ALICE.heard)
    recording.place(1, BOB.heard)
    return recording


def padded(length: int) -> str:
    """Metadata made that long by a comment."""
    comment = "<!--" + "x" * (length - len(messages.METADATA) - 7) + "-->"
    return messages.METADATA.replace("</recording>", comment + "</recording>")


def parts(*bodies: tuple[str, str]) -> str:
    """A multipart body of (content type, body)."""
    text = "".join(
        f"--{messages.BOUNDARY}\r\nContent-Type: {kind}\r\n\r\n{body}\r\n" for kind, body in bodies
    )
    return f"{text}--{messages.BOUNDARY}--\r\n"


def counter(server: RunningServer, start: str) -> float:
    """A line of /metrics by its beginning."""
    rows = [line for line in str(server.get("/metrics")).splitlines() if line.startswith(start)]
    return float(rows[0].rpartition(" ")[2]) if rows else 0.0


# ---- sizes and segments ------------------------------------------------------------------------------


def test_a_body_of_100_kb_over_tcp(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client:
        client.call(messages.multipart(client.offer(), padded(100_000)))
        recording = finish(server, client)
    assert (recording.directory / "metadata.xml").stat().st_size >= 100_000
    assert len(recording.metadata["participants"]) == 2


def test_an_invite_of_65_000_bytes_over_udp(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        size = 65_000 - len(
            client.request("INVITE", messages.multipart(client.offer(), padded(10_000)), number=1)
        )
        invite = client.request("INVITE", messages.multipart(client.offer(), padded(10_000 + size)))
        assert 64_900 < len(invite) < 65_100
        assert client.take(client.exchange(invite)).status == 200
        client.ack()
        recording = finish(server, client)
    assert len(recording.metadata["participants"]) == 2


def test_one_byte_at_a_time(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client:
        client.link.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in client.request("INVITE", messages.multipart(client.offer())):
            client.link.send(bytes([byte]))
        assert client.take(client.final()).status == 200
        client.ack()
        finish(server, client)


def test_several_messages_in_one_segment(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client:
        first, second = client.request("OPTIONS"), client.request("OPTIONS")
        invite = client.request("INVITE", messages.multipart(client.offer()))
        client.link.send(first + second + b"\r\n\r\n" + invite)
        answers = [client.final() for _ in range(3)]
        assert [(a.cseq.method, a.cseq.number, a.status) for a in answers] == [
            ("OPTIONS", 1, 200),
            ("OPTIONS", 2, 200),
            ("INVITE", 3, 200),
        ]
        client.take(answers[-1])
        client.ack()
        finish(server, client)


def test_two_calls_pipelined_on_one_connection(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as first, src(server.sip_port, "tcp") as second:
        second.link.close()
        second.link = first.link
        first.link.send(
            first.request("INVITE", messages.multipart(first.offer()))
            + second.request("INVITE", messages.multipart(second.offer()))
        )
        for _ in range(2):
            answer = first.final()
            {first.call_id: first, second.call_id: second}[answer.call_id].take(answer)
        first.ack()
        second.ack()
        finish(server, first)
        finish(server, second)


def test_a_body_cut_in_two_segments(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client:
        invite = client.request("INVITE", messages.multipart(client.offer(), padded(20_000)))
        client.link.send(invite[:9_000])
        assert client.link.receive(0.1) is None
        client.link.send(invite[9_000:])
        assert client.take(client.final()).status == 200
        client.ack()
        finish(server, client)


def test_a_connection_that_ends_does_not_end_the_call(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client, src(server.sip_port, "tcp") as fresh:
        client.call()
        client.link.close()
        client.link = fresh.link
        finish(server, client)


COMPACT = {
    "Via": "v",
    "From": "f",
    "To": "t",
    "Call-ID": "i",
    "Contact": "m",
    "Content-Type": "c",
    "Content-Length": "l",
}

# ---- spelling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("spelling", ["bare LF", "leading CRLF", "compact"])
def test_odd_spellings(server: RunningServer, transport: Transport, spelling: str) -> None:
    with src(server.sip_port, transport) as client:
        invite = client.request("INVITE", messages.multipart(client.offer()))
        head, _, body = invite.partition(b"\r\n\r\n")
        if spelling == "bare LF":
            invite = head.replace(b"\r\n", b"\n") + b"\n\n" + body
        elif spelling == "leading CRLF":
            invite = b"\r\n\r\n\r\n" + invite
        else:
            for long, short in COMPACT.items():
                head = head.replace(f"\r\n{long}:".encode(), f"\r\n{short} :".encode())
            invite = head + b"\r\n\r\n" + body
        assert client.take(client.exchange(invite)).status == 200
        client.ack()
        finish(server, client)


# ---- bodies ------------------------------------------------------------------------------------------

BROKEN = "<recording><participant></recording>"
UNKNOWN = ("application/vnd.example+json", '{"a": 1}')
BODIES = {
    "metadata first": ["metadata", "sdp"],
    "unknown first": ["unknown", "sdp", "metadata"],
    "unknown between": ["sdp", "unknown", "metadata"],
    "unknown last": ["sdp", "metadata", "unknown"],
    "old media type": ["sdp", "old"],
    "broken metadata": ["sdp", "broken"],
    "broken metadata first": ["broken", "sdp"],
    "empty metadata": ["sdp", "empty"],
    "no metadata": ["sdp"],
    "unknown only": ["unknown", "sdp"],
}


def body_of(client: Src, names: Sequence[str]) -> str:
    known = {
        "sdp": ("application/sdp", client.offer()),
        "metadata": (XML, messages.METADATA),
        "old": ("application/rs-metadata", messages.METADATA),
        "broken": (XML, BROKEN),
        "empty": (XML, ""),
        "unknown": UNKNOWN,
    }
    return parts(*(known[name] for name in names))


@pytest.mark.parametrize("names", BODIES.values(), ids=list(BODIES))
def test_bodies_never_cost_the_recording(server: RunningServer, names: list[str]) -> None:
    with src(server.sip_port) as client:
        client.call(body_of(client, names))
        recording = finish(server, client)
    told = " ".join(row["text"] for row in recording.metadata["deviations"])
    assert ("can't be read" in told) == ("broken" in names or "empty" in names)
    assert ("vnd.example+json was ignored" in told) == ("unknown" in names)
    if "metadata" in names or "old" in names:
        assert {p["aor"] for p in recording.metadata["participants"]} == {
            "sip:alice@example.com",
            "sip:bob@example.com",
        }
    if "broken" in names:
        assert (recording.directory / "metadata.xml").read_text().strip() == BROKEN


def test_a_plain_sdp_body(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call(client.offer(), headers="Content-Type: application/sdp\r\n")
        recording = finish(server, client)
    assert any("metadata" in row["text"] for row in recording.metadata["deviations"])


# ---- within a call -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_hold_and_resume(server: RunningServer, transport: Transport) -> None:
    """What comes on hold is not stored; the gap says why."""
    before, held, after = (Voice(seed=seed, seconds=0.4) for seed in (1, 2, 3))
    first = Play(voice=before)
    with src(server.sip_port, transport) as client:
        client.call()
        client.play(first)
        time.sleep(0.15)
        answer = client.reinvite("inactive", "sendonly")
        assert answer.status == 200
        assert b"a=inactive" in answer.body
        client.play(Play(voice=held, sequence=first.sequence + 20, timestamp=first.timestamp + 3200))
        time.sleep(0.15)
        assert client.reinvite("sendonly", "sendonly").status == 200
        client.play(Play(voice=after, sequence=first.sequence + 60, timestamp=first.timestamp + 9600))
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    start, end = recording.place(0, before.heard), recording.place(0, after.heard)
    (gap,) = [gap for gap in recording.stream(0)["gaps"] if gap["cause"] == "hold"]
    assert round(gap["start_s"] * 8000) == start + len(before.heard)
    assert round(gap["end_s"] * 8000) == end
    assert recording.stream(0)["packets_received"] == before.packets + after.packets
    assert recording.stream(0)["packets_lost"] == 0


def test_a_retransmitted_invite_gets_the_same_answer_and_no_second_call(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        invite = client.request("INVITE", messages.multipart(client.offer()))
        first = client.take(client.exchange(invite))
        assert client.exchange(invite).to_bytes() == first.to_bytes()
        client.ack()
        finish(server, client)
    assert (
        len(
            [r for r in server.recordings() if FoundRecording(r).metadata["sip"]["call_id"] == client.call_id]
        )
        == 1
    )


# ---- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("FROBNICATE", 501),
        ("BYE", 481),
        ("UPDATE", 481),
    ],
)
def test_methods_outside_a_call(server: RunningServer, method: str, status: int) -> None:
    with src(server.sip_port) as client:
        answer = client.exchange(client.request(method))
    assert answer.status == status
    if status == 405:
        assert "INVITE" in (answer.headers.get("Allow") or "")


def test_an_unknown_method_within_a_call_changes_nothing(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call()
        assert client.exchange(client.request("FROBNICATE")).status == 501
        finish(server, client)


def test_an_unknown_extension_is_420(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        answer = client.exchange(client.request("OPTIONS", headers="Require: teleport\r\n"))
    assert (answer.status, answer.headers.get("Unsupported")) == (420, "teleport")


def test_a_call_that_is_not_siprec_is_refused(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        invite = client.request("INVITE", client.offer(), headers="Content-Type: application/sdp\r\n")
        invite = invite.replace(b"Require: siprec\r\n", b"").replace(b";+sip.src", b"")
        assert client.exchange(invite).status == 404


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("fault", ["CSeq: many INVITE", "CSeq: 1 OPTIONS", "From: <>;tag"])
def test_what_cannot_be_read_is_400_and_counted(
    server: RunningServer, transport: Transport, fault: str
) -> None:
    before = counter(server, 'siprecord_sip_endpoint_total{event="malformed"}')
    with src(server.sip_port, transport) as client:
        invite = client.request("INVITE", messages.multipart(client.offer())).decode()
        name = fault.partition(":")[0]
        row = next(row for row in invite.split("\r\n") if row.startswith(name + ":"))
        assert client.exchange(invite.replace(row, fault).encode()).status == 400
    assert counter(server, 'siprecord_sip_endpoint_total{event="malformed"}') == before + 1


def test_what_cannot_be_answered_is_counted_all_the_same(server: RunningServer) -> None:
    before = counter(server, 'siprecord_sip_endpoint_total{event="malformed"}')
    with src(server.sip_port) as client:
        client.link.send(
            client.request("OPTIONS").replace(f"Call-ID: {client.call_id}".encode(), b"Call-ID:")
        )
        assert client.exchange(client.request("OPTIONS")).status == 200
    assert counter(server, 'siprecord_sip_endpoint_total{event="malformed"}') == before + 1


def test_garbage_on_a_connection_ends_it_and_nothing_else(server: RunningServer) -> None:
    with src(server.sip_port, "tcp") as client, src(server.sip_port, "tcp") as rude:
        client.call()
        rude.link.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"\0" * 1000)
        rude.link.socket.settimeout(PATIENCE)
        while rude.link.socket.recv(65535):
            pass
        finish(server, client)


def test_an_answer_names_the_labels_and_receives_only(server: RunningServer) -> None:
    with src(server.sip_port, labels=("96", "97", "left hand")) as client:
        client.call()
        assert client.answer is not None
        rows = [(media.label, str(media.direction)) for media in client.answer.media]
        assert rows == [("96", "recvonly"), ("97", "recvonly"), ("left hand", "recvonly")]
        assert all(port % 2 == 0 for port in client.targets)
        assert client.bye().status == 200
