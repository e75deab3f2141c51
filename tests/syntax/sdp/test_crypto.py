"""`a=crypto` lines: CONFORMANCE 4D."""

from __future__ import annotations

import base64

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sdp import SUITES, CryptoLine, SrtpKeys

SUITE = "AES_CM_128_HMAC_SHA1_80"
GOOD = base64.b64encode(b"k" * 16 + b"s" * 14).decode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("inline:", "0 bytes, not 30"),
        ("inline:###", "no base64"),
        ("inline:" + GOOD[:-4], "27 bytes, not 30"),
        (GOOD + "|2^49", "lifetime is not within"),
        (GOOD + "|0", "lifetime is not within"),
        (GOOD + "|2^x", "lifetime is no number"),
        (GOOD + "|-1", "lifetime is no number"),
        (GOOD + "|2^9999999999999999", "lifetime is no number"),
        (GOOD + "|1:0", "MKI is not within"),
        (GOOD + "|1:129", "MKI is not within"),
        (GOOD + "|x:1", "MKI is not within"),
        (GOOD + "|256:1", "MKI is longer"),
        (GOOD + "|1:1|2^20", "out of order"),
        (GOOD + "|2^20|1:1|x", "too many"),
    ],
)
def test_SDES_06_malformed_keys_are_refused_and_never_shown(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason.replace("^", r"\^")) as caught:
        SrtpKeys.from_inline(SUITE, text)
    assert GOOD not in str(caught.value)
    assert caught.value.__cause__ is None


def line(keys: str, *parameters: str, tag: str = "1", suite: str = SUITE) -> str:
    return " ".join((tag, suite, keys, *parameters))


@pytest.mark.parametrize(("suite", "sizes"), SUITES.items())
def test_SDES_04_SDES_05_each_suite_is_read_and_written(suite: str, sizes: tuple[int, int]) -> None:
    keys = SrtpKeys.generate(suite, lambda count: bytes(range(count)))
    assert (len(keys.key), len(keys.salt)) == sizes
    written = CryptoLine(tag=3, suite=suite, keys=(keys,))
    assert CryptoLine.parse(str(written)) == written


@pytest.mark.parametrize("suite", SUITES)
def test_SDES_06_a_key_may_come_without_the_padding_of_its_base64(suite: str) -> None:
    keys = SrtpKeys.generate(suite, lambda count: bytes(range(count)))
    assert SrtpKeys.from_inline(suite, keys.inline().rstrip("=")) == keys
    with pytest.raises(ParseError):
        SrtpKeys.from_inline(suite, keys.inline().rstrip("=") + "AAA")


def test_SDES_07_lifetime_and_key_names_of_several_keys() -> None:
    read = CryptoLine.parse(line(f"inline:{GOOD}|2^31|1:4;inline:{GOOD}|1000|2:4"))
    assert [(key.lifetime, key.mki) for key in read.keys] == [(2**31, b"\0\0\0\1"), (1000, b"\0\0\0\2")]


@pytest.mark.parametrize("keys", [f"inline:{GOOD};inline:{GOOD}", f"inline:{GOOD}|1:1;inline:{GOOD}|1:1"])
def test_keys_that_nothing_tells_apart_make_a_line_invalid(keys: str) -> None:
    with pytest.raises(ParseError, match="no MKI tells apart"):
        CryptoLine.parse(line(keys))


@pytest.mark.parametrize("parameter", ["WSH=64", "WSH=128", "-x", "-unknown=1"])
def test_SDES_08_parameters_that_change_nothing_are_taken(parameter: str) -> None:
    assert CryptoLine.parse(line(f"inline:{GOOD}", parameter)).suite == SUITE


@pytest.mark.parametrize(
    "parameter",
    [
        "KDR=1",
        "UNENCRYPTED_SRTP",
        "UNENCRYPTED_SRTCP",
        "UNAUTHENTICATED_SRTP",
        "FEC_ORDER=FEC_SRTP",
        "FEC_KEY=k",
        "WSH=63",
        "WSH=x",
        "unknown",
        "unknown=1",
    ],
)
def test_SDES_08_SRTP_07_parameters_that_we_do_not_keep_make_a_line_invalid(parameter: str) -> None:
    with pytest.raises(ParseError, match="not supported"):
        CryptoLine.parse(line(f"inline:{GOOD}", parameter))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        f"1 {SUITE}",
        f"x {SUITE} inline:{GOOD}",
        f"-1 {SUITE} inline:{GOOD}",
        f"1 NONE inline:{GOOD}",
        f"1 {SUITE} uri:{GOOD}",
        f"1 {SUITE} " + ";".join([f"inline:{GOOD}|1:1"] * 17),
        f"1 {SUITE} inline:{GOOD[:4]} {GOOD}",
        f"1 {SUITE} inline:{GOOD} {GOOD}=1",
    ],
)
def test_SDES_06_lines_that_make_no_sense_are_refused_and_never_shown(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        CryptoLine.parse(text)
    assert GOOD[:12] not in str(caught.value)


def test_a_line_never_shows_its_keys() -> None:
    read = CryptoLine.parse(line(f"inline:{GOOD}|1:1"))
    assert GOOD not in repr(read)
    assert repr(read) == f"CryptoLine(1 {SUITE}, 1 keys hidden)"
