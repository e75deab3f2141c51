"""Counts the messages that pass, by kind. The kinds are few, whatever peers send."""

from __future__ import annotations

from collections import Counter

from siprecord.syntax.sip import KNOWN_METHODS

_STATUS_LINE = b"SIP/2.0 "
_METHODS = {method.encode(): method for method in KNOWN_METHODS}
OTHER = "other"


class Tally:
    """Messages in one direction: requests by method, responses by status. Repeated ones count again."""

    __slots__ = ("requests", "responses", "transports")

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.responses: Counter[str] = Counter()
        self.transports: Counter[str] = Counter()

    def add(self, message: bytes, transport: str) -> None:
        """Count one message by its first word, without parsing it."""
        self.transports[transport] += 1
        if message.startswith(_STATUS_LINE):
            status = message[8:11]
            known = status.isdigit() and b"100" <= status <= b"699"
            self.responses[status.decode() if known else OTHER] += 1
        else:
            word = message[:24].lstrip(b"\r\n").partition(b" ")[0]
            self.requests[_METHODS.get(word, OTHER)] += 1
