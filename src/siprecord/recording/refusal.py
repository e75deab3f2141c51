"""Answers that refuse a request, each with what the peer needs to do better next time."""

from __future__ import annotations

import msgspec

ACCEPT = "application/sdp, application/rs-metadata+xml, application/rs-metadata, multipart/mixed"
"""Body types we take. Without multipart/mixed an SRC would have to stop sending SDP and metadata together."""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A final response above 299. Never a 6xx: that would keep the SRC from trying another SRS (RESP-20)."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def warning(code: int, text: str) -> tuple[str, str]:
    """A Warning header (RFC 3261 section 20.43); `text` must not hold quotes."""
    return ("Warning", f'{code} siprecord "{text}"')


def bad_request(what: str) -> Refusal:
    """The request can't be understood."""
    return Refusal(400, _phrase(what))


def unsupported_body() -> Refusal:
    """A body we can't use, with the types we can."""
    return Refusal(415, "", (("Accept", ACCEPT),))


def unsupported_encoding() -> Refusal:
    """A Content-Encoding we don't know."""
    return Refusal(415, "", (("Accept", ACCEPT), ("Accept-Encoding", "identity")))


def not_acceptable(text: str, code: int = 399) -> Refusal:
    """The offer can't be met; the reason is in a Warning."""
    return Refusal(488, "", (warning(code, text),))


def no_offer() -> Refusal:
    """A call without an offer: a recorder may add no streams of its own (RFC 7866 section 7.2)."""
    return not_acceptable("The INVITE has no SDP offer, and a recorder can't make one")


def not_recorded_here(status: int) -> Refusal:
    """A call that is no recording session, refused by configuration."""
    if status == 421:
        return Refusal(421, "", (("Require", "siprec"),))
    return Refusal(status, "", (warning(399, "This server takes SIPREC recording sessions only"),))


def unavailable(text: str, retry_after: int = 0) -> Refusal:
    """No capacity now: another SRS may have it, so 503."""
    headers = [warning(399, _phrase(text))]
    if retry_after:
        headers.append(("Retry-After", str(retry_after)))
    return Refusal(503, "", tuple(headers))


def over() -> Refusal:
    """A session that is ending can't be taken over (RFC 3891 section 3)."""
    return Refusal(603)


def not_yours() -> Refusal:
    """Who may place calls may not take over those of another trunk."""
    return Refusal(403, "", (warning(399, "The dialog to be replaced came by another trunk"),))


def glare() -> Refusal:
    """An offer while ours is unanswered (RFC 3261 section 14.2)."""
    return Refusal(491)


def _phrase(text: str) -> str:
    """Text that is safe within a reason phrase and a quoted string."""
    safe = "".join(char if char.isprintable() and char not in '"\\' else " " for char in text)
    return safe[:120]
