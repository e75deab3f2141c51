from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from siprecord.render import RenderOptions, worker
from tests.support.capture_builder import CaptureBuilder, Sender, codes


def capture(path: Path) -> Path:
    builder = CaptureBuilder()
    builder.started()
    builder.rtp(builder.stream("1"), Sender().send(codes(1, 50)))
    builder.ended()
    return builder.write(path / "capture.pcapng")


def job(number: str, path: Path, destination: Path) -> bytes:
    return json.dumps({"id": number, "capture": str(path), "destination": str(destination)}).encode() + b"\n"


def run(lines: bytes) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "siprecord.render"], input=lines, capture_output=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_jobs_are_answered_in_order_and_bad_ones_end_nothing(tmp_path: Path) -> None:
    good = capture(tmp_path)
    (tmp_path / "bad").write_bytes(b"not a log")
    lines = b"nonsense\n\n" + job("a", tmp_path / "bad", tmp_path / "x") + job("b", good, tmp_path / "out")
    first, second, third = run(lines)
    assert (first["id"], first["ok"]) == (None, False)
    assert first["error"].startswith("not a job: ")
    assert (second["id"], second["ok"]) == ("a", False)
    assert "is not a capture log" in second["error"]
    audio = str(tmp_path / "out" / "audio.wav")
    assert third == {"id": "b", "ok": True, "outcome": "complete", "duration_s": 1.0, "audio": audio}


def test_a_defect_becomes_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Path) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(worker, "render_recording", broken)
    answer = worker.answer(job("1", tmp_path / "c", tmp_path))
    assert answer["error"] == f"can't render {tmp_path / 'c'}: ZeroDivisionError: oops"


def test_a_job_says_what_is_to_be_made(tmp_path: Path) -> None:
    options = RenderOptions(formats=("flac",), mono=True, peaks=True)
    line = msgspec.json.encode(
        {"id": "1", "capture": str(capture(tmp_path)), "destination": str(tmp_path), "options": options}
    )
    assert worker.answer(line)["audio"] == str(tmp_path / "audio.flac")
    made = {path.name for path in tmp_path.iterdir()} - {"capture.pcapng"}
    assert made == {"audio.flac", "mono.flac", "peaks.json", "metadata.json"}
    assert worker.answer(line.replace(b"flac", b"exe"))["error"].startswith("not a job: ")
