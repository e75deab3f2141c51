"""The offer/answer side of a session: which streams are open, what we last said, who is on hold.

An offer is first judged (`propose`), then its new streams are opened by others, then it is committed. Until
`commit` nothing has changed, so a refusal needs no undoing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from siprecord.protocol.negotiation import AnswerPlan, MediaAnswer, answer_offer, drops_media, offer_again
from siprecord.recording import deviations, refusal
from siprecord.recording.commands import CloseStream, Command, PauseStream, ResumeStream, UpdateStream
from siprecord.recording.continuation import ExchangeSnapshot
from siprecord.recording.deviations import Deviation
from siprecord.recording.events import Ports, StreamsOpened
from siprecord.recording.metadata_state import Labels
from siprecord.recording.plan import (
    OfferPlan,
    PlanSettings,
    Slots,
    StreamPlan,
    labels_of,
    names_of,
    plan_offer,
)
from siprecord.recording.refusal import Refusal
from siprecord.syntax.sdp import SessionDescription, parse_sdp


class LocalMedia(msgspec.Struct, frozen=True, kw_only=True):
    """Our side in SDP: the address we advertise, and the id of our session description."""

    address: str
    session_id: int


class Commitment(msgspec.Struct, frozen=True):
    """What an offer led to: our answer, what is to be done with the streams, and what was odd."""

    answer: SessionDescription
    commands: tuple[Command, ...]
    deviations: tuple[Deviation, ...]


class Exchange:
    """The media of one recording session."""

    def __init__(self, settings: PlanSettings, local: LocalMedia) -> None:
        self.streams: dict[int, StreamPlan] = {}
        self.labels = Labels()
        self.masked = False
        self._settings = settings
        self.local = local
        self._ports: dict[int, Ports] = {}
        self._names: frozenset[str] = frozenset()
        self._said: SessionDescription | None = None
        self._written: tuple[SessionDescription, bytes] | None = None

    @classmethod
    def restore(cls, settings: PlanSettings, snapshot: ExchangeSnapshot) -> Exchange:
        """Go on with the streams of an earlier life. Raises ParseError when the snapshot is damaged."""
        settings = replace(settings, mask_digits=snapshot.mask_digits)
        self = cls(settings, LocalMedia(address=snapshot.address, session_id=snapshot.session_id))
        self.streams = {plan.mline: plan for plan in snapshot.streams}
        self.labels, self.masked = snapshot.labels, snapshot.masked
        self._ports, self._names = dict(snapshot.ports), frozenset(snapshot.names)
        self._said = None if snapshot.said is None else parse_sdp(snapshot.said)
        return self

    def snapshot(self) -> ExchangeSnapshot:
        """Streams, ports and SDP, as a value."""
        return ExchangeSnapshot(
            address=self.local.address,
            session_id=self.local.session_id,
            streams=tuple(self.streams.values()),
            ports=dict(self._ports),
            names=tuple(sorted(self._names)),
            labels=self.labels,
            masked=self.masked,
            said=self._said_bytes(),
            mask_digits=self._settings.mask_digits,
        )

    def _said_bytes(self) -> bytes | None:
        """What we said last, as it was sent. Written once: the state of a call is kept at every event."""
        said = self._said
        if said is None:
            return None
        if self._written is None or self._written[0] is not said:
            self._written = said, said.to_bytes()
        return self._written[1]

    @property
    def masks_digits(self) -> bool:
        """Whether keys that are pressed are kept out of the log."""
        return self._settings.mask_digits

    @property
    def storing(self) -> bool:
        """Whether there are streams and all of them are to be stored: silence means something only then."""
        return bool(self.streams) and not any(self._stopped(plan) for plan in self.streams.values())

    def propose(self, offer: SessionDescription, *, anew: bool = False) -> OfferPlan | Refusal:
        """Judge an offer; changes nothing. `anew`: it is the first one of another dialog."""
        if self._said is not None and not anew and drops_media(self._said, offer):
            return refusal.not_acceptable("The offer has fewer m-lines than the session (RFC 3264 section 8)")
        plan = plan_offer(offer, Slots(open=self.streams, names=self._names, anew=anew), self._settings)
        if not plan.usable:
            first = plan.refused[0]
            return refusal.not_acceptable(f"m-line {first.mline + 1}: {first.why}", first.code)
        return plan

    def commit(self, offer: SessionDescription, plan: OfferPlan, opened: StreamsOpened) -> Commitment:
        """Make the plan so. What could not be opened is answered with port 0."""
        new = [stream for stream in plan.open if stream.mline in opened.ports]
        failed = [deviations.refused_line(mline, why) for mline, why in opened.failed.items()]
        commands: list[Command] = [CloseStream(mline) for mline in plan.close]
        for mline in plan.close:
            del self.streams[mline], self._ports[mline]
        commands.extend(self._go_on(plan.go_on))
        self.streams.update({stream.mline: stream for stream in new})
        self._ports.update({stream.mline: opened.ports[stream.mline] for stream in new})
        self._names |= names_of(plan.open)
        commands.extend(_paused(stream, self._cause(stream)) for stream in new if self._stopped(stream))
        self.labels = replace(plan.labels, borrowed=True)
        return Commitment(self._answer(offer), tuple(commands), (*plan.deviations, *failed))

    def offer(self) -> SessionDescription | None:
        """Our offer for a re-INVITE that has none: the streams there are, nothing new."""
        if self._said is not None:
            self._said = offer_again(self._said)
        return self._said

    def take_answer(self, answer: SessionDescription) -> list[Command]:
        """Apply the SRC's answer to an offer of ours, m-line by m-line."""
        slots = Slots(open=self.streams, names=self._names)
        plan = plan_offer(answer, slots, self._settings)
        commands: list[Command] = [CloseStream(mline) for mline in plan.close]
        for mline in plan.close:
            del self.streams[mline], self._ports[mline]
        commands.extend(self._go_on(plan.go_on))
        self.labels = replace(labels_of(answer), borrowed=True)
        return commands

    def mask(self, masked: bool) -> list[Command]:
        """Stop or resume storing on our own wish."""

        def change() -> None:
            self.masked = masked

        return self._change(change)

    def mask_digits(self, masked: bool) -> list[Command]:
        """Keep keys that are pressed out of the log, or don't, on all streams that are open or will be."""
        self._settings = replace(self._settings, mask_digits=masked)
        changed = [plan for plan in self.streams.values() if plan.mask_digits != masked]
        self.streams.update({plan.mline: replace(plan, mask_digits=masked) for plan in changed})
        return [UpdateStream(self.streams[plan.mline]) for plan in changed]

    def _go_on(self, plans: Iterable[StreamPlan]) -> list[Command]:
        updates: list[Command] = [
            UpdateStream(plan) for plan in plans if replace(plan, held=False) != self._unheld(plan.mline)
        ]

        def change() -> None:
            self.streams.update({plan.mline: plan for plan in plans})

        return updates + self._change(change)

    def _change(self, change: Callable[[], None]) -> list[Command]:
        """The pauses and resumes that a change of the streams or of the mask makes necessary."""
        before = {mline: self._stopped(plan) for mline, plan in self.streams.items()}
        change()
        commands: list[Command] = []
        for mline, stopped in before.items():
            plan = self.streams[mline]
            if self._stopped(plan) and not stopped:
                commands.append(_paused(plan, self._cause(plan)))
            elif stopped and not self._stopped(plan):
                commands.append(ResumeStream(mline))
        return commands

    def _unheld(self, mline: int) -> StreamPlan:
        return replace(self.streams[mline], held=False)

    def _stopped(self, plan: StreamPlan) -> bool:
        return plan.held or self.masked

    def _cause(self, plan: StreamPlan) -> str:
        return "hold" if plan.held else "pause"

    def _answer(self, offer: SessionDescription) -> SessionDescription:
        media = tuple(
            _media_answer(self.streams.get(mline), self._ports) for mline in range(len(offer.media))
        )
        plan = AnswerPlan(
            address=self.local.address,
            session_id=self.local.session_id,
            media=media,
            previous=self._said,
        )
        self._said = answer_offer(offer, plan)
        return self._said


def _paused(plan: StreamPlan, cause: str) -> Command:
    return PauseStream(plan.mline, cause)


def _media_answer(plan: StreamPlan | None, ports: Mapping[int, Ports]) -> MediaAnswer:
    if plan is None:
        return MediaAnswer()
    own = ports[plan.mline]
    return MediaAnswer(
        port=own.rtp,
        formats=plan.formats,
        rtcp_port=None if own.rtcp == own.rtp + 1 else own.rtcp,
        rtcp_mux=plan.mux,
        attributes=() if plan.security is None else (plan.security.attribute(),),
    )
