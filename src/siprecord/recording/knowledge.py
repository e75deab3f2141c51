"""What is known about one recording: its model, the documents it came from, the deviations seen.

Learning is done in two steps, so that the metadata of a request that is refused in the end leaves no trace
(CONFORMANCE MDP-05): `read` works out what a message would change, `keep` makes it so and says what to log.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

import msgspec

from siprecord.recording import deviations
from siprecord.recording.call_facts import call_fields
from siprecord.recording.commands import AppendEvent
from siprecord.recording.contents import Contents
from siprecord.recording.continuation import KnowledgeSnapshot
from siprecord.recording.contradictions import contradictions
from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import Findings
from siprecord.recording.metadata_state import Labels, apply_document, close_all
from siprecord.recording.model import RecordingModel
from siprecord.recording.overlay import Lines, overlay
from siprecord.recording.plan import StreamPlan
from siprecord.recording.snapshot import model_fields

MAX_DEVIATIONS = 200
"""Kinds of deviation noted on one recording. Ours: a peer may err a million times, the log need not."""


class Lesson(msgspec.Struct, frozen=True):
    """What a message would teach, not kept yet."""

    contents: Contents
    carried_by: str
    told: RecordingModel
    notes: tuple[Deviation, ...]
    at: datetime


class Knowledge:
    """The model of one recording as it grows.

    `told` is what the metadata says. `model` is that with what headers and vendor blocks add (`overlay`).
    """

    def __init__(self, *, swap_sides: bool = False) -> None:
        self.model = RecordingModel()
        self.told = RecordingModel()
        self.findings = Findings()
        self.documents = 0
        self.swap_sides = swap_sides
        self._noted: set[Deviation] = set()
        self._lines: Lines | None = None
        self._call: Mapping[str, object] = {}

    @classmethod
    def restore(cls, snapshot: KnowledgeSnapshot) -> Knowledge:
        """Go on with what an earlier life knew."""
        self = cls(swap_sides=snapshot.swap_sides)
        self.told, self.findings, self._lines = snapshot.told, snapshot.findings, snapshot.lines
        self.model = overlay(self.told, self.findings, self._lines) if self._lines else self.told
        self._call = call_fields(self.model, self.findings, swap=self.swap_sides)
        self.documents, self._noted = snapshot.documents, set(snapshot.noted)
        return self

    def snapshot(self) -> KnowledgeSnapshot:
        """All that is known, as a value. `model` follows from the rest."""
        return KnowledgeSnapshot(
            told=self.told,
            findings=self.findings,
            lines=self._lines,
            documents=self.documents,
            noted=tuple(sorted(self._noted, key=lambda each: (each.text, each.reference))),
            swap_sides=self.swap_sides,
        )

    @property
    def deviations(self) -> frozenset[Deviation]:
        """All that was noted."""
        return frozenset(self._noted)

    @property
    def needs_snapshot(self) -> bool:
        """Whether partial documents have come with nothing to build on (CONFORMANCE MDP-08)."""
        model = self.told
        return not model.snapshot and bool(model.sessions or model.participants or model.streams)

    @property
    def between_sessions(self) -> bool:
        """Whether the SRC told us that nothing goes on: a persistent recording session, silent for good
        reason.
        """
        return self.told.snapshot and not self.told.live_sessions()

    def read(self, contents: Contents, carried_by: str, labels: Labels, at: datetime) -> Lesson:
        """Work out what a message teaches; changes nothing."""
        notes = contents.deviations
        if contents.metadata is None:
            return Lesson(contents, carried_by, self.told, notes, at)
        merge = apply_document(self.told, contents.metadata, labels, at)
        return Lesson(contents, carried_by, merge.model, notes + merge.deviations, at)

    def keep(self, lesson: Lesson, lines: Mapping[int, StreamPlan]) -> list[AppendEvent]:
        """Make it so; `lines` are the streams that are open now.

        Returns what belongs into the capture log: the raw documents come first.
        """
        events = [self._document(lesson, index) for index in range(len(lesson.contents.documents))]
        events.extend(self.note(*lesson.notes))
        findings = self.findings.joined(lesson.contents.findings)
        labels = {mline: plan.label for mline, plan in sorted(lines.items())}
        if self._is_known(lesson, findings, labels):
            return events
        self.told, self.findings = lesson.told, findings
        if self._lines is None or self._lines.labels != labels:
            self._lines = Lines(labels=labels, since=lesson.at)
        events.extend(self._show(overlay(self.told, self.findings, self._lines)))
        events.extend(self.note(*contradictions(self.told, lines)))
        return events

    def _is_known(self, lesson: Lesson, findings: Findings, labels: Mapping[int, str | None]) -> bool:
        """Whether nothing in the message is news, as in most that have no body."""
        same = lesson.contents.sdp is None and lesson.told is self.told and findings == self.findings
        return same and self._lines is not None and self._lines.labels == labels

    def _show(self, model: RecordingModel) -> list[AppendEvent]:
        """Tell the log what has changed."""
        events = []
        call = call_fields(model, self.findings, swap=self.swap_sides)
        if call != self._call:
            self._call = call
            events.append(AppendEvent("call.identity", call))
        if model != self.model:
            self.model = model
            events.append(AppendEvent("session.model", model_fields(model)))
        return events

    def retell(self) -> list[AppendEvent]:
        """What a log needs that begins in the middle of the call: the call and its model as they are."""
        events = [AppendEvent("call.identity", self._call)] if self._call else []
        if self.model != RecordingModel():
            events.append(AppendEvent("session.model", model_fields(self.model)))
        return events

    def note(self, *notes: Deviation) -> list[AppendEvent]:
        """Note deviations; each is told once in a recording."""
        events = []
        for deviation in notes:
            if deviation in self._noted or len(self._noted) >= MAX_DEVIATIONS:
                continue
            self._noted.add(deviation)
            fields = {"text": deviation.text, "reference": deviation.reference}
            events.append(AppendEvent("deviation", fields))
        return events

    def finish(self, at: datetime) -> list[AppendEvent]:
        """The recording session is over: close what is open."""
        if self.model == RecordingModel():
            return []
        self.model = close_all(self.model, at)
        return [AppendEvent("session.model", model_fields(self.model))]

    def note_absence(self, contents: Contents) -> list[AppendEvent]:
        """Note that an INVITE brought no metadata."""
        return [] if contents.documents else self.note(deviations.no_metadata())

    def _document(self, lesson: Lesson, index: int) -> AppendEvent:
        self.documents += 1
        document = lesson.contents.documents[index]
        return AppendEvent(
            "metadata.received",
            {
                "number": self.documents,
                "content_type": document.content_type,
                "carried_by": lesson.carried_by,
                "document": b64encode(document.data).decode("ascii"),
            },
        )
