"""Whether a request proves that it knows a password (RFC 3261 section 22, RFC 8760)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from siprecord.errors import ParseError
from siprecord.recording.nonces import NonceBook
from siprecord.recording.trunks import Password, Trunk
from siprecord.syntax.sip import Request, SipUri
from siprecord.syntax.sip.digest import Algorithm, Challenge, Credentials, parse_authorization, verify

MAX_ROWS = 8
"""Authorization rows of one request that are looked at."""


class Proof(Enum):
    """What the credentials of a request are worth."""

    NONE = "none"
    """There are none for us."""
    WRONG = "wrong"
    STALE = "stale"
    """They are right, but for a nonce that has expired or was used like that before."""
    MISDIRECTED = "misdirected"
    """They are right, but for a request to somebody else."""
    GOOD = "good"


class CredentialCheck:
    """Judges credentials and writes challenges, for one realm."""

    def __init__(self, realm: str, nonces: NonceBook) -> None:
        self._realm = realm
        self._nonces = nonces
        self._decoy = Password(nonces.issue(0.0))

    def read(self, request: Request) -> list[Credentials]:
        """The credentials for our realm. What can't be read counts as absent."""
        found = []
        for row in request.headers.get_all("Authorization")[:MAX_ROWS]:
            try:
                credentials = parse_authorization(row)
            except ParseError:
                continue
            if credentials is not None and credentials.realm == self._realm:
                found.append(credentials)
        return found

    def judge(self, given: Sequence[Credentials], request: Request, trunk: Trunk, now: float) -> Proof:
        """The best proof among these credentials that a user of `trunk` sends the request."""
        for credentials in given:
            if self._is_right(credentials, request, trunk):
                return self._judge_right(credentials, request, now)
        return Proof.WRONG if given else Proof.NONE

    def challenge(
        self, algorithms: Iterable[Algorithm], now: float, *, stale: bool
    ) -> tuple[tuple[str, str], ...]:
        """The rows of a 401: one for each algorithm, in the order of preference (RFC 8760 section 2.3)."""
        wanted = set(algorithms)
        nonce = self._nonces.issue(now)
        return tuple(
            (
                "WWW-Authenticate",
                str(Challenge(realm=self._realm, nonce=nonce, algorithm=algorithm, stale=stale)),
            )
            for algorithm in Algorithm
            if algorithm in wanted
        )

    def _is_right(self, credentials: Credentials, request: Request, trunk: Trunk) -> bool:
        # An unknown user takes as long as a wrong password, so that names can't be found out by the clock.
        password = trunk.users.get(credentials.username)
        right = verify(credentials, request.method, (password or self._decoy).reveal())
        acceptable = credentials.algorithm in trunk.algorithms and (
            credentials.qop is not None or trunk.legacy_digest
        )
        return right and acceptable and password is not None

    def _judge_right(self, credentials: Credentials, request: Request, now: float) -> Proof:
        if not _leads_to(credentials.uri, request.uri):
            return Proof.MISDIRECTED
        good = self._nonces.use(credentials.nonce, credentials.nonce_count, now)
        return Proof.GOOD if good else Proof.STALE


def _leads_to(signed: str, asked: str) -> bool:
    """Whether a signed URI does not name another user than the one that is asked for.

    Hosts may differ, since proxies on the way replace them (RFC 8760 section 2.6, item 6), and there are
    clients, SIPp among them, that sign the URI of the server alone.
    """
    if signed == asked:
        return True
    try:
        named, wanted = SipUri.parse(signed).user, SipUri.parse(asked).user
    except ParseError:
        return False
    return named is None or wanted is None or named == wanted
