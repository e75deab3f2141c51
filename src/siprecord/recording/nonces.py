"""Nonces that expire and count (RFC 7616 sections 3.3 and 3.4). Nothing is kept of those nobody uses."""

from __future__ import annotations

import binascii
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict

_FIELDS = struct.Struct(">QQ")
_SIGNATURE_BYTES = 16
_TEXT_LENGTH = 44
"""Of 32 bytes in base64."""


class NonceBook:
    """Issues nonces and knows which uses of them are good.

    A nonce is the time it was made, a running number and a signature over both, so issuing one costs no
    memory. Of those that were used the last count is kept, for at most `capacity` nonces: when one has to go,
    all nonces up to its number are stale, so that none can be used again.
    """

    def __init__(self, secret: bytes, lifetime: float, capacity: int = 10_000) -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._capacity = capacity
        self._issued = 0
        self._floor = 0
        self._used: OrderedDict[int, tuple[int, int]] = OrderedDict()
        """Number of the nonce: its time in milliseconds, and the highest count."""

    def __len__(self) -> int:
        return len(self._used)

    def issue(self, now: float) -> str:
        """A nonce that nobody has seen."""
        self._issued += 1
        fields = _FIELDS.pack(_milliseconds(now), self._issued)
        return urlsafe_b64encode(fields + self._sign(fields)).decode()

    def use(self, nonce: str, count: int | None, now: float) -> bool:
        """Whether this use is good; to be asked once it is known that the credentials are right.

        Each use must count higher than the one before. Without a count, from clients of RFC 2069, a nonce is
        good once. False also for nonces of another process, which the peer can't tell from expired ones.
        """
        self._forget_expired(now)
        fields = self._fields(nonce)
        if fields is None:
            return False
        made, number = fields
        if _milliseconds(now) - made > self._lifetime * 1000 or number <= self._floor:
            return False
        given = 1 if count is None else count
        if given <= self._used.get(number, (0, 0))[1]:
            return False
        self._used[number] = (made, given)
        if len(self._used) > self._capacity:
            evicted, _ = self._used.popitem(last=False)
            self._floor = max(self._floor, evicted)
        return True

    def _fields(self, nonce: str) -> tuple[int, int] | None:
        if len(nonce) != _TEXT_LENGTH or not nonce.isascii():
            return None
        try:
            data = urlsafe_b64decode(nonce)
        except (binascii.Error, ValueError):
            return None
        fields, signature = data[: _FIELDS.size], data[_FIELDS.size :]
        if not hmac.compare_digest(signature, self._sign(fields)):
            return None
        made, number = _FIELDS.unpack(fields)
        return made, number

    def _sign(self, fields: bytes) -> bytes:
        return hmac.digest(self._secret, fields, "sha256")[:_SIGNATURE_BYTES]

    def _forget_expired(self, now: float) -> None:
        """Those that were used first; what a busy one hides behind it waits."""
        oldest = _milliseconds(now) - self._lifetime * 1000
        while self._used and next(iter(self._used.values()))[0] < oldest:
            self._used.popitem(last=False)


def _milliseconds(now: float) -> int:
    return max(0, int(now * 1000))
