"""Whose certificate it is: the SIP domains a peer has proved to speak for (RFC 5922 section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siprecord.errors import ParseError
from siprecord.syntax.sip import SipUri

MAX_NAMES = 64
"""Ours: names of one certificate that are kept."""


def certificate_names(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The names in a verified certificate, as `ssl.SSLSocket.getpeercert` gives it, in lower case.

    SIP URIs without a user part, or else DNS names; the common name only of a certificate that has no
    alternative names at all. Wildcards are no names (section 7.2). Nothing for a peer without certificate.
    """
    if not certificate:
        return ()
    alternatives = certificate.get("subjectAltName", ())
    if alternatives:
        uris = [domain for kind, value in alternatives if kind == "URI" and (domain := _sip_domain(value))]
        names = uris or [value for kind, value in alternatives if kind == "DNS"]
    else:
        rows = (row for group in certificate.get("subject", ()) for row in group)
        names = [value for kind, value in rows if kind == "commonName"]
    known = dict.fromkeys(name.lower() for name in names if name and "*" not in name)
    return tuple(known)[:MAX_NAMES]


def _sip_domain(text: str) -> str | None:
    """The domain of `sip:domain`. Other schemes, and URIs of users, prove no domain."""
    try:
        uri = SipUri.parse(text)
    except ParseError:
        return None
    return uri.host if uri.scheme.lower() == "sip" and uri.user is None else None
