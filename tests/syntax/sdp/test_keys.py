"""Keys never reach the log."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.syntax.sdp import blank_keys

KEY = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
HEAD = b"INVITE sip:x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s|2^20|1:4",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%s",
        b"a=crypto:1 X inline:%s|2^20|1:4;inline:%s|2^20|2:4 FEC_ORDER=FEC_SRTP",
        b"A = CRYPTO : 1 X INLINE: %s",
        b"a=key-mgmt:mikey %s",
        b"k=clear:%s",
        b"k=base64:%s",
        b"K  =\t clear :%s",
        b"a=crypto\0:1 X inline\0:\0%s",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 %s",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 uri:%s",
        b"a=crypto:1 %s inline:x",
        b"a=crypto:%s AES_CM_128_HMAC_SHA1_80 inline:x",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x|%s",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xx %s",
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n inline:%s",
        b"k=%s",
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""])
def test_keys_are_blanked_and_the_length_is_kept(line: bytes, end: bytes) -> None:
    secret = line.replace(b"%s", KEY)
    blanked = blank_keys(HEAD + secret + end)
    assert (
        blanked.replace(b" -x", b" xx")
        == HEAD + line.replace(b"%s", b"x" * len(KEY)).replace(b" -x", b" xx") + end
    )


def test_what_may_be_half_a_key_is_blanked_with_what_is_around_it() -> None:
    line = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x -%s"
    assert blank_keys(line.replace(b"%s", KEY)) == line.replace(b"-%s", b"x" * (len(KEY) + 1))
    assert blank_keys(HEAD + b"k=other:" + KEY) == HEAD + b"k=" + b"x" * (len(KEY) + 6)


def test_multipart_bodies_and_all_lines() -> None:
    crypto = b"a=crypto:1 A inline:" + KEY + b"|2^31\r\n"
    message = (
        HEAD + b"--b\r\nContent-Type: application/sdp\r\n\r\n" + crypto * 3 + b"--b\r\n\r\n<x/>\r\n--b--"
    )
    blanked = blank_keys(message)
    assert len(blanked) == len(message)
    assert KEY not in blanked
    assert blanked.count(b"inline:x") == 3
    assert blanked.endswith(b"<x/>\r\n--b--")


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("encoding", ["base64", "Quoted-Printable"])
def test_encoded_parts_hide_no_key(encoding: str, last: bool) -> None:
    sdp = b"v=0\r\na=crypto:1 A inline:" + KEY + b"\r\n"
    coded = base64.encodebytes(sdp) if encoding == "base64" else quopri.encodestring(sdp)
    headers = [b"Content-Transfer-Encoding: " + encoding.encode(), b"Content-Type: application/sdp"]
    head = b"\r\n".join(headers[::-1] if last else headers)
    message = HEAD + b"--b\r\n" + head + b"\r\n\r\n" + coded + b"\r\n--b\r\n\r\nrest\r\n--b--"
    blanked = blank_keys(message)
    assert len(blanked) == len(message)
    assert coded[:20] not in blanked
    assert blanked.endswith(b"rest\r\n--b--")


def test_a_key_broken_over_encoded_lines_is_gone() -> None:
    sdp = b"a=3Dcrypto:1 A inline:" + KEY[:20] + b"=\r\n" + KEY[20:] + b"\r\n"
    message = HEAD + b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + sdp + b"\r\n--b--"
    blanked = blank_keys(message)
    assert len(blanked) == len(message)
    assert KEY[20:] not in blanked


def test_encoded_parts_without_a_key_stay() -> None:
    message = (
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"v=0\r\n") + b"\r\n--b--"
    )
    assert blank_keys(message) == message


@pytest.mark.parametrize(
    "message",
    [
        HEAD,
        b"",
        b"Supported: inline:abc\r\nk: timer\r\n",
        b"a=fingerprint:sha-256 AB:CD\r\n",
        b"a=crypto:1 F8_128_HMAC_SHA1_80 inline:x|2^48|123456789012:16 UNENCRYPTED_SRTP KDR=1 WSH=64\r\n",
        b"a=x\r\nk=prompt\r\n",
    ],
)
def test_the_rest_stays(message: bytes) -> None:
    assert blank_keys(message) == message


PIECES = [
    b"a=crypto:",
    b"inline:",
    b" ",
    b"|",
    b"\r\n",
    b"content-transfer-encoding: base64\n",
    b"\n\n",
    b"--",
    KEY,
]


@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)))
def test_length_is_kept_and_twice_is_once(data: bytes) -> None:
    blanked = blank_keys(data)
    assert len(blanked) == len(data)
    assert blanked.count(b"\n") == data.count(b"\n")
    assert len(blank_keys(blanked)) == len(data)


@pytest.mark.parametrize(
    "piece",
    [
        *PIECES,
        b"crypto",
        b"crypto:",
        b"k=",
        b"inline",
        b"key-mgmt:a ",
        b"\na=crypto:\n ",
        b"\r\n ",
        b"\nk=",
        b"k",
        b"a=key-mgmt:a",
        b"\n\r\n",
        b"Content-Transfer-Encoding:base64",
    ],
)
def test_long_messages_take_linear_time(piece: bytes) -> None:
    data = piece * (1_000_000 // len(piece))
    assert len(blank_keys(data)) == len(data)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Transfer-Encoding: quoted-printable",  # no empty line: what follows is content all the same
        b"Content-Transfer-Encoding:\r\n quoted-printable\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n--no-boundary\r\n",
    ],
)
def test_encoded_parts_that_only_our_parser_understands_hide_no_key(head: bytes) -> None:
    body = b"--b\r\n" + head + b"\r\nv=3D0\r\na=3Dcrypto:1 A inl=\r\nine:" + KEY + b"\r\n--b--\r\n"
    message = b"INFO sip:x SIP/2.0\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" + body
    blanked = blank_keys(message)
    assert len(blanked) == len(message)
    assert KEY not in blanked
    assert blanked.startswith(message[: message.index(b"\r\n\r\n")])


def test_a_form_feed_before_a_key_does_not_hide_it() -> None:
    assert blank_keys(b"a=crypto:1 A inline:\x0c" + KEY) == b"a=crypto:1 A inline:\x0c" + b"x" * len(KEY)
