"""`recordings show` finds the other recordings of a conversation."""

from __future__ import annotations

import json
from pathlib import Path

from siprecord.cli.document import print_document
from siprecord.cli.stories import chapter_of, find_story
from siprecord.store import LocalStore


def put(root: Path, name: str, minute: int, *keys: tuple[str, str]) -> dict[str, object]:
    document: dict[str, object] = {
        "recording_id": name,
        "started": f"2026-11-21T09:{minute:02}:00+00:00",
        "ended": f"2026-11-21T09:{minute:02}:30+00:00",
        "conversation": {
            "id": None,
            "keys": [{"kind": kind, "value": value} for kind, value in keys],
            "parties": ["100", "200"],
        },
    }
    folder = root / "recordings/2026/11/21" / name
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text(json.dumps(document))
    return document


def test_Q58_recordings_with_one_id_are_shown_together(tmp_path: Path) -> None:
    first = put(tmp_path, "a", 0, ("ucid", "7"))
    put(tmp_path, "b", 40, ("ucid", "7"))
    put(tmp_path, "c", 50, ("ucid", "8"))
    story = find_story(LocalStore(tmp_path), first)
    assert [row["recording_id"] for row in story["recordings"]] == ["a", "b"]
    assert story["joined_by"] == [{"first": "a", "second": "b", "by": "ucid", "value": "7"}]
    print_document({**first, "conversation": story})


def test_a_document_without_these_facts_is_left_alone(tmp_path: Path) -> None:
    assert chapter_of({"recording_id": "x", "started": "2026-11-21T09:00:00"}) is None
    assert find_story(LocalStore(tmp_path), {"recording_id": "x"}) == {}
