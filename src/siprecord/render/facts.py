"""What a capture log tells of a recording, apart from the audio itself."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from siprecord.media.audio import payload_map
from siprecord.media.reader import CaptureReader, Interface, LogEvent, SipMessage

_AFTERWARDS = "recording.continued"
"""Written by a node that came back and learned who went on with its call: no part of the call's time."""
_RAW_IP = 101
KINDS = 128
"""Payload types there are."""
_BY_PARAMETERS = frozenset({"AMR", "AMR-WB", "ILBC"})
"""Codecs that are decoded by what `fmtp` says."""
MAX_ALARMS = 1000
"""Alarms of one stream that are listed."""
MAX_FOLLOWED = 1_000
"""Decisions on senders that are told of one stream; each is heeded all the same."""


@dataclass(slots=True)
class StreamFacts:
    """One media stream as the events describe it; a stream without events is known by its interface alone."""

    interface: int
    label: str
    mline: int | None = None
    kind: str = "audio"
    direction: str | None = None
    payloads: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By payload type; from 128 on, what a type meant before it got another meaning."""
    earlier: list[tuple[int, int, int]] = field(default_factory=list)
    """Until when, which payload type, and under which number of `payloads` that is."""
    announced: bool = False
    """Whether an event opened it."""
    silences: list[tuple[int, int, str]] = field(default_factory=list)
    silent_since: tuple[int, str] | None = None
    closed_ns: int | None = None
    alarms: list[dict[str, Any]] = field(default_factory=list)
    """When nothing came, or nothing audible: the events, in order."""
    srtp: str | None = None
    """The suite, of a protected stream."""
    expected: str | None = None
    """From where the SDP said that it comes."""
    followed: list[dict[str, Any]] = field(default_factory=list)
    """Each decision to follow a sender, in order."""


@dataclass(frozen=True, slots=True)
class Absence:
    """The recorder was gone and came back in this log. `cause`: `restart`, or `failover` to another one."""

    died_ns: int
    """0 when nobody knows."""
    back_ns: int
    cause: str
    elsewhere: bool = False
    """It is no hole in this log but lies before it: this recording goes on with that of a node which died."""

    def joins(self, before: Absence) -> bool:
        """Whether it is one with the absence before: who came back in between died before it served."""
        alike = self.cause == before.cause == "restart" and bool(before.died_ns)
        return alike and 0 < self.died_ns < before.back_ns


@dataclass(frozen=True, slots=True)
class MetadataFacts:
    """One metadata document, byte for byte as it was received."""

    document: bytes
    content_type: str
    carried_by: str
    time_ns: int


@dataclass(slots=True)
class LogFacts:
    """Everything that rendering needs from the events of one log."""

    started: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, Any] | None = None
    streams: dict[int, StreamFacts] = field(default_factory=dict)
    metadata: list[MetadataFacts] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    """Vendor, ids, direction and sides, as the last `call.identity` event told them."""
    continued: list[dict[str, Any]] = field(default_factory=list)
    """Recordings of other nodes that went on with this one."""
    rules: list[dict[str, Any]] = field(default_factory=list)
    """The operator's rules that were applied, in order."""
    digits: dict[str, Any] = field(default_factory=dict)
    """Whether keys that were pressed are in the log, and who said so; empty in logs of older versions."""
    deviations: list[dict[str, Any]] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    clock_settings: list[dict[str, Any]] = field(default_factory=list)
    """Each time that somebody set the recorder's clock; the log keeps the time it began with."""
    continues: dict[str, Any] | None = None
    """Which recording this one continues."""
    dialogs: list[dict[str, Any]] = field(default_factory=list)
    """Dialogs that took the call over from the one before."""
    merged: dict[str, Any] | None = None
    """What came from which copy, when the log was merged of two."""
    sip_messages: int = 0
    first_ns: int = 0
    last_ns: int = 0
    bytes_read: int = 0
    left_over: int = 0
    damaged: int = 0

    @property
    def truncated(self) -> bool:
        """Whether the log ends in half a block."""
        return self.left_over > 0

    def counted(self, interface: int) -> dict[str, Any]:
        """What the recorder itself counted on one stream, as `recording.ended` tells it."""
        rows = (self.ended or {}).get("streams")
        known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return next((row for row in known if row.get("interface") == interface), {})

    @property
    def complete(self) -> bool:
        """Whether the recorder closed the log itself and nothing in it is damaged."""
        return self.ended is not None and not self.truncated and self.damaged == 0


def read_facts(capture: Path) -> LogFacts:
    """Read the events of one log; raises MediaError when it can't be read at all."""
    facts = LogFacts()
    reader = CaptureReader(capture)
    for item in reader:
        match item:
            case Interface(linktype=linktype) if linktype == _RAW_IP:
                facts.streams[item.index] = _stream(item)
            case SipMessage():
                facts.sip_messages += 1
                _note_time(facts, item.time_ns)
            case LogEvent():
                if item.name != _AFTERWARDS:
                    _note_time(facts, item.time_ns)
                handler = _HANDLERS.get(item.name)
                if handler is not None:
                    handler(facts, item)
    for stream in facts.streams.values():
        _close_silence(stream, stream.closed_ns or facts.last_ns)
    facts.bytes_read, facts.left_over, facts.damaged = reader.read, reader.left_over, reader.damaged
    return facts


def _note_time(facts: LogFacts, time_ns: int) -> None:
    if time_ns:
        facts.first_ns = min(facts.first_ns or time_ns, time_ns)
        facts.last_ns = max(facts.last_ns, time_ns)


def _stream(interface: Interface) -> StreamFacts:
    """What the interface's own description says; events say it better."""
    stream = StreamFacts(interface.index, interface.name)
    try:
        described = msgspec.json.decode(interface.description or "{}")
    except msgspec.DecodeError:
        return stream
    if isinstance(described, dict):
        _apply(stream, described, 0)
    return stream


def _apply(stream: StreamFacts, values: dict[str, Any], time_ns: int) -> None:
    if isinstance(values.get("mline"), int):
        stream.mline = values["mline"]
    for name, field_name in _TEXTS.items():
        if isinstance(values.get(name), str) and values[name]:
            setattr(stream, field_name, values[name])
    payloads = values.get("payloads")
    if isinstance(payloads, dict):
        for number, meaning in payload_map(payloads).items():
            _mean(stream, number, meaning, time_ns)


def _mean(stream: StreamFacts, number: int, values: dict[str, Any], time_ns: int) -> None:
    """Let a payload type mean this from now on. What came before keeps the meaning it had."""
    before = stream.payloads.get(number)
    kind = KINDS + len(stream.earlier)
    if before is not None and _meaning(before) != _meaning(values) and kind < 2 * KINDS:
        stream.earlier.append((time_ns, number, kind))
        stream.payloads[kind] = before
    stream.payloads[number] = values


def _meaning(values: Mapping[str, Any]) -> tuple[object, ...]:
    """What changes the audio; for most codecs the parameters do not."""
    encoding = str(values.get("encoding", "")).upper()
    parameters = values.get("fmtp") if encoding in _BY_PARAMETERS else None
    return encoding, values.get("rate"), values.get("channels") or 1, parameters


_TEXTS = {"label": "label", "kind": "kind", "direction": "direction", "srtp": "srtp", "source": "expected"}
"""Where what an event says of a stream is kept."""


def _find(facts: LogFacts, item: LogEvent) -> StreamFacts | None:
    return None if item.interface is None else facts.streams.get(item.interface)


def _started(facts: LogFacts, item: LogEvent) -> None:
    facts.started = facts.started or item.event


def _ended(facts: LogFacts, item: LogEvent) -> None:
    facts.ended = item.event


def _opened(facts: LogFacts, item: LogEvent) -> None:
    if item.interface is None:
        return
    name = str(item.event.get("label") or f"mline-{item.event.get('mline')}")
    stream = facts.streams.setdefault(item.interface, StreamFacts(item.interface, name))
    stream.announced = True
    _apply(stream, item.event, item.time_ns)


def _updated(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None:
        _apply(stream, item.event, item.time_ns)


def _paused(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None:
        _close_silence(stream, item.time_ns)
        stream.silent_since = (item.time_ns, "hold" if item.event.get("cause") == "hold" else "pause")


def _resumed(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None:
        _close_silence(stream, item.time_ns)


def _followed(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None and len(stream.followed) < MAX_FOLLOWED:
        stream.followed.append(item.event)


def _closed(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None:
        stream.closed_ns = item.time_ns


def _alarm(facts: LogFacts, item: LogEvent) -> None:
    if (stream := _find(facts, item)) is not None and len(stream.alarms) < MAX_ALARMS:
        stream.alarms.append(item.event)


def _close_silence(stream: StreamFacts, time_ns: int) -> None:
    if stream.silent_since is not None:
        since, cause = stream.silent_since
        stream.silences.append((since, max(since, time_ns), cause))
        stream.silent_since = None


def _restarted(facts: LogFacts, item: LogEvent) -> None:
    died = item.event.get("died_ns")
    cause = "failover" if item.event.get("cause") == "failover" else "restart"
    absence = Absence(died if isinstance(died, int) else 0, item.time_ns, cause)
    if facts.absences and absence.joins(facts.absences[-1]):
        absence = replace(facts.absences.pop(), back_ns=item.time_ns)
    facts.absences.append(absence)


def _clock_set(facts: LogFacts, item: LogEvent) -> None:
    if len(facts.clock_settings) < MAX_ALARMS:
        facts.clock_settings.append(item.event)


def _metadata(facts: LogFacts, item: LogEvent) -> None:
    try:
        document = base64.b64decode(str(item.event.get("document", "")), validate=True)
    except (binascii.Error, ValueError):
        facts.deviations.append({"text": "a stored metadata document can't be read", "time_ns": item.time_ns})
        return
    content_type, carried_by = str(item.event.get("content_type", "")), str(item.event.get("carried_by", ""))
    facts.metadata.append(MetadataFacts(document, content_type, carried_by, item.time_ns))


def _model(facts: LogFacts, item: LogEvent) -> None:
    facts.model = item.event


def _call(facts: LogFacts, item: LogEvent) -> None:
    facts.call = item.event


def _continued(facts: LogFacts, item: LogEvent) -> None:
    facts.continued.append(item.event)


def _rule(facts: LogFacts, item: LogEvent) -> None:
    facts.rules.append(item.event)


def _digits(facts: LogFacts, item: LogEvent) -> None:
    facts.digits = item.event


def _deviation(facts: LogFacts, item: LogEvent) -> None:
    facts.deviations.append(item.event)


def _continues(facts: LogFacts, item: LogEvent) -> None:
    facts.continues = item.event
    seen, cause = item.event.get("last_seen_ns"), item.event.get("cause")
    if isinstance(seen, int) and cause in ("restart", "failover"):
        before = [each for each in facts.absences if not each.elsewhere]
        facts.absences = [*before, Absence(seen, item.time_ns, cause, elsewhere=True)]


def _replaced(facts: LogFacts, item: LogEvent) -> None:
    facts.dialogs.append(item.event)


def _merged(facts: LogFacts, item: LogEvent) -> None:
    facts.merged = {name: value for name, value in item.event.items() if name != "event"}


_HANDLERS: dict[str, Callable[[LogFacts, LogEvent], None]] = {
    "recording.started": _started,
    "recording.ended": _ended,
    "recording.continues": _continues,
    "dialog.replaced": _replaced,
    "stream.opened": _opened,
    "stream.updated": _updated,
    "stream.paused": _paused,
    "stream.resumed": _resumed,
    "stream.closed": _closed,
    "stream.alarm": _alarm,
    "stream.alarm_over": _alarm,
    "stream.source_followed": _followed,
    "metadata.received": _metadata,
    "session.model": _model,
    "call.identity": _call,
    "recording.continued": _continued,
    "rule.applied": _rule,
    "digits.policy": _digits,
    "deviation": _deviation,
    "recorder.restarted": _restarted,
    "clock.set": _clock_set,
    "recording.merged": _merged,
}
