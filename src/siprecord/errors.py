"""The few exceptions of this package. Each message says what happened and, where one can, what to do."""

from __future__ import annotations


class SiprecordError(Exception):
    """Base of every error this package raises on purpose."""


class ParseError(SiprecordError):
    """Bytes from outside are not what they claim to be.

    `status` is the SIP status code that answers such a message best (RFC 3261 section 21.4).
    """

    def __init__(self, what: str, *, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


class ConfigError(SiprecordError):
    """The configuration can't be used as it is."""


class MediaError(SiprecordError):
    """The media plane can't do what was asked: no free port, a full disk, a file that can't be opened."""


class RenderError(SiprecordError):
    """A capture log can't be turned into a recording."""
