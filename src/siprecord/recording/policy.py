"""Who is recorded: what counts as SIPREC, who may send it, and when there is no room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from siprecord.errors import ParseError
from siprecord.recording import deviations, refusal
from siprecord.recording.deviations import Deviation
from siprecord.recording.refusal import Refusal
from siprecord.recording.rules import Rule
from siprecord.syntax.sip import NameAddr, Request

OPTION_TAG = "siprec"
SOURCE_TAG = "+sip.src"
RECORDER_TAG = "+sip.srs"
FORK_HEADER = "X-Cisco-Recording-Participant"
FORK_PARAMS = ("x-nearend", "x-farend", "x-refci")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The choices of an operator.

    Lenient is the default: one sign of SIPREC is enough. `strict` asks for both that RFC 7866 names and
    refuses unknown body parts. `plain_calls` records calls without any sign; else they get `plain_status`.
    """

    strict: bool = False
    plain_calls: bool = False
    plain_status: int = 404
    max_calls: int = 5000
    retry_after_s: int = 30
    no_offer: Literal["refuse", "empty", "offer"] = "refuse"
    own_streams: int = 1
    rules: tuple[Rule, ...] = ()

    def streams_to_offer(self, signs: Signs) -> int | None:
        """How many streams to offer to an INVITE without SDP; None refuses it (CONFORMANCE ANS-07)."""
        if signs.fork or self.no_offer == "offer":
            return self.own_streams
        return 0 if self.no_offer == "empty" else None


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of a recording session that a request bears."""

    required: bool
    tagged: bool
    nearly: str | None
    """A feature tag in the wrong spelling or place, as written."""
    fork: bool = False
    """Whether it is a recording call of the kind before SIPREC: a fork of a Cisco phone (Q16, Q19)."""
    takes_sdp: bool = True
    """Whether the answer may be SDP, going by Accept (RFC 3261 section 20.1)."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """How busy this server is. `problems` are sentences about what is broken: spool, disk, media.

    `trunk_calls` are those of the trunk that asks, `trunk_max` is how many it may have; 0 is no limit.
    """

    calls: int = 0
    trunk_calls: int = 0
    trunk_max: int = 0
    draining: bool = False
    problems: tuple[str, ...] = ()


def read_signs(request: Request) -> Signs:
    """Look for `Require: siprec` and for `+sip.src` in the Contact, and near misses of the latter."""
    required = any(tag.strip().lower() == OPTION_TAG for tag in request.headers.get_list("Require"))
    contact = _contact(request)
    tagged = contact is not None and _is_set(contact, SOURCE_TAG)
    nearly = None if tagged else _near_miss(request, contact)
    return Signs(
        required=required,
        tagged=tagged,
        nearly=nearly,
        fork=_is_fork(request),
        takes_sdp=_takes_sdp(request),
    )


def recognise(
    signs: Signs, *, has_metadata: bool, settings: PolicySettings
) -> tuple[Refusal | None, tuple[Deviation, ...]]:
    """Decide whether a new INVITE opens a recording session (CONFORMANCE RS-01 to RS-08)."""
    notes = []
    if not signs.required:
        notes.append(deviations.no_require())
    if not signs.tagged:
        notes.append(deviations.odd_source_tag(signs.nearly) if signs.nearly else deviations.no_source_tag())
    both = signs.required and signs.tagged
    any_sign = signs.required or signs.tagged or signs.fork or has_metadata
    if both or (any_sign and not settings.strict):
        return None, tuple(notes)
    if not signs.takes_sdp:
        return Refusal(406, "", (("Accept", refusal.ACCEPT),)), ()
    if settings.plain_calls:
        return None, (deviations.not_siprec(),)
    return refusal.not_recorded_here(settings.plain_status), ()


def busy(load: Load, settings: PolicySettings) -> Refusal | None:
    """Why there is no room for a call; asked before anything is spent on it.

    OPTIONS is answered by the same rule, so that pings tell the truth.
    """
    if load.draining:
        return refusal.unavailable("Shutting down", settings.retry_after_s)
    if load.problems:
        return refusal.unavailable(load.problems[0], settings.retry_after_s)
    if load.calls >= settings.max_calls:
        return refusal.unavailable("All recording slots are taken")
    if load.trunk_max and load.trunk_calls >= load.trunk_max:
        return refusal.unavailable("All recording slots of this trunk are taken")
    return None


def _is_fork(request: Request) -> bool:
    """Cisco gateways name the parties in a header, phones the other call in parameters of From."""
    if FORK_HEADER in request.headers:
        return True
    sender = (request.headers.get("From") or "").lower()
    return any(f";{param}" in sender for param in FORK_PARAMS)


def _takes_sdp(request: Request) -> bool:
    """A recording client that forgets SDP in Accept still gets it; any other is taken at its word."""
    if "Accept" not in request.headers:
        return True
    accepted = {entry.partition(";")[0].strip().lower() for entry in request.headers.get_list("Accept")}
    return not accepted.isdisjoint({"application/sdp", "application/*", "*/*"})


def _contact(request: Request) -> NameAddr | None:
    try:
        return request.contact
    except ParseError:
        return None


def _is_set(contact: NameAddr, tag: str) -> bool:
    """A feature tag counts when it is bare or TRUE; names match in any case (RFC 3840 section 9)."""
    for name, value in contact.params.items():
        if name.lower() == tag:
            return value is None or value.strip('"').upper() != "FALSE"
    return False


def _near_miss(request: Request, contact: NameAddr | None) -> str | None:
    if contact is not None:
        if _is_set(contact, "src"):
            return ";src"
        if f";{SOURCE_TAG}" in contact.uri.lower():
            return "a URI parameter"
    elif SOURCE_TAG in (request.headers.get("Contact") or "").lower():
        return "a malformed Contact"
    return None
