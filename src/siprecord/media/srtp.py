"""SRTP keys from SDES (RFC 4568), and both sides of SRTP for tests and test clients.

Keys never appear in a `repr`, a log or an error.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field

from siprecord.errors import MediaError
from siprecord.media._core import SrtpReceiver, SrtpSender

__all__ = ["SUITES", "SrtpKeys", "SrtpReceiver", "SrtpSender"]

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "AES_256_CM_HMAC_SHA1_80": (32, 14),
    "AES_256_CM_HMAC_SHA1_32": (32, 14),
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
}
"""Bytes of the master key and of the salt, by the suite's name in an `a=crypto` line."""

MAX_LIFETIME = 2**48
MAX_MKI = 128


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
        """Read key parameters as in `inline:KEY|2^20|1:4` (RFC 4568 section 6.1); raises MediaError.

        The text never appears in the error.
        """
        if suite.upper() not in SUITES:
            raise MediaError("the SRTP suite is not known")
        encoded, *more = text.removeprefix("inline:").split("|")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise MediaError("the SRTP key is no base64") from None
        size, salt_size = SUITES[suite.upper()]
        if len(secret) != size + salt_size:
            raise MediaError(f"the SRTP key and salt have {len(secret)} bytes, not {size + salt_size}")
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


def _parameters(more: list[str]) -> tuple[int, bytes]:
    """Lifetime and MKI, both optional, in this order."""
    lifetime, mki = MAX_LIFETIME, b""
    if len(more) > 2:
        raise MediaError("the SRTP key has too many parameters")
    for place, text in enumerate(more):
        if ":" not in text and place == 0:
            lifetime = _lifetime(text)
        elif place == len(more) - 1:
            mki = _mki(text)
        else:
            raise MediaError("the SRTP key's parameters are out of order")
    return lifetime, mki


def _lifetime(text: str) -> int:
    power = text.removeprefix("2^")
    if not power.isascii() or not power.isdecimal() or len(power) > 15:
        raise MediaError("the SRTP key's lifetime is no number")
    number = int(power)
    if power != text:
        number = 2**number if number <= 48 else MAX_LIFETIME + 1
    if not 0 < number <= MAX_LIFETIME:
        raise MediaError("the SRTP key's lifetime is not within 1 to 2^48")
    return number


def _mki(text: str) -> bytes:
    value, _, size = text.partition(":")
    numbers = value.isascii() and value.isdecimal() and size.isascii() and size.isdecimal()
    if not numbers or len(size) > 3 or len(value) > 310 or not 1 <= int(size) <= MAX_MKI:
        raise MediaError("the SRTP key's MKI is not within 1 to 128 bytes")
    try:
        return int(value).to_bytes(int(size))
    except OverflowError:
        raise MediaError("the SRTP key's MKI is longer than it says") from None
