from __future__ import annotations

import pytest

from siprecord.syntax.sip.secrets import blank_credentials

PROOF = b"6629fae49393a05397450978507c4ef1"


def message(row: bytes) -> bytes:
    return b"INVITE sip:srs@example.com SIP/2.0\r\n" + row + b"\r\nCall-ID: uthred\r\n\r\nresponse=body"


@pytest.mark.parametrize(
    "row",
    [
        b'Authorization: Digest username="src", response="' + PROOF + b'", uri="sip:srs"',
        b"authorization : digest username=src,response=" + PROOF,
        b'Proxy-Authorization: Digest username="src",\r\n response = "' + PROOF + b'"',
        b'Authentication-Info: qop=auth, rspauth="' + PROOF + b'"',
        b"Authorization: Basic " + PROOF,
    ],
)
def test_proofs_are_overwritten_and_nothing_moves(row: bytes) -> None:
    before = message(row)
    after = blank_credentials(before)
    assert PROOF not in after
    assert len(after) == len(before)
    assert after.endswith(b"\r\nCall-ID: uthred\r\n\r\nresponse=body")


def test_the_rest_of_the_credentials_stays() -> None:
    row = b'AUTHORIZATION: Digest username="src", response="' + PROOF + b'", nc=1'
    after = blank_credentials(message(row))
    assert b'username="src", response="' + b"x" * 32 + b'", nc=1' in after


def test_messages_without_credentials_are_returned_as_they_are() -> None:
    plain = b"OPTIONS sip:srs SIP/2.0\r\nCall-ID: 1\r\n\r\n"
    assert blank_credentials(plain) is plain
