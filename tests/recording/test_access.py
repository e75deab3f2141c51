"""Who gets in, as a table of requests and decisions, in virtual time."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from siprecord.protocol import Flow
from siprecord.recording.access import AccessPolicy, AccessSettings, Decision, Outcome
from siprecord.recording.rates import Rate
from siprecord.recording.trunks import Password, Trunk
from siprecord.syntax.sip import Headers, Request
from siprecord.syntax.sip.digest import Algorithm
from tests.support.digest import authorization, field

SECRET = b"0123456789abcdef"
USERS = {"sbc": Password("secret")}
URI = "sip:recorder@192.0.2.1"
LAB = (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32"))


def flow(host: str = "198.51.100.7", identity: tuple[str, ...] = ()) -> Flow:
    return Flow("tls" if identity else "udp", ("192.0.2.1", 5060), (host, 5070), identity=identity)


def request(*credentials: str, method: str = "INVITE", uri: str = URI) -> Request:
    return Request(method, uri, Headers([("Authorization", value) for value in credentials]))


def policy(*trunks: Trunk, **settings: Any) -> AccessPolicy:
    return AccessPolicy(AccessSettings(**settings), trunks, SECRET)


def challenges(decision: Decision) -> list[str]:
    assert (decision.status, {name for name, _ in decision.headers}) == (401, {"WWW-Authenticate"})
    return [value for _, value in decision.headers]


def challenged(access: AccessPolicy, now: float = 0.0) -> str:
    return challenges(access.decide(request(), flow(), now))[0]


def test_without_trunks_everybody_may_call() -> None:
    decision = policy().decide(request(), flow(), 0.0)
    assert (decision.outcome, decision.trunk, decision.status) == (Outcome.ADMITTED, "", 0)


@pytest.mark.parametrize(
    ("host", "trunk"),
    [
        ("198.51.100.7", "lab"),
        ("::ffff:198.51.100.7", "lab"),
        ("2001:db8::5", "lab"),
        ("2001:db8::5%eth0", "lab"),
        ("203.0.113.9", None),
        ("2001:db9::5", None),
        ("not an address", None),
    ],
)
def test_RSEC_10_a_trunk_is_known_by_its_networks(host: str, trunk: str | None) -> None:
    decision = policy(Trunk(name="lab", sources=LAB)).decide(request(), flow(host), 0.0)
    if trunk is None:
        assert (decision.outcome, decision.status) == (Outcome.DENIED, 403)
    else:
        assert (decision.outcome, decision.trunk) == (Outcome.ADMITTED, trunk)


def test_strangers_may_be_left_without_an_answer() -> None:
    decision = policy(Trunk(name="lab", sources=LAB), silent=True).decide(request(), flow("10.0.0.1"), 0.0)
    assert (decision.outcome, decision.status) == (Outcome.DENIED, 0)


@pytest.mark.parametrize(
    ("identity", "admitted"),
    [
        (("sbc.example.com",), True),
        (("other.example.com", "sbc.example.com"), True),
        (("a.sbc.example.com",), False),
        (("example.com",), False),
        (("*.example.com",), False),
        ((), False),
    ],
)
def test_SEC_09_a_certificate_must_prove_the_whole_name(identity: tuple[str, ...], admitted: bool) -> None:
    access = policy(Trunk(name="sbc", certificates=frozenset({"sbc.example.com"})))
    decision = access.decide(request(), flow(identity=identity), 0.0)
    assert (decision.outcome is Outcome.ADMITTED) is admitted


def test_SEC_10_without_a_certificate_digest_is_the_way_in() -> None:
    proved = Trunk(name="sbc-tls", certificates=frozenset({"sbc.example.com"}))
    access = policy(proved, Trunk(name="sbc-digest", users=USERS))
    assert access.decide(request(), flow(identity=("sbc.example.com",)), 0.0).trunk == "sbc-tls"
    assert access.decide(request(), flow(), 0.0).status == 401


def test_all_conditions_of_a_trunk_must_hold() -> None:
    trunk = Trunk(name="sbc", sources=LAB, certificates=frozenset({"sbc.example.com"}), users=USERS)
    access = policy(trunk)
    assert access.decide(request(), flow(identity=("sbc.example.com",)), 0.0).status == 401
    assert access.decide(request(), flow(), 0.0).status == 403
    assert access.decide(request(), flow("10.0.0.1", ("sbc.example.com",)), 0.0).status == 403


def test_the_first_trunk_that_holds_is_taken() -> None:
    access = policy(Trunk(name="users", users=USERS), Trunk(name="net", sources=LAB))
    assert access.decide(request(), flow(), 0.0).trunk == "net"
    challenge = challenges(access.decide(request(), flow("10.0.0.1"), 0.0))[0]
    right = authorization(challenge, "sbc", "secret")
    assert access.decide(request(right), flow(), 0.0).trunk == "users"


def test_SEC_01_one_row_for_each_algorithm_the_most_preferred_first() -> None:
    usual = challenges(policy(Trunk(name="a", users=USERS)).decide(request(), flow(), 0.0))
    assert [field(row, "algorithm") for row in usual] == ["SHA-256", "SHA-512-256"]
    assert {field(row, "realm") for row in usual} == {"siprecord"}
    old = Trunk(name="a", users=USERS, algorithms=(Algorithm.MD5, Algorithm.SHA_256))
    rows = challenges(policy(old).decide(request(), flow(), 0.0))
    assert [field(row, "algorithm") for row in rows] == ["SHA-256", "MD5"]


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_SEC_01_each_algorithm_lets_in_where_it_is_enabled(algorithm: Algorithm) -> None:
    access = policy(Trunk(name="a", users=USERS, algorithms=(algorithm,)))
    right = authorization(challenged(access), "sbc", "secret")
    assert access.decide(request(right), flow(), 1.0).outcome is Outcome.ADMITTED


def test_SEC_01_md5_is_refused_where_it_is_not_enabled() -> None:
    access = policy(Trunk(name="a", users=USERS))
    md5 = challenged(access).replace("SHA-256", "MD5")
    decision = access.decide(request(authorization(md5, "sbc", "secret")), flow(), 1.0)
    assert (decision.outcome, decision.status) == (Outcome.WRONG_CREDENTIALS, 401)


@pytest.mark.parametrize(
    ("legacy", "outcome"), [(True, Outcome.ADMITTED), (False, Outcome.WRONG_CREDENTIALS)]
)
def test_SEC_02_credentials_without_qop_are_a_matter_of_policy(legacy: bool, outcome: Outcome) -> None:
    access = policy(Trunk(name="a", users=USERS, legacy_digest=legacy))
    old = authorization(challenged(access), "sbc", "secret", nc=None)
    assert access.decide(request(old), flow(), 1.0).outcome is outcome


@pytest.mark.parametrize("row", ["Basic c2JjOnNlY3JldA==", "Bearer x", "Digest nonsense", ""])
def test_SEC_04_other_schemes_are_no_credentials(row: str) -> None:
    decision = policy(Trunk(name="a", users=USERS)).decide(request(row), flow(), 0.0)
    assert (decision.outcome, decision.status) == (Outcome.CHALLENGED, 401)


@pytest.mark.parametrize(("user", "password"), [("sbc", "wrong"), ("nobody", "secret"), ("", "")])
def test_wrong_credentials_are_challenged_again_and_told(user: str, password: str) -> None:
    access = policy(Trunk(name="a", users=USERS))
    decision = access.decide(request(authorization(challenged(access), user, password)), flow(), 1.0)
    assert (decision.outcome, decision.worth_a_line) == (Outcome.WRONG_CREDENTIALS, True)
    assert "stale" not in challenges(decision)[0]
    assert "secret" not in repr(decision)


def test_SEC_06_the_same_count_again_is_a_replay() -> None:
    access = policy(Trunk(name="a", users=USERS))
    challenge = challenged(access)
    first = authorization(challenge, "sbc", "secret")
    assert access.decide(request(first), flow(), 1.0).outcome is Outcome.ADMITTED
    again = access.decide(request(first), flow("10.0.0.1"), 1.1)
    assert again.outcome is Outcome.STALE_NONCE
    assert challenges(again)[0].endswith("stale=true")
    second = authorization(challenge, "sbc", "secret", nc="00000002")
    assert access.decide(request(second), flow(), 1.2).outcome is Outcome.ADMITTED


def test_SEC_06_an_expired_nonce_is_stale_and_the_new_one_is_good() -> None:
    access = policy(Trunk(name="a", users=USERS), nonce_lifetime_s=60)
    old = authorization(challenged(access), "sbc", "secret")
    decision = access.decide(request(old), flow(), 61.0)
    assert decision.outcome is Outcome.STALE_NONCE
    fresh = authorization(challenges(decision)[0], "sbc", "secret")
    assert access.decide(request(fresh), flow(), 62.0).outcome is Outcome.ADMITTED


def test_SEC_06_after_a_restart_right_credentials_are_stale_and_not_wrong() -> None:
    before = challenged(policy(Trunk(name="a", users=USERS)))
    after = AccessPolicy(AccessSettings(), (Trunk(name="a", users=USERS),), b"another secret!!")
    decision = after.decide(request(authorization(before, "sbc", "secret")), flow(), 0.0)
    assert decision.outcome is Outcome.STALE_NONCE


def test_SEC_06_method_uri_and_realm_are_verified() -> None:
    access = policy(Trunk(name="a", users=USERS))
    challenge = challenged(access)
    elsewhere = authorization(challenge, "sbc", "secret", uri="sip:somebody@192.0.2.1")
    assert access.decide(request(elsewhere), flow(), 1.0).status == 400
    other_method = authorization(challenge, "sbc", "secret", method="OPTIONS")
    assert access.decide(request(other_method), flow(), 1.0).outcome is Outcome.WRONG_CREDENTIALS
    other_realm = authorization(challenge.replace("siprecord", "other"), "sbc", "secret")
    assert access.decide(request(other_realm), flow(), 1.0).outcome is Outcome.CHALLENGED


@pytest.mark.parametrize("uri", ["sip:recorder@recorder.example.com", "sip:192.0.2.1:5060"])
def test_a_proxy_may_have_replaced_the_host_and_some_sign_the_server_alone(uri: str) -> None:
    access = policy(Trunk(name="a", users=USERS))
    right = authorization(challenged(access), "sbc", "secret", uri=uri)
    assert access.decide(request(right), flow(), 1.0).outcome is Outcome.ADMITTED


def test_credentials_for_others_do_not_hide_ours() -> None:
    access = policy(Trunk(name="a", users=USERS))
    right = authorization(challenged(access), "sbc", "secret")
    other = right.replace('"siprecord"', '"proxy"')
    assert access.decide(request(other, right), flow(), 1.0).outcome is Outcome.ADMITTED
    assert access.decide(request(*[other] * 20, right), flow(), 1.0).outcome is Outcome.CHALLENGED


def test_OVL_03_beyond_its_rate_a_source_gets_503_and_beyond_four_times_nothing() -> None:
    access = policy(rate=Rate(per_second=10, burst=10))
    outcomes = [access.decide(request(), flow(), 0.0) for _ in range(60)]
    assert [each.status for each in outcomes[:10]] == [0] * 10
    assert {each.status for each in outcomes[10:40]} == {503}
    assert outcomes[-1].outcome is Outcome.FLOOD
    assert access.flooded(flow(), 0.0)
    assert not access.answers(flow(), 0.0)
    assert access.decide(request(), flow("10.0.0.1"), 0.0).outcome is Outcome.ADMITTED
    assert sum(each.worth_a_line for each in outcomes) == 1


def test_OVL_04_momentary_overload_has_no_retry_after() -> None:
    access = policy(rate=Rate(per_second=1, burst=1))
    access.decide(request(), flow(), 0.0)
    assert access.decide(request(), flow(), 0.0).headers == ()


def test_the_rate_comes_before_the_credentials() -> None:
    access = policy(Trunk(name="a", users=USERS), rate=Rate(per_second=1, burst=2))
    right = authorization(challenged(access), "sbc", "secret")
    assert access.decide(request(), flow(), 0.0).status == 401
    assert access.decide(request(right), flow(), 0.0).status == 503
    assert access.decide(request(right), flow(), 2.0).outcome is Outcome.ADMITTED


def test_a_trunk_with_its_own_rate_shares_it_among_its_sources() -> None:
    trunk = Trunk(name="a", sources=LAB, rate=Rate(per_second=1, burst=20))
    access = policy(trunk, rate=Rate(per_second=1, burst=1))
    hosts = [f"198.51.100.{number}" for number in range(30)]
    outcomes = [access.decide(request(), flow(host), 0.0).outcome for host in hosts]
    assert outcomes == [Outcome.ADMITTED] * 20 + [Outcome.OVER_RATE] * 10


def test_a_trunk_known_by_certificate_has_its_rate_too() -> None:
    access = policy(Trunk(name="a", certificates=frozenset({"a.b"}), rate=Rate(per_second=1, burst=2)))
    made = [access.decide(request(), flow(f"10.0.0.{n}", ("a.b",)), 0.0) for n in range(4)]
    assert [each.status for each in made] == [0, 0, 503, 503]
    assert "Trunk a" in made[-1].text


def test_an_ipv6_host_can_not_escape_within_its_64() -> None:
    access = policy(rate=Rate(per_second=1, burst=3))
    outcomes = [access.decide(request(), flow(f"2001:db8::{n:x}"), 0.0).outcome for n in range(1, 8)]
    assert outcomes.count(Outcome.ADMITTED) == 3
    assert access.decide(request(), flow("2001:db8:0:1::1"), 0.0).outcome is Outcome.ADMITTED


def test_the_memory_for_sources_is_bounded() -> None:
    access = policy(Trunk(name="a", sources=LAB), rate=Rate(per_second=5), max_sources=100)
    for number in range(1000):
        access.decide(request(), flow(f"10.0.{number // 250}.{number % 250}"), 0.0)
        access.decide(request(), flow(f"2001:db9:{number:x}::1"), 0.0)
    assert access.sources == 100


def test_a_crowd_of_invented_sources_does_not_fill_the_log() -> None:
    access = policy(Trunk(name="a", sources=LAB))
    told = [access.decide(request(), flow(f"10.0.{n // 250}.{n % 250}"), 0.0) for n in range(1000)]
    assert sum(each.worth_a_line for each in told) <= 51


def test_secrets_show_themselves_nowhere() -> None:
    trunk = Trunk(name="a", users=USERS)
    assert "secret" not in repr(trunk)
    assert "secret" not in repr(Password("secret"))
    assert "secret" not in str(trunk.users)
