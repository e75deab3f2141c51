"""SRTP with keys in the SDP (RFC 4568): whether a stream is protected, and by which of the keys offered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum

import msgspec

from siprecord.errors import ParseError
from siprecord.syntax.sdp import Attribute, CryptoLine, MediaDescription, SrtpKeys

PROTECTED_PROFILES = frozenset({"RTP/SAVP", "RTP/SAVPF"})
INCOMPATIBLE_TRANSPORT = 302
"""Warning code (RFC 3261 section 20.43)."""
MISCELLANEOUS = 399


class SrtpPolicy(StrEnum):
    """Whether streams may, must or must not be protected."""

    REQUIRE = "require"
    PREFER = "prefer"
    """Protected wherever that is offered, also beside plain RTP (RFC 8643); else in the clear."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """The keys of one protected stream. `ours` is for what we send; it is there once the stream is agreed."""

    tag: int
    suite: str
    theirs: tuple[SrtpKeys, ...] = field(repr=False)
    ours: SrtpKeys | None = field(default=None, repr=False)

    def attribute(self) -> Attribute:
        """The line of our answer: the tag and suite that were chosen, and our own key (section 5.1.2)."""
        assert self.ours is not None, "a stream was answered before it had a key"
        return Attribute("crypto", str(CryptoLine(tag=self.tag, suite=self.suite, keys=(self.ours,))))


class Unprotected(msgspec.Struct, frozen=True):
    """The stream is in the clear. `note` says why, where protection was offered and could not be had."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """The m-line can't be recorded under this policy; in words for the other side."""

    why: str
    code: int = MISCELLANEOUS


def protection(media: MediaDescription, policy: SrtpPolicy) -> Security | Unprotected | Unacceptable:
    """What becomes of an offered m-line: the first crypto line that we can use is taken (section 5.1.2).

    What was offered under a protected profile is never recorded in the clear.
    """
    must = media.protocol.upper() in PROTECTED_PROFILES
    if policy is SrtpPolicy.REFUSE:
        return Unacceptable("SRTP is not accepted here", INCOMPATIBLE_TRANSPORT) if must else Unprotected()
    if not media.crypto:
        return _without_keys(media, policy, must=must)
    found = _first_usable(media.crypto)
    if isinstance(found, Security):
        return found
    if must or policy is SrtpPolicy.REQUIRE:
        return Unacceptable(found)
    return Unprotected(f"{found}; it is recorded in the clear")


def keep_own_key(
    new: Security, old: Security | None, offered: Collection[bytes], random: Callable[[int], bytes]
) -> Security:
    """With our own key: the one we had if the suite is still the same (section 7.1.4), else a new one.

    It is never one of those `offered` (section 5.1.2).
    """
    kept = old.ours if old is not None and old.suite == new.suite else None
    ours = kept or SrtpKeys.generate(new.suite, random)
    while ours.key in offered:
        ours = SrtpKeys.generate(new.suite, random)
    return replace(new, ours=ours)


def _without_keys(
    media: MediaDescription, policy: SrtpPolicy, *, must: bool
) -> Security | Unprotected | Unacceptable:
    if must and media.has("fingerprint"):
        return Unacceptable("its keys would come by DTLS, which is not supported; SDES is (RFC 4568)")
    if must:
        return Unacceptable("it asks for SRTP and brings no key")
    if policy is SrtpPolicy.REQUIRE:
        return Unacceptable("SRTP is required here, and it offers plain RTP", INCOMPATIBLE_TRANSPORT)
    return Unprotected()


def _first_usable(lines: tuple[str, ...]) -> Security | str:
    """The first line that we can use, else why the first of all could not be used."""
    problem = ""
    for text in lines:
        try:
            line = CryptoLine.parse(text)
        except ParseError as error:
            problem = problem or str(error)
            continue
        return Security(tag=line.tag, suite=line.suite, theirs=line.keys)
    return f"none of its SRTP keys can be used: {problem}"
