"""Finished recordings as they lie on the disk: `YYYY/MM/DD/ID/metadata.json` below the recordings folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from siprecord.errors import SiprecordError

DOCUMENT = "metadata.json"


def recordings(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Folder and document of each finished recording, the newest first; what can't be read is left out."""
    for day in _days(folder):
        found = [_read(path) for path in day.glob(f"*/{DOCUMENT}")]
        known = [each for each in found if each is not None]
        yield from sorted(known, key=lambda each: str(each[1].get("started") or ""), reverse=True)


def find_recording(folder: Path, wanted: str) -> tuple[Path, dict[str, Any]]:
    """One recording, by its id, the beginning of its id, or its folder; raises `SiprecordError`."""
    own = Path(wanted)
    if (own / DOCUMENT).is_file():
        return _must_read(own / DOCUMENT)
    if not wanted or "/" in wanted or any(mark in wanted for mark in "*?["):
        raise SiprecordError(f"{wanted or 'an empty text'} is no id of a recording")
    matches = sorted(folder.glob(f"*/*/*/{wanted}*/{DOCUMENT}"))
    exact = [path for path in matches if path.parent.name == wanted]
    if len(exact or matches) > 1:
        names = ", ".join(path.parent.name for path in matches[:5])
        raise SiprecordError(f"{wanted} may be several recordings: {names}")
    if not matches:
        raise SiprecordError(f"there is no recording {wanted} below {folder}")
    return _must_read((exact or matches)[0])


def _days(folder: Path) -> list[Path]:
    pattern = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"
    return sorted(folder.glob(pattern), reverse=True)


def _read(path: Path) -> tuple[Path, dict[str, Any]] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return (path.parent, document) if isinstance(document, dict) else None


def _must_read(path: Path) -> tuple[Path, dict[str, Any]]:
    found = _read(path)
    if found is None:
        raise SiprecordError(f"{path} can't be read")
    return found
