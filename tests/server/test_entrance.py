"""Who gets in, through a real endpoint and the handler, in virtual time."""

from __future__ import annotations

import pytest

from siprecord.protocol import Flow
from siprecord.recording.access import Outcome
from siprecord.server.config import Config
from siprecord.server.publisher import CallRefused, RecordingStarted
from siprecord.server.recording_config import RecordingConfig
from siprecord.server.sip_config import SipConfig
from siprecord.server.tls_config import TlsConfig
from siprecord.server.trunk_config import TrunkConfig
from siprecord.syntax.sip import Response
from tests.support.digest import authorization
from tests.support.fakes import FLOW, Client, VirtualServer
from tests.support.recorder import TWO, body, sdp

CALL = body(sdp(*TWO))
SIPREC = ("Require: siprec",)
LAB = TrunkConfig(name="lab", sources=("198.51.100.0/24",))
SBC = TrunkConfig.model_validate({"name": "sbc", "users": {"src": "hunter2"}})
STRANGER = Flow("udp", FLOW.local, ("203.0.113.9", 5070))


async def make(*trunks: TrunkConfig, sip: SipConfig | None = None, **recording: object) -> VirtualServer:
    config = Config(
        trunks=trunks, sip=sip or SipConfig(), recording=RecordingConfig.model_validate(recording)
    )
    return await VirtualServer(config).start()


def challenge_of(response: Response) -> str:
    assert response.status == 401
    return response.headers.get("WWW-Authenticate") or ""


async def test_the_trunk_of_a_call_is_told_everywhere() -> None:
    server = await make(LAB)
    client = Client(server)
    assert client.call(CALL).status == 200
    (started,) = server.log.named("recording.started")
    assert started["trunk"] == "lab"
    assert [call.trunk for call in server.handler.calls()] == ["lab"]
    assert [event.trunk for event in server.news if isinstance(event, RecordingStarted)] == ["lab"]


async def test_without_trunks_there_is_no_name_to_tell() -> None:
    server = await make()
    Client(server).call(CALL)
    assert "trunk" not in server.log.named("recording.started")[0]
    assert server.handler.calls()[0].trunk == ""


async def test_UAS_08_a_digest_handshake_ends_in_200() -> None:
    server = await make(SBC)
    client = Client(server)
    challenge = challenge_of(client.request("INVITE", CALL))
    client.ack()
    client.to_tag = ""
    right = authorization(challenge, "src", "hunter2")
    response = client.request("INVITE", CALL, more=(*SIPREC, f"Authorization: {right}"))
    assert response.status == 200
    client.ack()
    assert server.handler.calls()[0].trunk == "sbc"
    assert not [event for event in server.news if isinstance(event, CallRefused)]
    assert server.handler.entrance.outcomes == {Outcome.CHALLENGED: 1, Outcome.ADMITTED: 1}


async def test_TXN_17_a_repeated_invite_without_credentials_gets_the_same_to_tag() -> None:
    server = await make(SBC)
    invite = Client(server).message("INVITE", CALL)
    tags = set()
    for _ in range(3):
        (response,) = server.receive(invite)
        assert isinstance(response, Response)
        tags.add(response.to.tag)
    assert len(tags) == 1
    assert server.archive.logs == {}


async def test_TXN_17_a_repeated_invite_with_credentials_is_no_replay() -> None:
    server = await make(SBC)
    client = Client(server)
    right = authorization(challenge_of(client.request("INVITE", CALL)), "src", "hunter2")
    client.to_tag = ""
    invite = client.message("INVITE", CALL, more=(*SIPREC, f"Authorization: {right}"))
    assert [each.status for each in server.receive(invite) if isinstance(each, Response)][-1] == 200
    assert server.receive(invite) == []  # absorbed, as RFC 6026 section 7.1 wants it: no 401
    assert server.handler.active == 1


async def test_SEC_05_SEC_07_nothing_in_a_call_is_challenged() -> None:
    server = await make(SBC)
    client = Client(server)
    right = authorization(challenge_of(client.request("INVITE", CALL)), "src", "hunter2")
    client.to_tag = ""
    client.request("INVITE", CALL, more=(*SIPREC, f"Authorization: {right}"))
    client.ack()
    assert client.request("UPDATE").status == 200
    assert client.request("BYE").status == 200


async def test_UAS_01_authentication_comes_before_method_and_extensions() -> None:
    server = await make(SBC)
    client = Client(server)
    assert client.request("PUBLISH", more=("Require: nobody-knows",)).status == 401
    assert client.request("OPTIONS").status == 401


async def test_wrong_passwords_are_told_but_not_shown() -> None:
    server = await make(SBC)
    client = Client(server)
    wrong = authorization(challenge_of(client.request("INVITE", CALL)), "src", "letmein")
    client.to_tag = ""
    assert client.request("INVITE", CALL, more=(*SIPREC, f"Authorization: {wrong}")).status == 401
    (told,) = [event for event in server.news if isinstance(event, CallRefused)]
    assert (told.status, told.reason) == (401, "Unknown user or wrong password")


async def test_RSEC_10_strangers_are_refused_before_anything_is_spent() -> None:
    server = await make(LAB)
    client = Client(server, flow=STRANGER)
    assert client.request("INVITE", CALL).status == 403
    client.to_tag = ""
    assert client.request("OPTIONS").status == 403
    assert server.archive.logs == {}
    (told,) = [event for event in server.news if isinstance(event, CallRefused)]
    assert (told.status, told.source, told.quiet) == (403, "203.0.113.9:5070", False)


async def test_strangers_may_get_no_answer() -> None:
    server = await make(LAB, sip=SipConfig(unknown_sources="ignore"))
    client = Client(server, flow=STRANGER)
    assert server.receive(client.message("INVITE", CALL), STRANGER) == []
    assert server.receive(client.message("OPTIONS"), STRANGER) == []


async def test_SEC_08_a_certificate_name_decides_the_trunk() -> None:
    trunk = TrunkConfig(name="tls", certificates=("SBC.example.com",))
    config = Config(trunks=(trunk,), tls=TlsConfig.model_validate({"client_ca": "ca.pem"}))
    server = await VirtualServer(config).start()
    known = Flow("tls", FLOW.local, FLOW.remote, 1, ("sbc.example.com",))
    assert Client(server, flow=known).request("INVITE", CALL).status == 200
    assert (
        Client(server, call_id="two", flow=Flow("tls", FLOW.local, FLOW.remote, 2))
        .request("INVITE", CALL)
        .status
        == 403
    )


async def test_OVL_07_a_trunk_has_its_own_number_of_calls() -> None:
    server = await make(
        LAB.model_copy(update={"max_calls": 1}), TrunkConfig(name="all", sources=("::/0", "0.0.0.0/0"))
    )
    first, second = Client(server, call_id="one"), Client(server, call_id="two")
    other = Client(server, call_id="three", flow=STRANGER)
    assert first.call(CALL).status == 200
    assert second.request("OPTIONS").status == 503
    assert second.request("INVITE", CALL).status == 503
    assert other.call(CALL).status == 200
    first.request("BYE")
    server.wait(1)
    second.to_tag = ""
    assert second.call(CALL).status == 200


async def test_strict_is_a_choice_of_each_trunk() -> None:
    server = await make(LAB.model_copy(update={"strict": True}))
    client = Client(server)
    assert client.request("INVITE", CALL, more=()).status == 404
    lenient = await make(LAB.model_copy(update={"strict": False}), strict=True)
    assert Client(lenient).request("INVITE", CALL, more=()).status == 200


async def test_OVL_03_a_flood_of_new_calls_never_hinders_a_running_one() -> None:
    server = await make(sip=SipConfig(max_requests_per_second=10, request_burst=5))
    running = Client(server, call_id="running")
    assert running.call(CALL).status == 200
    statuses = []
    for number in range(100):
        sent = server.receive(Client(server, call_id=f"flood{number}").message("INVITE", CALL))
        statuses += [each.status for each in sent if isinstance(each, Response)]
    assert statuses.count(200) == 4
    assert 10 <= statuses.count(503) <= 20
    assert len(statuses) < 30
    assert running.request("UPDATE").status == 200
    assert running.request("BYE").status == 200
    assert server.endpoint.counters["shed"] > 60


async def test_a_flood_is_worth_one_line() -> None:
    server = await make(sip=SipConfig(max_requests_per_second=1, request_burst=1))
    for number in range(20):
        server.receive(Client(server, call_id=f"flood{number}").message("INVITE", CALL))
    told = [event for event in server.news if isinstance(event, CallRefused)]
    assert [event.quiet for event in told].count(False) == 1


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"name": "a"}, "needs sources, certificates or users"),
        ({"name": "a", "sources": ["10.0.0.0/33"]}, "is not an address or a network"),
        ({"name": "a", "certificates": ["*.example.com"]}, "names are compared whole"),
        ({"name": "a", "certificates": ["sip:example.com"]}, "is not a domain name"),
        ({"name": "a b", "sources": ["::1"]}, "has letters, digits"),
        ({"name": "a", "users": {"": "x"}}, "at least 1 character"),
        ({"name": "a", "users": {"u": ""}}, "at least 1"),
        ({"name": "a", "users": {"u": "x"}, "algorithms": []}, "at least 1 item"),
        ({"name": "a", "users": {"u": "x"}, "algorithms": ["SHA-1"]}, "SHA-256"),
    ],
)
def test_faults_of_a_trunk_are_told(fields: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        TrunkConfig.model_validate(fields)


def test_trunks_must_fit_the_rest() -> None:
    with pytest.raises(ValueError, match="two trunks are called lab"):
        Config(trunks=(LAB, LAB))
    with pytest.raises(ValueError, match=r"trunk t has certificates, but tls\.client_ca"):
        Config(trunks=(TrunkConfig(name="t", certificates=("a.b",)),))
