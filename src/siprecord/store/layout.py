"""Names of files and directories. An id comes from outside; what it names stays inside."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

CAPTURE_NAME = "capture.pcapng"
DOCUMENT_NAME = "metadata.json"
SPOOL_SUFFIX = ".pcapng"

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_MAX_NAME = 100


def safe_name(recording_id: str) -> str:
    """A file name for an id: the id itself where it is harmless, else a cleaned one with a digest of the id.

    Never empty, hidden, `.` or `..`, and without separators; different ids have different names.
    """
    cleaned = _UNSAFE.sub("_", recording_id)[:_MAX_NAME].lstrip(".-")
    if cleaned == recording_id and cleaned:
        return cleaned
    digest = hashlib.sha256(recording_id.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{cleaned or 'recording'}-{digest}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one data directory. Dates are those of UTC."""

    root: Path

    @property
    def spool(self) -> Path:
        """Open capture logs."""
        return self.root / "spool"

    @property
    def recordings(self) -> Path:
        """Finished recordings: YYYY/MM/DD/ID."""
        return self.root / "recordings"

    def spool_path(self, recording_id: str) -> Path:
        """The open log of a recording."""
        return self.spool / f"{safe_name(recording_id)}{SPOOL_SUFFIX}"

    def recording_directory(self, recording_id: str, started: datetime) -> Path:
        """The directory of a finished recording; `started` must know its zone."""
        return self.day(started) / safe_name(recording_id)

    def day(self, moment: datetime) -> Path:
        """The directory of one day."""
        if moment.tzinfo is None:
            raise ValueError("a moment without a zone names no day")
        return self.recordings / moment.astimezone(UTC).strftime("%Y/%m/%d")


def spooled(spool: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """The capture logs in the spool, and what is only called like one: a directory, a link, a named pipe.

    Whoever opens a named pipe waits for its writer for ever, so the others are for nobody to read.
    """
    named = sorted(spool.glob(f"*{SPOOL_SUFFIX}"))
    logs = list(_regular(named))
    return logs, [path for path in named if path not in logs]


def _regular(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        with suppress(OSError):
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
