from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.sip.digest import (
    Algorithm,
    Challenge,
    Credentials,
    digest_response,
    parse_authorization,
    verify,
)

RFC7616 = Credentials(
    username="Mufasa",
    realm="http-auth@example.org",
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    uri="/dir/index.html",
    response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    algorithm=Algorithm.SHA_256,
    qop="auth",
    cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    nc="00000001",
)
"""RFC 7616 section 3.9.1."""
RFC2617 = Credentials(
    username="Mufasa",
    realm="testrealm@host.com",
    nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    uri="/dir/index.html",
    response="6629fae49393a05397450978507c4ef1",
    algorithm=Algorithm.MD5,
    qop="auth",
    cnonce="0a4f113b",
    nc="00000001",
)
"""RFC 2617 section 3.5."""
HEADER = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def test_SEC_03_the_vector_of_rfc7616_for_sha_256() -> None:
    assert verify(RFC7616, "GET", "Circle of Life")
    assert not verify(RFC7616, "GET", "circle of life")
    assert not verify(RFC7616, "PUT", "Circle of Life")


def test_SEC_03_the_vectors_for_md5() -> None:
    md5 = replace(RFC7616, algorithm=Algorithm.MD5, response="8ca523f5e9506fed4657c9700eebdbec")
    assert verify(md5, "GET", "Circle of Life")
    assert verify(RFC2617, "GET", "Circle Of Life")


def test_SEC_03_sha_512_256_is_the_truncated_hash_with_its_own_start_values() -> None:
    """Computed piece by piece: the example of RFC 7616 for this algorithm is known to be wrong."""

    def hashed(text: str) -> str:
        return hashlib.new("sha512_256", text.encode()).hexdigest()

    one = hashed("Mufasa:http-auth@example.org:Circle of Life")
    two = hashed("INVITE:/dir/index.html")
    middle = f"{RFC7616.nonce}:00000001:{RFC7616.cnonce}:auth"
    response = digest_response(RFC7616, Algorithm.SHA_512_256, "INVITE", "Circle of Life")
    assert response == hashed(f"{one}:{middle}:{two}")
    assert hashed("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"  # FIPS 180-4


@pytest.mark.parametrize("algorithm", [Algorithm.SHA_256, Algorithm.SHA_512_256])
def test_SEC_03_responses_have_64_digits_in_lower_case(algorithm: Algorithm) -> None:
    response = digest_response(RFC7616, algorithm, "INVITE", "x")
    assert len(response) == 64
    assert set(response) <= set("0123456789abcdef")


def test_SEC_02_without_qop_the_formula_of_rfc2069_holds() -> None:
    old = replace(RFC2617, qop=None, response="670fd8c2df070c60b045671b8b24ff02")
    assert verify(old, "GET", "Circle Of Life")


@pytest.mark.parametrize(
    "change",
    [
        {"qop": "auth-int"},
        {"qop": "auth", "nc": None},
        {"cnonce": ""},
        {"algorithm": None},
        {"response": ""},
        {"response": "ä" * 64},
    ],
)
def test_what_cannot_be_computed_does_not_pass(change: dict[str, object]) -> None:
    assert not verify(replace(RFC7616, **change), "GET", "Circle of Life")  # type: ignore[arg-type]


def test_authorization_is_read() -> None:
    assert parse_authorization(HEADER) == RFC7616
    assert parse_authorization(HEADER.replace("Digest", "digest").replace("=auth,", '="auth",')) == RFC7616


def test_the_nonce_count_is_hashed_as_it_was_written() -> None:
    capitals = replace(RFC7616, nc="0000000A")
    right = replace(capitals, response=digest_response(capitals, Algorithm.SHA_256, "GET", "x"))
    assert verify(right, "GET", "x")
    assert right.nonce_count == 10
    assert not verify(replace(right, nc="0000000a"), "GET", "x")


def test_SEC_04_basic_is_no_credentials() -> None:
    assert parse_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") is None


def test_an_absent_algorithm_means_md5_and_an_unknown_one_nothing() -> None:
    row = 'Digest username="a", realm="r", nonce="n", uri="sip:b", response="c"'
    plain, other = parse_authorization(row), parse_authorization(row + ", algorithm=SHA-256-sess")
    assert plain is not None
    assert plain.algorithm is Algorithm.MD5
    assert (plain.qop, plain.nonce_count, plain.cnonce) == (None, None, "")
    assert other is not None
    assert other.algorithm is None


@pytest.mark.parametrize(
    "text",
    [
        "Digest",
        'Digest username="a", realm="r", nonce="n", uri="u"',
        HEADER + ', username="other"',
        HEADER + ", x",
        HEADER.replace("00000001", "1"),
        HEADER.replace("00000001", "-0000001"),
        HEADER.replace("00000001", "0000000x"),
        HEADER + "".join(f", p{n}=1" for n in range(40)),
    ],
)
def test_malformed_credentials_are_told(text: str) -> None:
    with pytest.raises(ParseError, match="Authorization"):
        parse_authorization(text)


def test_commas_and_quotes_within_values() -> None:
    row = r'Digest username="a, \"b\"", realm="r", nonce="n", uri="sip:x,y@h", response="c"'
    credentials = parse_authorization(row)
    assert credentials is not None
    assert (credentials.username, credentials.uri) == ('a, "b"', "sip:x,y@h")


def test_SEC_02_a_challenge_always_asks_for_qop() -> None:
    challenge = Challenge(realm='a "b"', nonce="n", algorithm=Algorithm.SHA_256)
    assert str(challenge) == r'Digest realm="a \"b\"", nonce="n", algorithm=SHA-256, qop="auth"'
    assert str(replace(challenge, stale=True)).endswith(", stale=true")


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for value in (text, f"Digest {text}"):
        try:
            credentials = parse_authorization(value)
        except ParseError:
            continue
        if credentials is not None:
            assert not verify(credentials, "INVITE", "secret")
