"""From an SDP offer to what is done with each m-line: open, go on, close or refuse.

An m-line is a slot. While it is open its capture goes on through any change of label, codec or address; a
slot that was closed by port 0 and is used again is a new stream (CONFORMANCE RSDP-10, RSDP-11). What we
can't or won't record is refused line by line with port 0, never the whole call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypedDict

import msgspec

from siprecord.protocol.negotiation import RECORDABLE_PROFILES, accepted_formats
from siprecord.recording import deviations
from siprecord.recording.addresses import is_multicast, literal
from siprecord.recording.deviations import Deviation
from siprecord.recording.metadata_state import Labels
from siprecord.recording.security import (
    Security,
    SrtpPolicy,
    Unacceptable,
    Unprotected,
    keep_own_key,
    protection,
)
from siprecord.syntax.sdp import (
    KINDS_REMEMBERED,
    Coding,
    Direction,
    MediaDescription,
    SessionDescription,
)

RESERVED_NAME = "sip"
"""The interface of SIP messages in a capture log."""


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which streams may be recorded. `profiles` are the RTP profiles whose packets we can read.

    `random` makes our own SRTP keys, so many bytes that nobody can guess; who only judges needs none.
    """

    max_streams: int = 64
    kinds: tuple[str, ...] = ("audio", "video")
    profiles: frozenset[str] = RECORDABLE_PROFILES
    srtp: SrtpPolicy = SrtpPolicy.PREFER
    random: Callable[[int], bytes] | None = None
    mask_digits: bool = False


class StreamPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One stream to record. `name` is unique within the recording; `label` is what the SRC wrote, if
    anything.

    `formats` are those accepted, in the offer's order. `payloads` maps payload type numbers, as text, to
    encoding, rate, channels and, where given, fmtp. `held` says that nothing may be stored for now.
    `source` is from where its packets should come, `reports` where ours are to go; `mux` says that both share
    a port. `security` holds its SRTP keys; none is a stream in the clear.
    """

    mline: int
    name: str
    label: str | None
    kind: str
    direction: str
    formats: tuple[str, ...]
    payloads: Mapping[str, Mapping[str, object]]
    held: bool = False
    content: str | None = None
    source: tuple[str, int] | None = None
    reports: tuple[str, int] | None = None
    mux: bool = False
    security: Security | None = None
    mask_digits: bool = False
    """Keys that are pressed must not reach the log."""


class RefusedLine(msgspec.Struct, frozen=True):
    """An m-line that gets port 0. `code` is the Warning that says why (RFC 3261 section 20.43)."""

    mline: int
    why: str
    code: int


class OfferPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with an offer. `empty` says that the SRC itself offers no stream, which is not an error."""

    open: tuple[StreamPlan, ...] = ()
    go_on: tuple[StreamPlan, ...] = ()
    close: tuple[int, ...] = ()
    refused: tuple[RefusedLine, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    labels: Labels = msgspec.field(default_factory=Labels)
    empty: bool = False

    @property
    def usable(self) -> bool:
        """Whether the offer can be answered by something other than a refusal of everything."""
        return self.empty or bool(self.open or self.go_on)


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """The streams open before the offer, by m-line, and all names that were ever given in this recording."""

    open: Mapping[int, StreamPlan] = msgspec.field(default_factory=dict)
    names: frozenset[str] = frozenset()
    anew: bool = False
    """The offer is the first one of another dialog: its m-lines may stand in another order."""

    @property
    def first(self) -> bool:
        """Whether this is the first offer of the session."""
        return not self.names


def plan_offer(offer: SessionDescription, slots: Slots, settings: PlanSettings) -> OfferPlan:
    """Decide on every m-line of `offer`. Changes nothing and opens nothing."""
    planner = _Planner(offer, slots, settings)
    for mline, media in enumerate(offer.media):
        planner.take(mline, media)
    return planner.plan()


def labels_of(offer: SessionDescription) -> Labels:
    """What the labels of this SDP point to. A repeated label means its first m-line (RSDP-19)."""
    by_label: dict[str, int] = {}
    unlabelled = []
    for mline, media in enumerate(offer.media):
        label = media.label
        if label is not None:
            by_label.setdefault(label, mline)
        elif media.port:
            unlabelled.append(mline)
    content = {mline: content for mline, media in enumerate(offer.media) if (content := media.content)}
    return Labels(by_label=by_label, content=content, unlabelled=tuple(unlabelled))


class _Ways(TypedDict):
    source: tuple[str, int] | None
    reports: tuple[str, int] | None
    mux: bool


class _Planner:
    def __init__(self, offer: SessionDescription, slots: Slots, settings: PlanSettings) -> None:
        self._offer = offer
        self._slots = slots
        self._settings = settings
        self._names = {RESERVED_NAME, *slots.names}
        self._open: list[StreamPlan] = []
        self._go_on: list[StreamPlan] = []
        self._close: list[int] = []
        self._refused: list[RefusedLine] = []
        self._deviations: list[Deviation] = []
        self._labels: set[str] = set()
        self._accepted: dict[int, tuple[str, ...]] = {}
        self._protection: dict[int, Security | Unprotected | Unacceptable] = {}

    def take(self, mline: int, media: MediaDescription) -> None:
        current = self._slots.open.get(mline)
        refused = self._refuse(mline, media) if media.port else None
        goes_on = media.port and not refused and current is not None and self._is_same(current, media)
        if current is not None and not goes_on:
            self._close.append(mline)
        if not media.port:
            return
        if refused is None and not goes_on and self._full():
            refused = RefusedLine(mline, f"the limit of {self._settings.max_streams} streams is reached", 399)
        if refused is not None:
            self._refused.append(refused)
            self._deviations.append(deviations.refused_line(mline, refused.why))
            return
        label = media.label
        self._note_label(mline, label)
        if goes_on and current is not None:
            self._go_on.append(self._stream(mline, media, current.name))
        else:
            self._open.append(self._stream(mline, media, self._name(mline, label)))

    def _is_same(self, current: StreamPlan, media: MediaDescription) -> bool:
        return current.kind == media.kind and (not self._slots.anew or current.label == media.label)

    def plan(self) -> OfferPlan:
        return OfferPlan(
            open=tuple(self._open),
            go_on=tuple(self._go_on),
            close=(*self._close, *self._left_out()),
            refused=tuple(self._refused),
            deviations=tuple(self._deviations),
            labels=labels_of(self._offer),
            empty=all(media.port == 0 for media in self._offer.media),
        )

    def _left_out(self) -> list[int]:
        """The m-lines that another dialog does not have; within one they can't become fewer."""
        return [mline for mline in self._slots.open if self._slots.anew and mline >= len(self._offer.media)]

    def _full(self) -> bool:
        return len(self._open) + len(self._go_on) >= self._settings.max_streams

    def _refuse(self, mline: int, media: MediaDescription) -> RefusedLine | None:
        if media.kind.lower() not in self._settings.kinds:
            return RefusedLine(mline, f"media of kind {media.kind[:20]} is not recorded", 304)
        if media.protocol.upper() not in self._settings.profiles:
            return RefusedLine(mline, f"the profile {media.protocol[:30]} is not supported", 302)
        if not self._formats(media):
            return RefusedLine(mline, "none of its formats can be recorded", 305)
        connection = self._offer.connection_of(media)
        if connection is not None and is_multicast(connection.host):
            return RefusedLine(mline, "multicast is not supported", 330)
        found = self._protection[mline] = protection(media, self._settings.srtp)
        return RefusedLine(mline, found.why, found.code) if isinstance(found, Unacceptable) else None

    def _formats(self, media: MediaDescription) -> tuple[str, ...]:
        """Asked twice of each line, and costly."""
        known = self._accepted.get(id(media))
        if known is None:
            settings = self._settings
            known = accepted_formats(media, kinds=settings.kinds, profiles=settings.profiles)
            self._accepted[id(media)] = known
        return known

    def _stream(self, mline: int, media: MediaDescription, name: str) -> StreamPlan:
        formats = self._formats(media)
        return StreamPlan(
            mline=mline,
            name=name,
            label=media.label,
            kind=media.kind,
            direction=media.direction.value,
            formats=formats,
            payloads=_payloads(formats, media.coding),
            held=self._is_held(mline, media),
            content=media.content,
            **self._ways(media),
            security=self._secure(mline, media),
            mask_digits=self._settings.mask_digits,
        )

    def _ways(self, media: MediaDescription) -> _Ways:
        """From where packets should come and where ours go. Names are not looked up."""
        connection, mux = self._offer.connection_of(media), media.rtcp_mux
        known = connection is not None and not connection.unspecified
        source = (connection.host, media.port) if connection is not None and known else None
        reports = self._offer.rtcp_destination(media, mux=mux)
        return _Ways(source=literal(source), reports=literal(reports), mux=mux)

    def _secure(self, mline: int, media: MediaDescription) -> Security | None:
        found = self._protection[mline]
        if not isinstance(found, Security):
            if isinstance(found, Unprotected) and found.note:
                self._deviations.append(deviations.not_protected(mline, found.note))
            return None
        random = self._settings.random
        if random is None:
            return found
        # Another stream that had this m-line keeps its key for itself: its reports were sent under it.
        current = self._slots.open.get(mline)
        old = current.security if current is not None and self._is_same(current, media) else None
        return keep_own_key(found, old, {key.key for key in found.theirs}, random)

    def _is_held(self, mline: int, media: MediaDescription) -> bool:
        """Nothing is to be stored: the SRC says inactive, or recvonly, or holds in the old way."""
        direction = media.direction
        if direction is Direction.INACTIVE or direction is Direction.RECVONLY:
            return True
        connection = self._offer.connection_of(media)
        zero = connection is not None and connection.unspecified
        if not zero or direction is not Direction.SENDRECV or self._slots.first:
            return False
        self._deviations.append(deviations.zero_address_hold(mline))
        return True

    def _note_label(self, mline: int, label: str | None) -> None:
        if label is None:
            self._deviations.append(deviations.no_label(mline))
        elif label in self._labels:
            self._deviations.append(deviations.duplicate_label(label, mline))
        else:
            self._labels.add(label)

    def _name(self, mline: int, label: str | None) -> str:
        base = label or f"mline-{mline}"
        name, number = base, 1
        while name in self._names:
            number += 1
            name = f"{base}#{number}"
        self._names.add(name)
        return name


def _payloads(formats: tuple[str, ...], coding: Coding) -> Mapping[str, Mapping[str, object]]:
    return _known_payloads(formats, coding) if coding.short else _describe(formats, coding)


def _describe(formats: tuple[str, ...], coding: Coding) -> Mapping[str, Mapping[str, object]]:
    codecs, parameters = coding.codecs(), coding.parameters()
    described: dict[str, Mapping[str, object]] = {}
    for name in formats:
        codec = codecs[name]
        payload: dict[str, object] = {
            "encoding": codec.encoding,
            "rate": codec.clock_rate,
            "channels": codec.channels,
        }
        if int(name) in parameters:
            payload["fmtp"] = parameters[int(name)]
        described[name] = payload
    return described


_known_payloads = lru_cache(maxsize=KINDS_REMEMBERED)(_describe)


def names_of(plans: Iterable[StreamPlan]) -> frozenset[str]:
    """The names that these plans use up."""
    return frozenset(plan.name for plan in plans)
