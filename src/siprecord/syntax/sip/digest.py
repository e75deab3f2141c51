"""Digest authentication: credentials, challenges and the arithmetic between them (RFC 7616, RFC 8760).

Who may do what, and which nonces are good, is decided elsewhere. Basic is not known here, and never will be
(RFC 8760 section 2.6).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import WHITESPACE, is_token, quote, split_list, unquote

MAX_PARAMETERS = 32
"""Of one Authorization header; RFC 7616 knows eleven."""


class Algorithm(StrEnum):
    """The hash functions, most preferred first. The `-sess` variants are not offered."""

    SHA_256 = "SHA-256"
    SHA_512_256 = "SHA-512-256"
    MD5 = "MD5"


_HASHES = {Algorithm.SHA_256: "sha256", Algorithm.SHA_512_256: "sha512_256", Algorithm.MD5: "md5"}
_NONCE_COUNT = re.compile(r"[0-9A-Fa-f]{8}")
_BY_NAME = {algorithm.lower(): algorithm for algorithm in Algorithm}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What an `Authorization: Digest` row says. `algorithm` is None for one that is not known here."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: Algorithm | None
    qop: str | None = None
    """As sent, in lower case; None from a client of RFC 2069."""
    cnonce: str = ""
    nc: str | None = None
    """Eight hexadecimal digits as sent, since they are hashed as they were written."""

    @property
    def nonce_count(self) -> int | None:
        """How often the client has used the nonce, this time included."""
        return None if self.nc is None else int(self.nc, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One `WWW-Authenticate` row; `str()` writes its value. It always asks for `qop=auth`."""

    realm: str
    nonce: str
    algorithm: Algorithm
    stale: bool = False

    def __str__(self) -> str:
        stale = ", stale=true" if self.stale else ""
        return (
            f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}, "
            f'algorithm={self.algorithm}, qop="auth"{stale}'
        )


def parse_authorization(text: str) -> Credentials | None:
    """Read the value of an Authorization row; None for a scheme other than Digest. Raises ParseError."""
    scheme, _, rest = text.strip(WHITESPACE).partition(" ")
    if scheme.lower() != "digest":
        return None
    given = _parameters(rest)
    for name in ("username", "realm", "nonce", "uri", "response"):
        if name not in given:
            raise ParseError(f"Authorization: {name} missing")
    qop = given.get("qop")
    return Credentials(
        username=given["username"],
        realm=given["realm"],
        nonce=given["nonce"],
        uri=given["uri"],
        response=given["response"],
        algorithm=_BY_NAME.get(given.get("algorithm", Algorithm.MD5).lower()),
        qop=None if qop is None else qop.lower(),
        cnonce=given.get("cnonce", ""),
        nc=_nonce_count(given.get("nc")),
    )


def digest_response(credentials: Credentials, algorithm: Algorithm, method: str, password: str) -> str:
    """The `response` these credentials ought to carry: lower-case hex, 64 digits, or 32 with MD5."""
    user = f"{credentials.username}:{credentials.realm}:{password}"
    parts = [_hash(algorithm, user), credentials.nonce]
    if credentials.qop is not None:
        parts += [credentials.nc or "", credentials.cnonce, credentials.qop]
    parts.append(_hash(algorithm, f"{method}:{credentials.uri}"))
    return _hash(algorithm, ":".join(parts))


def verify(credentials: Credentials, method: str, password: str) -> bool:
    """Whether the response was made with this password. It says nothing of the nonce.

    Takes equally long wherever the first difference is. False for what we can't compute: another algorithm,
    `auth-int`, a `qop` without `nc` or `cnonce`.
    """
    algorithm = credentials.algorithm
    if algorithm is None or not _is_whole(credentials):
        return False
    expected = digest_response(credentials, algorithm, method, password)
    # Some clients write capitals. The comparison itself takes ASCII only.
    given = credentials.response.lower().encode("utf-8", "replace")
    return compare_digest(expected.encode(), given)


def _is_whole(credentials: Credentials) -> bool:
    if credentials.qop is None:
        return True
    return credentials.qop == "auth" and credentials.nc is not None and bool(credentials.cnonce)


def _parameters(text: str) -> dict[str, str]:
    """Names in lower case, values unquoted. One that comes twice is an attack or a fault (RFC 7616, 3.4)."""
    elements = split_list(text)
    if len(elements) > MAX_PARAMETERS:
        raise ParseError("Authorization: too many parameters")
    found: dict[str, str] = {}
    for element in elements:
        name, equals, value = element.partition("=")
        key = name.strip(WHITESPACE).lower()
        if not equals or not is_token(key) or key in found:
            raise ParseError("Authorization: malformed or repeated parameter")
        found[key] = unquote(value.strip(WHITESPACE))
    return found


def _nonce_count(text: str | None) -> str | None:
    if text is not None and _NONCE_COUNT.fullmatch(text) is None:
        raise ParseError("Authorization: nc must be eight hexadecimal digits")
    return text


def _hash(algorithm: Algorithm, text: str) -> str:
    # Octets that are no UTF-8 come as surrogates and go back to what they were.
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.new(_HASHES[algorithm], data, usedforsecurity=False).hexdigest()
