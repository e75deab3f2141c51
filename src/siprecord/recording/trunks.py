"""Trunks: the peers that may call, and how each is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from siprecord.recording.keypresses import Keys
from siprecord.recording.rates import Rate
from siprecord.recording.security import SrtpPolicy
from siprecord.syntax.sip.digest import Algorithm

Network = IPv4Network | IPv6Network
DEFAULT_ALGORITHMS = (Algorithm.SHA_256, Algorithm.SHA_512_256)


class Password:
    """A secret that shows itself only when asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The password in the clear; never for a log or a page."""
        return self._text

    def __repr__(self) -> str:
        return "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A peer, or several that are treated alike. All conditions that are set must hold.

    `sources`: it calls from one of these networks. `certificates`: its TLS certificate proves one of these
    names, in lower case. `users`: it knows the password of one of these.
    """

    name: str
    sources: tuple[Network, ...] = ()
    certificates: frozenset[str] = frozenset()
    users: Mapping[str, Password] = field(default_factory=dict)
    algorithms: tuple[Algorithm, ...] = DEFAULT_ALGORITHMS
    legacy_digest: bool = False
    """Take credentials without `qop`, from clients of RFC 2069."""
    max_calls: int = 0
    """0: no limit but that of the server."""
    rate: Rate = field(default_factory=Rate)
    """Of all requests outside dialogs together."""
    strict: bool | None = None
    """Whether both signs of SIPREC are asked for; None: as everywhere."""
    srtp: SrtpPolicy | None = None
    """Whether its streams may, must or must not be protected; None: as everywhere."""
    digits: Keys | None = None
    """What becomes of keys that are pressed; None: as everywhere."""

    def covers(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Whether it may call from this address; None is one we can't read."""
        if not self.sources:
            return True
        return address is not None and any(address in network for network in self.sources)

    def is_proved_by(self, identity: tuple[str, ...]) -> bool:
        """Whether the names of a certificate are enough (RFC 5922 section 7.2: whole names, any case)."""
        return not self.certificates or not self.certificates.isdisjoint(identity)
