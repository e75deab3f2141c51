"""Rows of the conformance list that show only in whole messages between a client and the server."""

from __future__ import annotations

import pytest

from siprecord.syntax.sip import Request, Response
from tests.support.fakes import Client, VirtualServer, requests_in, sdp_in
from tests.support.recorder import TWO, Line, body, metadata_part, multipart, part, sdp, uid, xml

S1, S2, A, X1, X2 = uid(1), uid(2), uid(3), uid(4), uid(5)
SESSION = f'<session session_id="{S1}"/>'
ALICE = f'<participant participant_id="{A}"><nameID aor="sip:alice@example.com"/></participant>'
COMPLETE = xml(SESSION, ALICE)
PARTIAL = xml(ALICE, mode="partial")
ALLOW = ("Require: siprec", "Allow: INVITE, ACK, BYE, UPDATE")


@pytest.fixture
async def server() -> VirtualServer:
    return await VirtualServer().start()


@pytest.fixture
def client(server: VirtualServer) -> Client:
    return Client(server)


def final(server: VirtualServer, message: bytes) -> Response:
    return [each for each in server.receive(message) if isinstance(each, Response) and each.status >= 200][-1]


def test_RS_03_every_answer_that_refreshes_the_dialog_is_marked(client: Client) -> None:
    answers = [client.call(body(sdp(*TWO)))]
    answers.append(client.request("INVITE", body(sdp(*TWO, version=2))))
    client.ack()
    answers.append(client.request("UPDATE", body(sdp(*TWO, version=3))))
    assert all("+sip.srs" in (answer.contact.params if answer.contact else {}) for answer in answers)


def test_RS_09_ARCH_01_sessions_come_and_go_in_one_recording(client: Client, server: VirtualServer) -> None:
    first = f'<stream stream_id="{X1}" session_id="{S1}"><label>1</label></stream>'
    second = f'<stream stream_id="{X2}" session_id="{S2}"><label>2</label></stream>'
    client.call(body(sdp(Line()), xml(SESSION, first)))
    other = f'<session session_id="{S2}"/>'
    client.request("INVITE", body(sdp(*TWO, version=2), xml(other, second, mode="partial")))
    client.ack()
    stop = f'<session session_id="{S1}"><stop-time>2026-11-21T03:20:00Z</stop-time></session>'
    gone = (Line(port=0), Line(label="2", port=40002))
    client.request("INVITE", body(sdp(*gone, version=3), xml(stop, mode="partial")))
    client.ack()
    sessions = server.log.named("session.model")[-1]["sessions"]
    assert [(each["id"], "stop_time" in each) for each in sessions] == [(S1, True), (S2, False)]
    assert [stream.closed for stream in server.log.streams] == [True, False]


def test_RS_11_who_called_whom_is_kept(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO)))
    (started,) = server.log.named("recording.started")
    assert started["from"] == "sip:src@example.com"
    assert started["to"] == started["request_uri"] == "sip:recorder@192.0.2.1"
    assert (started["transport"], started["source"]) == ("udp", "198.51.100.7:5070")


def test_BODY_05_MDP_09_MDP_10_MDP_11_MDP_14_GAP_02_the_snapshot_request(client: Client) -> None:
    client.request("INVITE", body(sdp(*TWO), PARTIAL), more=ALLOW)
    (asked,) = requests_in(client.ack(), "UPDATE")
    headers = asked.headers
    assert headers.get("Content-Type") == "application/rs-metadata+xml"
    assert headers.get("Content-Disposition") == "recording-session"
    assert headers.get("Require") == "siprec"
    assert asked.contact is not None
    assert "+sip.srs" in asked.contact.params
    assert b"<requestsnapshot" in asked.body
    assert b"m=" not in asked.body


def test_MDP_12_GAP_03_nothing_else_asks_for_a_snapshot(client: Client, server: VirtualServer) -> None:
    client.request("INVITE", body(sdp(*TWO), PARTIAL), more=ALLOW)
    client.ack()
    for number in range(5):
        client.request("UPDATE", body(None, PARTIAL))
        client.request("INFO", body(None, PARTIAL))
        client.request("INVITE", body(sdp(*TWO, version=number + 2), PARTIAL))
        client.ack()
    asking = [each for each in server.sent if b"requestsnapshot" in each.body]
    assert [isinstance(each, Request) and each.method for each in asking] == ["UPDATE"]


def test_MDP_16_broken_documents_ask_for_nothing(client: Client, server: VirtualServer) -> None:
    client.request("INVITE", body(sdp(*TWO), b"<recording"), more=ALLOW)
    client.ack()
    for _ in range(100):
        assert client.request("UPDATE", body(None, b"<recording")).status == 200
    assert requests_in(server.sent, "UPDATE") == []
    assert len(server.log.named("metadata.received")) == 101


@pytest.mark.parametrize("status", [405, 415, 491, 500])
def test_MDP_15_FLD_10_Q28_a_refused_snapshot_request_costs_nothing(
    client: Client, server: VirtualServer, status: int
) -> None:
    client.request("INVITE", body(sdp(*TWO), PARTIAL), more=ALLOW)
    (asked,) = requests_in(client.ack(), "UPDATE")
    server.receive(reply(asked, status))
    server.wait(5)
    assert server.archive.finished == []


def test_MDP_15_FLD_10_a_client_without_update_is_not_asked(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO), PARTIAL))
    assert requests_in(server.sent, "UPDATE") == []


def test_BODY_11_BODY_12_RESP_06_every_accept_has_what_we_take(client: Client) -> None:
    wanted = {"application/sdp", "application/rs-metadata+xml", "application/rs-metadata", "multipart/mixed"}
    refused = Client(client.server, call_id="c-415").request("INVITE", ("text/plain", b"hello"))
    assert refused.status == 415
    answers = [refused, client.request("OPTIONS"), client.call(body(sdp(*TWO)))]
    assert all(wanted <= set(answer.headers.get_list("Accept")) for answer in answers)


def test_BODY_21_names_of_many_octets(client: Client, server: VirtualServer) -> None:
    name = "Ünïcödé 名前 😀"
    person = (
        f'<participant participant_id="{A}"><nameID aor="sip:a@b"><name>{name}</name></nameID></participant>'
    )
    assert client.call(body(sdp(*TWO), xml(SESSION, person))).status == 200
    assert server.log.named("session.model")[-1]["participants"][0]["name"] == name


def test_MDP_04_an_older_update_is_not_applied(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO), COMPLETE))
    client.number = 20
    client.request("UPDATE", body(None, COMPLETE))
    late = final(server, client.message("UPDATE", body(None, xml(SESSION)), number=15))
    assert late.status == 500
    assert len(server.log.named("metadata.received")) == 2


def test_MDP_23_Q53_every_document_is_kept_in_order(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO), COMPLETE))
    client.request("UPDATE", body(None, PARTIAL))
    client.request("INFO", body(None, COMPLETE))
    kept = server.log.named("metadata.received")
    assert [(each["number"], each["carried_by"]) for each in kept] == [
        (1, "INVITE"),
        (2, "UPDATE"),
        (3, "INFO"),
    ]
    assert all(each["time_ns"] for each in kept)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"Call-ID: call-1\r\n", b""), 400),
        ((b"INVITE sip:recorder@192.0.2.1 SIP/2.0", b"INVITE foo:bar SIP/2.0"), 416),
        ((b"Require: siprec", b"Require: siprec, foo"), 420),
        ((b"INVITE sip:recorder@192.0.2.1 SIP/2.0", b"INVITE sip:recorder@192.0.2.1 SIP/7.0"), 505),
        ((b"Require: siprec", b"Require: siprec\r\nSupported: timer\r\nSession-Expires: 60"), 422),
    ],
)
def test_RESP_01_RESP_07_RESP_08_RESP_10_RESP_19_faults(
    client: Client, server: VirtualServer, change: tuple[bytes, bytes], status: int
) -> None:
    answers = server.receive(client.message("INVITE", body(sdp(*TWO))).replace(*change))
    statuses = [each.status for each in answers if isinstance(each, Response) and each.status >= 200]
    assert statuses == ([] if status == 400 and not statuses else [status])
    assert server.archive.logs == {}


def test_RESP_05_RESP_12_RESP_18_methods_and_dialogs_we_do_not_know(client: Client) -> None:
    refused = client.request("MESSAGE")
    assert refused.status == 405
    assert "INVITE" in refused.headers.get_list("Allow")
    assert client.request("FOO").status == 501
    client.to_tag = "unknown"
    assert client.request("BYE").status == 481


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line(formats="99"), "305"),
        (Line(kind="application", formats="0"), "304"),
    ],
)
def test_RESP_16_488_says_why(client: Client, line: Line, code: str) -> None:
    answer = client.request("INVITE", body(sdp(line)))
    assert answer.status == 488
    assert (answer.headers.get("Warning") or "").startswith(code)


def test_RESP_17_Q29_FLD_17_glare(client: Client) -> None:
    client.call(body(sdp(*TWO)))
    client.request("INVITE", body(None, COMPLETE))
    assert client.request("UPDATE", body(sdp(*TWO, version=2))).status == 491


def test_RESP_22_our_bye_says_why(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO)))
    server.handler.stop_call(next(iter(server.archive.logs)), "asked by the customer")
    (bye,) = requests_in(server.sent, "BYE")
    assert bye.headers.get("Reason") == 'SIP;cause=200;text="asked by the customer"'


def test_ANS_01_FLD_09_Q11_the_answer_is_plain_sdp(client: Client) -> None:
    answer = client.call(body(sdp(*TWO), COMPLETE))
    assert answer.headers.get("Content-Type") == "application/sdp"
    assert len(sdp_in(answer).media) == 2


def test_Q57_META_44_META_78_MRG_16_ARCH_02_two_recordings_of_one_call(server: VirtualServer) -> None:
    one, two = Client(server, call_id="one"), Client(server, call_id="two")
    one.call(body(sdp(*TWO), COMPLETE))
    two.call(body(sdp(*TWO), COMPLETE))
    two.request(
        "UPDATE",
        body(None, xml(f'<participant participant_id="{A}"><nameID aor="x"/></participant>', mode="partial")),
    )
    first, second = server.archive.logs.values()
    names = [log.named("session.model")[-1]["participants"][0]["aor"] for log in (first, second)]
    assert names == ["sip:alice@example.com", "x"]


def test_META_13_FLD_14_faults_of_metadata_are_told(client: Client, server: VirtualServer) -> None:
    client.call(body(sdp(*TWO), b"<recording><session>"))
    texts = [each["text"] for each in server.log.named("deviation")]
    assert any("can't be read" in text for text in texts)


def test_META_40_the_clock_of_the_client_is_kept(client: Client, server: VirtualServer) -> None:
    date = "Sat, 21 Nov 2026 03:10:00 GMT"
    client.request("INVITE", body(sdp(*TWO)), more=("Require: siprec", f"Date: {date}"))
    (started,) = server.log.named("recording.started")
    assert started["date"] == date
    assert started["time_ns"] == 1795230900 * 10**9


def test_FLD_07_100rel_beside_siprec(client: Client) -> None:
    more = ("Require: 100rel, siprec", "Supported: timer", "Session-Expires: 1800", "Min-SE: 1800")
    assert client.request("INVITE", body(sdp(*TWO)), more=more).status == 200


def test_Q23_Q61_who_leaves_by_a_lone_update_has_left(client: Client, server: VirtualServer) -> None:
    member = f'<participantsessionassoc participant_id="{A}" session_id="{S1}">%s</participantsessionassoc>'
    client.call(body(sdp(*TWO), xml(SESSION, ALICE, member % "")))
    left = member % "<disassociate-time>2026-11-21T03:16:00Z</disassociate-time>"
    client.request("UPDATE", multipart(metadata_part(xml(left, mode="partial"))))
    (interval,) = server.log.named("session.model")[-1]["participants"][0]["sessions"][0]["intervals"]
    assert interval["stop"] == "2026-11-21T03:16:00+00:00"


def test_Q26_OA_11_a_client_that_moves_finds_the_same_ports(client: Client) -> None:
    first = sdp_in(client.call(body(sdp(*TWO))))
    moved = sdp(
        *(Line(label=line.label, port=line.port + 500) for line in TWO), address="198.51.100.99", version=2
    )
    second = sdp_in(client.request("INVITE", body(moved)))
    assert [line.port for line in first.media] == [line.port for line in second.media]


def test_Q27_FLD_15_other_codecs_after_a_transfer_are_answered_line_by_line(client: Client) -> None:
    client.call(body(sdp(*TWO)))
    g722 = sdp(Line(formats="9"), Line(label="2", port=40002, formats="8"), version=2)
    answer = client.request("INVITE", body(g722))
    assert [line.formats for line in sdp_in(answer).media] == [("9",), ("8",)]


def test_Q34_Q35_Q37_pings_and_calls_are_told_the_same(client: Client, server: VirtualServer) -> None:
    server.problems.append("The disk is full")
    assert client.request("OPTIONS").status == 503
    assert client.request("INVITE", body(sdp(*TWO))).status == 503
    server.problems.clear()
    assert Client(server, call_id="later").request("OPTIONS").status == 200


def test_Q38_the_contact_is_where_the_call_came_in(client: Client) -> None:
    contact = client.call(body(sdp(*TWO))).contact
    assert contact is not None
    assert contact.uri.startswith("sip:192.0.2.1:5060") or "@192.0.2.1:5060" in contact.uri


def test_Q30_Q31_FLD_16_a_call_without_ack_or_bye_is_closed(client: Client, server: VirtualServer) -> None:
    client.request("INVITE", body(sdp(*TWO)))
    server.wait(120)
    assert server.log.named("recording.ended")[0]["outcome"] == "no_ack"


def test_an_unknown_part_is_kept_in_the_capture(client: Client, server: VirtualServer) -> None:
    content = multipart(part("application/sdp", sdp(*TWO)), part("application/x-vendor", b"secret sauce"))
    assert client.call(content).status == 200
    assert b"secret sauce" in server.log.messages[0][1]


def reply(request: Request, status: int) -> bytes:
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    rows = [f"{name}: {row}" for name in names for row in request.headers.get_all(name)]
    return "\r\n".join([f"SIP/2.0 {status} No", *rows, "Content-Length: 0", "", ""]).encode()
