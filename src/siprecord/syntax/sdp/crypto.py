"""`a=crypto` lines (RFC 4568) and the SRTP keys in them.

Keys never appear in a `repr`, and the text of a line never in an error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field

from siprecord.errors import ParseError

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "AES_256_CM_HMAC_SHA1_80": (32, 14),
    "AES_256_CM_HMAC_SHA1_32": (32, 14),
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
}
"""Bytes of the master key and of the salt, by the suite's name in an `a=crypto` line."""

_PARAMETERS = frozenset(
    {
        "KDR",
        "UNENCRYPTED_SRTP",
        "UNENCRYPTED_SRTCP",
        "UNAUTHENTICATED_SRTP",
        "FEC_ORDER",
        "FEC_KEY",
        "WSH",
    }
)
"""Session parameters that an error may name (RFC 4568 section 6.3)."""
MAX_LIFETIME = 2**48
MAX_MKI = 128
MAX_KEYS = 16
"""Keys of one line; ours."""
MIN_WINDOW = 64
"""The least size of a replay window that a line may hint at (RFC 4568 section 6.3.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpKeys:
    """A master key with its salt."""

    suite: str
    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    mki: bytes = field(default=b"", repr=False)
    """The key's identifier in each packet; empty when packets carry none."""
    lifetime: int = MAX_LIFETIME
    """How many packets the key may protect."""

    @classmethod
    def from_inline(cls, suite: str, text: str) -> SrtpKeys:
        """Read key parameters as in `inline:KEY|2^20|1:4` (RFC 4568 section 6.1); raises ParseError.

        The padding of the base64 may be missing: rtpengine leaves it out.
        """
        if suite.upper() not in SUITES:
            raise ParseError("the SRTP suite is not known")
        encoded, *more = text.removeprefix("inline:").split("|")
        try:
            secret = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise ParseError("the SRTP key is no base64") from None
        size, salt_size = SUITES[suite.upper()]
        if len(secret) != size + salt_size:
            raise ParseError(f"the SRTP key and salt have {len(secret)} bytes, not {size + salt_size}")
        lifetime, mki = _parameters(more)
        key, salt = secret[:size], secret[size:]
        return cls(suite=suite.upper(), key=key, salt=salt, mki=mki, lifetime=lifetime)

    @classmethod
    def generate(cls, suite: str, random: Callable[[int], bytes]) -> SrtpKeys:
        """Make a key of our own; `random` is `os.urandom`, or a fake in tests."""
        size, salt_size = SUITES[suite]
        return cls(suite=suite, key=random(size), salt=random(salt_size))

    def inline(self) -> str:
        """The key parameters for an `a=crypto` line. They are the secret itself."""
        text = "inline:" + base64.b64encode(self.key + self.salt).decode()
        if self.mki:
            text += f"|{int.from_bytes(self.mki)}:{len(self.mki)}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoLine:
    """What one `a=crypto` line offers. Several keys differ by their MKI."""

    tag: int
    suite: str
    keys: tuple[SrtpKeys, ...]

    @classmethod
    def parse(cls, value: str) -> CryptoLine:
        """Read `1 SUITE inline:KEY[;inline:KEY] [parameters]`; raises ParseError if we can't use the line."""
        tag, suite, text, *parameters = [*value.split(), "", "", ""]
        if not (text and tag.isascii() and tag.isdecimal() and len(tag) <= 9):
            raise ParseError("the crypto line has no tag, suite and key")
        for parameter in filter(None, parameters):
            _check_parameter(parameter)
        return cls(tag=int(tag), suite=suite.upper(), keys=_keys(suite, text))

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} {';'.join(key.inline() for key in self.keys)}"

    def __repr__(self) -> str:
        return f"CryptoLine({self.tag} {self.suite}, {len(self.keys)} keys hidden)"


def _keys(suite: str, text: str) -> tuple[SrtpKeys, ...]:
    each = text.split(";")
    if len(each) > MAX_KEYS:
        raise ParseError(f"the crypto line has more than {MAX_KEYS} keys")
    if not all(one.startswith("inline:") for one in each):
        raise ParseError("the key method of the crypto line is not inline")
    keys = tuple(SrtpKeys.from_inline(suite, one) for one in each)
    lengths = {len(key.mki) for key in keys}
    if len(keys) > 1 and (lengths == {0} or len(lengths) > 1 or len({key.mki for key in keys}) < len(keys)):
        raise ParseError("the crypto line has several keys that no MKI tells apart")
    return keys


def _check_parameter(text: str) -> None:
    """Session parameters (RFC 4568 section 6.3): those that change packets are not done, unknown ones may be
    passed over only if they say so with a dash.
    """
    name, _, value = text.partition("=")
    if (
        name == "WSH"
        and value.isascii()
        and value.isdecimal()
        and len(value) < 6
        and int(value) >= MIN_WINDOW
    ):
        return
    if text.startswith("-"):
        return
    # Any other word may be half of a key.
    asked = name if name in _PARAMETERS else "a session parameter"
    raise ParseError(f"the crypto line asks for {asked}, which is not supported")


def _parameters(more: list[str]) -> tuple[int, bytes]:
    """Lifetime and MKI, both optional, in this order."""
    lifetime, mki = MAX_LIFETIME, b""
    if len(more) > 2:
        raise ParseError("the SRTP key has too many parameters")
    for place, text in enumerate(more):
        if ":" not in text and place == 0:
            lifetime = _lifetime(text)
        elif place == len(more) - 1:
            mki = _mki(text)
        else:
            raise ParseError("the SRTP key's parameters are out of order")
    return lifetime, mki


def _lifetime(text: str) -> int:
    power = text.removeprefix("2^")
    if not power.isascii() or not power.isdecimal() or len(power) > 15:
        raise ParseError("the SRTP key's lifetime is no number")
    number = int(power)
    if power != text:
        number = 2**number if number <= 48 else MAX_LIFETIME + 1
    if not 0 < number <= MAX_LIFETIME:
        raise ParseError("the SRTP key's lifetime is not within 1 to 2^48")
    return number


def _mki(text: str) -> bytes:
    value, _, size = text.partition(":")
    numbers = value.isascii() and value.isdecimal() and size.isascii() and size.isdecimal()
    if not numbers or len(size) > 3 or len(value) > 310 or not 1 <= int(size) <= MAX_MKI:
        raise ParseError("the SRTP key's MKI is not within 1 to 128 bytes")
    try:
        return int(value).to_bytes(int(size))
    except OverflowError:
        raise ParseError("the SRTP key's MKI is longer than it says") from None
