"""Who speaks on which stream, learnt from the events in the capture log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siprecord.transcribe.audio import Speaker


class Speakers:
    """Labels by interface and participants by label, as the log tells them so far."""

    def __init__(self) -> None:
        self.call_id = ""
        self._labels: dict[int, str] = {}
        self._by_label: dict[str, tuple[Speaker, ...]] = {}

    def learn(self, event: Mapping[str, Any]) -> None:
        """Take in one of the recorder's events; one that says nothing about streams or people is ignored."""
        name = event.get("event")
        if name == "recording.started":
            self.call_id = str(event.get("call_id", ""))
        elif name in ("stream.opened", "stream.updated"):
            interface, label = event.get("interface"), event.get("label")
            if isinstance(interface, int):
                self._labels[interface] = str(label) if label is not None else f"mline-{event.get('mline')}"
        elif name == "session.model":
            self._by_label = _senders(event)

    def label(self, interface: int) -> str:
        """The label of the stream behind an interface of the log."""
        return self._labels.get(interface, f"interface-{interface}")

    def of(self, interface: int) -> tuple[Speaker, ...]:
        """Who sends on the stream behind an interface; empty where the metadata does not say."""
        return self._by_label.get(self.label(interface), ())


def _senders(model: Mapping[str, Any]) -> dict[str, tuple[Speaker, ...]]:
    people = {
        str(one["id"]): Speaker(id=str(one["id"]), aor=one.get("aor"), name=one.get("name"))
        for one in model.get("participants", ())
    }
    return {
        str(stream["label"]): tuple(people[who] for who in stream.get("sending", ()) if who in people)
        for stream in model.get("streams", ())
        if stream.get("label") is not None
    }
