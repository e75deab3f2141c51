"""What is known about one recording: its model, the documents it came from, the deviations seen.

Learning is done in two steps, so that the metadata of a request that is refused in the end leaves no trace
(CONFORMANCE MDP-05): `read` works out what a message would change, `keep` makes it so and says what to log.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime

from siprecord.recording import deviations
from siprecord.recording.commands import AppendEvent
from siprecord.recording.contents import Contents
from siprecord.recording.continuation import KnowledgeSnapshot
from siprecord.recording.deviations import Deviation
from siprecord.recording.metadata_state import Labels, apply_document, close_all
from siprecord.recording.model import RecordingModel
from siprecord.recording.snapshot import model_fields

MAX_DEVIATIONS = 200
"""Kinds of deviation noted on one recording. Ours: a peer may err a million times, the log need not."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a message would teach, not kept yet."""

    contents: Contents
    carried_by: str
    model: RecordingModel
    notes: tuple[Deviation, ...]


class Knowledge:
    """The model of one recording as it grows."""

    def __init__(self) -> None:
        self.model = RecordingModel()
        self.documents = 0
        self._noted: set[Deviation] = set()

    @classmethod
    def restore(cls, snapshot: KnowledgeSnapshot) -> Knowledge:
        """Go on with what an earlier life knew."""
        self = cls()
        self.model, self.documents = snapshot.model, snapshot.documents
        self._noted = set(snapshot.noted)
        return self

    def snapshot(self) -> KnowledgeSnapshot:
        """All that is known, as a value."""
        noted = tuple(sorted(self._noted, key=lambda each: (each.text, each.reference)))
        return KnowledgeSnapshot(model=self.model, documents=self.documents, noted=noted)

    @property
    def deviations(self) -> frozenset[Deviation]:
        """All that was noted."""
        return frozenset(self._noted)

    @property
    def needs_snapshot(self) -> bool:
        """Whether partial documents have come with nothing to build on (CONFORMANCE MDP-08)."""
        model = self.model
        return not model.snapshot and bool(model.sessions or model.participants or model.streams)

    @property
    def between_sessions(self) -> bool:
        """Whether the SRC told us that nothing goes on: a persistent recording session, silent for good
        reason.
        """
        return self.model.snapshot and not self.model.live_sessions()

    def read(self, contents: Contents, carried_by: str, labels: Labels, at: datetime) -> Lesson:
        """Work out what a message teaches; changes nothing."""
        if contents.metadata is None:
            return Lesson(contents, carried_by, self.model, contents.deviations)
        merge = apply_document(self.model, contents.metadata, labels, at)
        return Lesson(contents, carried_by, merge.model, contents.deviations + merge.deviations)

    def keep(self, lesson: Lesson) -> list[AppendEvent]:
        """Make it so. Returns what belongs into the capture log: the raw documents come first."""
        events = [self._document(lesson, index) for index in range(len(lesson.contents.documents))]
        events.extend(self.note(*lesson.notes))
        if lesson.model != self.model:
            self.model = lesson.model
            events.append(AppendEvent("session.model", model_fields(lesson.model)))
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
