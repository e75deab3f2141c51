"""Recordings on a local file system. Every call blocks: from the event loop use a thread."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from siprecord.errors import ConfigError, SiprecordError
from siprecord.store.layout import CAPTURE_NAME, DOCUMENT_NAME, SPOOL_SUFFIX, Layout


class RecordingNotFound(SiprecordError):
    """No recording has this id, or several begin like it."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One finished recording."""

    id: str
    """The name of its directory: the recording's id where that is a harmless file name."""
    directory: Path

    @property
    def capture(self) -> Path:
        """Its capture log."""
        return self.directory / CAPTURE_NAME

    @property
    def rendered(self) -> bool:
        """Whether its rendering is done."""
        return (self.directory / DOCUMENT_NAME).is_file()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What an earlier run has not brought to its end."""

    unrendered: tuple[Recording, ...]
    unreadable: tuple[Path, ...] = ()
    """Directories that another user made and we may not look into."""


class LocalStore:
    """The spool and the recordings below one data directory."""

    def __init__(self, data_directory: Path) -> None:
        self.layout = Layout(data_directory)
        self.unreadable: set[Path] = set()
        """Directories of recordings that we may not look into; what is in them is passed over."""

    def prepare(self) -> None:
        """Make the directories and try them; raises ConfigError that names the one that can't be used."""
        for directory in (self.layout.root, self.layout.spool, self.layout.recordings):
            try:
                directory.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=directory):
                    pass
            except OSError as error:
                reason = error.strerror or str(error)
                raise ConfigError(f"the data directory can't be used: {directory}: {reason}") from error

    def spool_path(self, recording_id: str) -> Path:
        """Where the open log of a recording lies."""
        return self.layout.spool_path(recording_id)

    def finish(self, recording_id: str, started: datetime, log: Path | None = None) -> Path:
        """Move a log out of the spool to `capture.pcapng` in the directory of its recording; answers that.

        `log` is where it lies, when that is not where we would have made it.

        May be called again after it was interrupted. Never replaces another recording's log: that gets a
        directory of its own with a number. Raises FileNotFoundError when there is no such log.
        """
        log = log or self.spool_path(recording_id)
        first = self.layout.recording_directory(recording_id, started)
        if not log.exists() and (first / CAPTURE_NAME).exists():
            return first
        directory = _free_directory(first)
        directory.mkdir(parents=True, exist_ok=True)
        _move(log, directory / CAPTURE_NAME)
        return directory

    def list(self, limit: int = 100, since: datetime | None = None) -> list[Recording]:
        """The newest recordings first; with `since`, none from days before it."""
        found: list[Recording] = []
        for day in self._days(since):
            entries = sorted(self._entries(day), key=_modified, reverse=True)
            found.extend(Recording(entry.name, entry) for entry in entries[: limit - len(found)])
            if len(found) >= limit:
                break
        return found

    def find(self, recording_id: str) -> Recording:
        """The recording with this id, or the only one whose id begins so; raises RecordingNotFound."""
        names = {recording_id, self.layout.spool_path(recording_id).name.removesuffix(SPOOL_SUFFIX)}
        similar: list[Recording] = []
        for day in self._days(None):
            for entry in self._entries(day):
                if entry.name in names:
                    return Recording(entry.name, entry)
                if recording_id and entry.name.startswith(recording_id):
                    similar.append(Recording(entry.name, entry))
        if len(similar) == 1:
            return similar[0]
        if similar:
            some = ", ".join(sorted(entry.id for entry in similar)[:5])
            raise RecordingNotFound(f"{len(similar)} recordings begin with {recording_id!r}: {some}")
        raise RecordingNotFound(f"there is no recording {recording_id!r}")

    def load_metadata(self, recording: Recording) -> dict[str, Any] | None:
        """Its metadata.json; None when it is not rendered yet or the file can't be read."""
        try:
            document = msgspec.json.decode((recording.directory / DOCUMENT_NAME).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return document if isinstance(document, dict) else None

    def leftovers(self) -> Leftovers:
        """What is to be rendered at start."""
        recordings = (
            Recording(entry.name, entry) for day in self._days(None) for entry in self._entries(day)
        )
        unrendered = tuple(entry for entry in recordings if entry.capture.is_file() and not entry.rendered)
        return Leftovers(unrendered, tuple(sorted(self.unreadable)))

    def free_bytes(self) -> int:
        """Space on the spool's file system that we may use; raises ConfigError when it can't be asked."""
        try:
            return shutil.disk_usage(self.layout.spool).free
        except OSError as error:
            raise ConfigError(f"the data directory can't be used: {error}") from error

    def _days(self, since: datetime | None) -> Iterator[Path]:
        """Day directories, newest first."""
        oldest = self.layout.day(since) if since else None
        for year in _numbered(_entries(self.layout.recordings)):
            for month in _numbered(self._entries(year)):
                for day in _numbered(self._entries(month)):
                    if oldest is not None and day < oldest:
                        return
                    yield day

    def _entries(self, directory: Path) -> Sequence[Path]:
        try:
            return _entries(directory)
        except PermissionError:
            self.unreadable.add(directory)
            return []


def _numbered(entries: Iterable[Path]) -> list[Path]:
    return sorted((entry for entry in entries if entry.name.isdecimal()), reverse=True)


def _entries(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            return [
                Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _modified(directory: Path) -> float:
    """When the log was last written: about the end of the call."""
    for path in (directory / CAPTURE_NAME, directory):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _free_directory(first: Path) -> Path:
    directory, number = first, 1
    while (directory / CAPTURE_NAME).exists():
        number += 1
        directory = first.with_name(f"{first.name}-{number}")
    return directory


def _move(source: Path, destination: Path) -> None:
    try:
        source.rename(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, destination)
    _sync(destination.parent)
    _sync(source.parent)


def _copy(source: Path, destination: Path) -> None:
    """Across file systems: the copy is whole and on disk before the original goes."""
    part = destination.with_name(f".{destination.name}.part")
    try:
        shutil.copy2(source, part)
        _sync(part)
        part.rename(destination)
        source.unlink()
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
