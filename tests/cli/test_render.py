from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.support.capture_builder import CaptureBuilder, Sender, codes


def capture(path: Path) -> Path:
    builder = CaptureBuilder()
    builder.started()
    for label in ("1", "2"):
        builder.rtp(builder.stream(label), Sender().send(codes(1, 50)))
    builder.ended()
    return builder.write(path / "call.pcapng")


def test_formats_and_files_are_chosen_on_the_command_line(tmp_path: Path, run: Run) -> None:
    path, out = capture(tmp_path), tmp_path / "out"
    options = (
        "--format",
        "flac",
        "--format",
        "mp3",
        "--per-stream",
        "--mono",
        "--peaks",
        "--conceal",
        "--json",
    )
    done = run("render", str(path), str(out), *options)
    assert done.json["audio"] == str(out / "audio.flac")
    names = {
        f"{name}.{kind}" for name in ("audio", "mono", "stream-1", "stream-2") for kind in ("flac", "mp3")
    }
    assert {entry.name for entry in out.iterdir()} == names | {"peaks.json", "metadata.json"}


def test_an_empty_file_is_told(tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty.pcapng").touch()
    done = run("render", str(tmp_path / "empty.pcapng"), str(tmp_path / "out"))
    assert "is empty: there is nothing to render" in str(done.error)
    assert not (tmp_path / "out").exists()


def test_a_format_that_does_not_exist_is_refused(tmp_path: Path, run: Run) -> None:
    done = run("render", str(capture(tmp_path)), str(tmp_path / "out"), "--format", "exe")
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
