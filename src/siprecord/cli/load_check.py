"""Reads the recordings of a load test back and compares them with what was sent."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from siprecord.errors import MediaError
from siprecord.media import FoundCapture, SentStream, verify_capture
from siprecord.media.reader import first_event
from siprecord.store import LocalStore

PATIENCE_SECONDS = 60.0
"""How long no further recording may appear before the missing ones are given up."""
POLL_SECONDS = 0.25
EARLIER = timedelta(seconds=2)
_TIME = re.compile(r"(\d{8}T\d{6})Z")

Sent = Mapping[str, Sequence[SentStream]]
"""The streams of each call, by its Call-ID."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Packets of all calls together, as `FoundStream` and `FoundCapture` count them."""

    packets_stored: int
    packets_lost: int
    packets_foreign: int
    packets_surplus: int
    packets_damaged: int
    recordings_missing: int

    @property
    def clean(self) -> bool:
        """Whether everything that was sent is there, and nothing else."""
        faults = self.packets_lost + self.packets_foreign + self.packets_surplus + self.packets_damaged
        return not faults and not self.recordings_missing


def verify(data: Path, sent: Sent, since: datetime) -> Verification:
    """Find the recording of each call below a data directory and compare. Blocks until all have appeared."""
    captures = find_captures(data, set(sent), since)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda call_id: _compare(captures[call_id], sent[call_id]), captures)
        return _sum(list(found), [sent[call_id] for call_id in sent if call_id not in captures])


def find_captures(data: Path, wanted: set[str], since: datetime) -> dict[str, Path]:
    """The capture logs of these Call-IDs, as far as they appear in time."""
    store = LocalStore(data)
    known: set[Path] = set()
    found: dict[str, Path] = {}
    end = time.monotonic() + PATIENCE_SECONDS
    while len(found) < len(wanted) and time.monotonic() < end:
        fresh = {call_id: path for call_id, path in _fresh(store, known, since) if call_id in wanted}
        if fresh:
            found.update(fresh)
            end = time.monotonic() + PATIENCE_SECONDS
        else:
            time.sleep(POLL_SECONDS)
    return found


def _fresh(store: LocalStore, known: set[Path], since: datetime) -> Iterator[tuple[str, Path]]:
    """Call-ID and log of each recording that was not there before."""
    for recording in store.list(limit=2**31, since=since):
        if recording.directory in known or not recording.capture.is_file():
            continue
        known.add(recording.directory)
        if _is_older(recording.id, since):
            continue
        try:
            event = first_event(recording.capture, "recording.started")
        except MediaError:
            continue
        if event is not None:
            yield str(event.event.get("call_id")), recording.capture


def _is_older(recording_id: str, since: datetime) -> bool:
    """Whether its id says that it began before `since`; what says nothing may be one of ours."""
    named = _TIME.match(recording_id)
    if named is None:
        return False
    try:
        began = datetime.strptime(named[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return began < since - EARLIER


def _compare(capture: Path, sent: Sequence[SentStream]) -> FoundCapture | Sequence[SentStream]:
    try:
        return verify_capture(capture, sent)
    except MediaError:
        return sent


def _sum(
    compared: Sequence[FoundCapture | Sequence[SentStream]], missing: Sequence[Sequence[SentStream]]
) -> Verification:
    """Add all up; a recording that is missing or can't be read has lost all its packets."""
    captures = [each for each in compared if isinstance(each, FoundCapture)]
    gone = [*missing, *(each for each in compared if not isinstance(each, FoundCapture))]
    streams = [stream for capture in captures for stream in capture.streams]
    unrecorded = sum(stream.sent for streams_of_call in gone for stream in streams_of_call)
    return Verification(
        packets_stored=sum(each.stored for each in streams),
        packets_lost=sum(each.lost for each in streams) + unrecorded,
        packets_foreign=sum(each.foreign for each in captures),
        packets_surplus=sum(each.surplus for each in streams),
        packets_damaged=sum(each.damaged for each in streams),
        recordings_missing=len(gone),
    )
