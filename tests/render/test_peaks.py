from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from siprecord.render import peaks
from siprecord.render.peaks import Peaks


def test_windows_do_not_depend_on_the_blocks(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-30_000, 30_000, (8123, 2)).astype(np.int16)
    for size in (8123, 1000, 77):
        found = Peaks(2, 8000)
        for at in range(0, len(samples), size):
            found.add(samples[at : at + size])
        found.write(tmp_path / f"{size}.json")
    documents = [json.loads((tmp_path / f"{size}.json").read_text()) for size in (8123, 1000, 77)]
    assert documents[0] == documents[1] == documents[2]
    assert documents[0]["length"] == 102


def test_long_recordings_get_wider_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "MAX_WINDOWS", 100)
    found = Peaks(1, 8000)
    for second in range(60):
        found.add(np.full((8000, 1), second, np.int16))
    found.write(tmp_path / "peaks.json")
    document = json.loads((tmp_path / "peaks.json").read_text())
    assert document["samples_per_pixel"] > 80
    assert document["length"] <= 2 * 100 + 2
    assert max(document["data"]) == 59
