"""Credentials never reach the log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.syntax.sip import blank_credentials

START = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n"
SECRET = b"6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    "row",
    [
        b'Authorization: Digest username="u", nonce="n", response="%s", uri="sip:x"',
        b"Proxy-Authorization: digest RESPONSE = %s",
        b'AUTHORIZATION :Digest username="u",response="%s"',
        b'Authorization:\r\n Digest username="u",\r\n\tresponse="%s"',
        b'Authorization: Digest\n response="%s"',
        b"Authorization: Basic %s",
        b"Authorization: Bearer %s",
    ],
)
@pytest.mark.parametrize("end", [b"\r\n\r\nAuthorization: of the body", b"\nTo: <sip:y>\n\n", b""])
def test_what_proves_a_password_is_blanked_and_the_length_is_kept(row: bytes, end: bytes) -> None:
    blanked = blank_credentials(START + row.replace(b"%s", SECRET) + end)
    assert blanked == START + row.replace(b"%s", b"x" * len(SECRET)) + end


@pytest.mark.parametrize(
    "message",
    [
        b"",
        START + b"\r\n",
        START + b"Authorization:\r\nTo: <sip:y>\r\n\r\n",
        START + b'WWW-Authenticate: Digest realm="authorization", nonce="n"\r\n\r\n',
        START + b"\r\nAuthorization: Basic of-the-body\r\n",
    ],
)
def test_other_messages_stay_as_they_are(message: bytes) -> None:
    assert blank_credentials(message) == message


@given(
    st.lists(
        st.sampled_from([b"Authorization", b":", b" Digest ", b"response=", b'"', b"\r\n", b" ", b"\n", b"z"])
    )
)
def test_any_bytes_keep_their_length(pieces: list[bytes]) -> None:
    data = START + b"".join(pieces)
    assert len(blank_credentials(data)) == len(data)
    assert blank_credentials(blank_credentials(data)) == blank_credentials(data)
