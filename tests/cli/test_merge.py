from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.support.capture_builder import CaptureBuilder, Sender, codes


def copy(folder: Path, name: str, lost: int) -> Path:
    builder = CaptureBuilder()
    builder.started(name)
    packets = Sender().send(codes(1, 50))
    builder.rtp(builder.stream("1"), [packet for at, packet in enumerate(packets) if at != lost])
    builder.ended()
    (folder / name).mkdir()
    return builder.write(folder / name / "capture.pcapng").parent


def test_r7_two_directories_become_one_recording_with_an_account(tmp_path: Path, run: Run) -> None:
    one, two = copy(tmp_path, "a", 10), copy(tmp_path, "b", 20)
    done = run("merge", str(one), str(two), str(tmp_path / "both"), "--json")
    (stream,) = done.json["merged"]["streams"]
    assert (stream["both"], stream["only_first"], stream["only_second"]) == (48, 1, 1)
    assert {entry.name for entry in (tmp_path / "both").iterdir()} == {
        "audio.wav",
        "capture.pcapng",
        "metadata.json",
    }


def test_the_account_is_a_table_for_people(tmp_path: Path, run: Run) -> None:
    done = run("merge", str(copy(tmp_path, "a", 10)), str(copy(tmp_path, "b", 20)), str(tmp_path / "both"))
    assert "only second" in done.text


def test_a_directory_that_is_there_is_not_written_over(tmp_path: Path, run: Run) -> None:
    one, two = copy(tmp_path, "a", 10), copy(tmp_path, "b", 20)
    done = run("merge", str(one), str(two), str(one))
    assert "name a new directory" in str(done.error)
