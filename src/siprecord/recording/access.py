"""Who gets in: which trunk a request belongs to, or why it belongs to none.

In this order, for requests outside dialogs only:

1. **Rate.** Each source may send so many; beyond that it gets 503, beyond four times that nothing. The
   sources of a trunk that has a rate of its own share that one instead.
2. **Trunk.** The first, in the order of the configuration, all of whose conditions hold. Without any trunk
   everybody may call.
3. **Challenge.** If only credentials are missing for one of them, they are asked for by a 401.
4. Everything else gets 403, or no answer at all.

Time and secret are arguments; nothing here knows sockets or clocks. What is remembered is bounded: sources by
`max_sources`, used nonces by `max_nonces`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import msgspec

from siprecord.protocol import Flow
from siprecord.recording.credentials import CredentialCheck, Proof
from siprecord.recording.nonces import NonceBook
from siprecord.recording.rates import Bucket, Level, Rate
from siprecord.recording.trunks import Trunk
from siprecord.syntax.sip import Request

TELL_AGAIN_AFTER = 60.0
"""Seconds in which one source is worth one line in the log."""
TELL_RATE = Rate(per_second=5, burst=50)
"""Lines about all sources together: an attacker who invents sources must not fill the disk."""


class Outcome(StrEnum):
    """What became of a request; counted under this name."""

    ADMITTED = "admitted"
    CHALLENGED = "challenged"
    WRONG_CREDENTIALS = "wrong_credentials"
    STALE_NONCE = "stale_nonce"
    MISDIRECTED = "misdirected"
    DENIED = "denied"
    OVER_RATE = "over_rate"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """What an operator chooses beside the trunks."""

    realm: str = "siprecord"
    nonce_lifetime_s: float = 300.0
    silent: bool = False
    """Leave requests of nobody's trunk without an answer, instead of 403."""
    rate: Rate = field(default_factory=Rate)
    """Of each source."""
    max_sources: int = 10_000
    max_nonces: int = 10_000


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request. `status` 0: it is let in, or gets no answer; `outcome` tells which."""

    outcome: Outcome
    trunk: str = ""
    status: int = 0
    text: str = ""
    """For people."""
    headers: tuple[tuple[str, str], ...] = ()
    worth_a_line: bool = False
    """Whether to log it: its source was not spoken of just now."""


@dataclass(slots=True)
class _Source:
    """What is known of an address."""

    trunks: tuple[Trunk, ...]
    """Those that may call from there."""
    bucket: Bucket
    told: float = float("-inf")


class AccessPolicy:
    """Decides who gets in. `secret` signs the nonces: at least 16 unguessable bytes, new for each process."""

    def __init__(self, settings: AccessSettings, trunks: Sequence[Trunk], secret: bytes) -> None:
        self._settings = settings
        self._trunks = tuple(trunks)
        self._buckets = {trunk.name: Bucket(trunk.rate) for trunk in trunks if trunk.rate.per_second}
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._networks: OrderedDict[IPv6Network, Bucket] = OrderedDict()
        nonces = NonceBook(secret, settings.nonce_lifetime_s, settings.max_nonces)
        self._credentials = CredentialCheck(settings.realm, nonces)
        self._tellings = Bucket(TELL_RATE)

    @property
    def sources(self) -> int:
        """How many sources are remembered."""
        return len(self._sources)

    def flooded(self, flow: Flow, now: float) -> bool:
        """Whether requests from there get no answer at all for now; counts nothing."""
        return self._source(flow.remote[0]).bucket.is_flooded(now)

    def answers(self, flow: Flow, now: float) -> bool:
        """Count a message that costs us an answer but needs no decision; False: give none."""
        return self._source(flow.remote[0]).bucket.take_answer(now)

    def decide(self, request: Request, flow: Flow, now: float) -> Decision:
        """What becomes of a new request outside dialogs."""
        source = self._source(flow.remote[0])
        level = source.bucket.take(now)
        if level is not Level.WITHIN:
            return self._over(level, source, "This source sends too many requests", now)
        if not self._trunks:
            return Decision(outcome=Outcome.ADMITTED)
        return self._place(source, request, flow, now)

    def _place(self, source: _Source, request: Request, flow: Flow, now: float) -> Decision:
        """Find the trunk."""
        asking = []
        best = Proof.NONE
        given = self._credentials.read(request)
        for trunk in source.trunks:
            if not trunk.is_proved_by(flow.identity):
                continue
            if not trunk.users:
                return self._admit(trunk, source, now)
            proof = self._credentials.judge(given, request, trunk, now)
            if proof is Proof.GOOD:
                return self._admit(trunk, source, now)
            asking.append(trunk)
            best = max(best, proof, key=_WEIGHTS.index)
        return self._challenge(asking, best, source, now) if asking else self._deny(source, now)

    def _admit(self, trunk: Trunk, source: _Source, now: float) -> Decision:
        bucket = self._buckets.get(trunk.name)
        if bucket is not None and bucket is not source.bucket:
            level = bucket.take(now)
            if level is not Level.WITHIN:
                return self._over(level, source, f"Trunk {trunk.name} sends too many requests", now)
        return Decision(outcome=Outcome.ADMITTED, trunk=trunk.name)

    def _challenge(self, asking: Sequence[Trunk], proof: Proof, source: _Source, now: float) -> Decision:
        if proof is Proof.MISDIRECTED:
            return Decision(
                outcome=Outcome.MISDIRECTED,
                status=400,
                text="The credentials are for a request to somebody else",
                worth_a_line=self._is_worth_a_line(source, now),
            )
        algorithms = [algorithm for trunk in asking for algorithm in trunk.algorithms]
        outcome, text = _CHALLENGES[proof]
        return Decision(
            outcome=outcome,
            status=401,
            text=text,
            headers=self._credentials.challenge(algorithms, now, stale=proof is Proof.STALE),
            worth_a_line=proof is Proof.WRONG and self._is_worth_a_line(source, now),
        )

    def _deny(self, source: _Source, now: float) -> Decision:
        return Decision(
            outcome=Outcome.DENIED,
            status=0 if self._settings.silent else 403,
            text="No trunk takes calls from there",
            worth_a_line=self._is_worth_a_line(source, now),
        )

    def _over(self, level: Level, source: _Source, text: str, now: float) -> Decision:
        over = level is Level.OVER
        return Decision(
            outcome=Outcome.OVER_RATE if over else Outcome.FLOOD,
            status=503 if over else 0,
            text=text,
            worth_a_line=self._is_worth_a_line(source, now),
        )

    def _is_worth_a_line(self, source: _Source, now: float) -> bool:
        if now - source.told < TELL_AGAIN_AFTER or self._tellings.take(now) is not Level.WITHIN:
            return False
        source.told = now
        return True

    def _source(self, host: str) -> _Source:
        known = self._sources.get(host)
        if known is None:
            known = self._sources[host] = self._meet(host)
            if len(self._sources) > self._settings.max_sources:
                self._sources.popitem(last=False)
        return known

    def _meet(self, host: str) -> _Source:
        address = _address(host)
        trunks = tuple(trunk for trunk in self._trunks if trunk.covers(address))
        shared = (self._buckets.get(trunk.name) for trunk in trunks if trunk.sources)
        bucket = next((bucket for bucket in shared if bucket is not None), None)
        return _Source(trunks, bucket or self._bucket_of(address))

    def _bucket_of(self, address: IPv4Address | IPv6Address | None) -> Bucket:
        """One for each address; in IPv6 one for each /64, since a single host has all of it."""
        if not isinstance(address, IPv6Address):
            return Bucket(self._settings.rate)
        network = IPv6Network((int(address) >> 64 << 64, 64))
        bucket = self._networks.get(network)
        if bucket is None:
            bucket = self._networks[network] = Bucket(self._settings.rate)
            if len(self._networks) > self._settings.max_sources:
                self._networks.popitem(last=False)
        return bucket


_WEIGHTS = (Proof.NONE, Proof.WRONG, Proof.STALE, Proof.MISDIRECTED)
"""Of the proofs for several trunks the last one is answered."""
_CHALLENGES = {
    Proof.NONE: (Outcome.CHALLENGED, "Credentials are needed"),
    Proof.WRONG: (Outcome.WRONG_CREDENTIALS, "Unknown user or wrong password"),
    Proof.STALE: (Outcome.STALE_NONCE, "The nonce has expired or was used before"),
}


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address of a peer, an IPv4 one that came through an IPv6 socket as what it is."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
