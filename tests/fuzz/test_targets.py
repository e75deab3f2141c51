"""Each fuzz target over its committed corpus and over a few hundred mutations of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from fuzz import corpus, guard, minimise
from fuzz.mutate import MAX_INPUT, MAX_LARGE, Mutator, blocks_of, repaired
from fuzz.outcome import Broken, Outcome, held
from fuzz.run import main, merged
from fuzz.runner import Plan, Report, run
from fuzz.targets import TARGETS, Target

SEEDS = [(target, name, data) for target in TARGETS for name, data in corpus.seeds(target)]
NAMES = list(TARGETS)


@pytest.mark.parametrize(
    ("target", "name", "data"), SEEDS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_seed_keeps_the_invariants(target: str, name: str, data: bytes) -> None:
    with guard.watched(files=TARGETS[target].files):
        assert isinstance(TARGETS[target].check(data), Outcome)


@pytest.mark.parametrize("target", NAMES)
def test_mutations_keep_the_invariants(target: str, tmp_path: Path) -> None:
    report = run(Plan(target=target, inputs=400, seed=1, findings=tmp_path))
    assert report.inputs == 400
    assert [finding.what for finding in report.findings] == []
    assert report.shapes > 10
    assert report.rejected < report.inputs


@pytest.mark.parametrize("target", NAMES)
def test_the_same_seed_makes_the_same_inputs(target: str) -> None:
    pool = [data for _, data in corpus.seeds(target)]

    def inputs(seed: int) -> list[bytes]:
        mutator = Mutator(Random(seed), binary=TARGETS[target].binary)
        return [mutator.next(pool) for _ in range(50)]

    assert inputs(3) == inputs(3)
    assert inputs(3) != inputs(4)
    assert all(len(data) <= MAX_LARGE for data in inputs(5))


def test_most_mutations_stay_small() -> None:
    mutator = Mutator(Random(1))
    sizes = [len(mutator.next([b"x" * 100_000])) for _ in range(500)]
    assert sum(size > MAX_INPUT for size in sizes) < 10


def test_a_repaired_message_says_how_long_its_body_is() -> None:
    assert repaired(b"A b SIP/2.0\nl: 0\n\nbody") == b"A b SIP/2.0\nl: 4\n\nbody"
    assert repaired(b"no head") == b"no head"


def test_blocks_are_the_whole_file() -> None:
    data = b"".join(seed for _, seed in corpus.seeds("capture"))
    assert b"".join(blocks_of(data)) == data
    assert blocks_of(b"") == [b""]


def _fails_on_x(data: bytes) -> Outcome:
    held(b"x" not in data, "no x")
    return Outcome(False, len(data))


def test_a_finding_is_kept_and_can_be_made_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(TARGETS, "sip", Target(_fails_on_x))
    report = run(Plan(target="sip", inputs=200, findings=tmp_path))
    assert [finding.what.split(" (")[0] for finding in report.findings] == ["Broken: no x"]
    assert b"x" in report.findings[0].path.read_bytes()
    assert minimise.minimised("sip", report.findings[0].path.read_bytes()) == b"x"
    assert minimise.minimised("sip", b"all well") == b"all well"


def test_a_slow_input_is_a_finding(tmp_path: Path) -> None:
    report = run(Plan(target="sdp", inputs=30, slow=0.0, max_findings=1, findings=tmp_path))
    assert [finding.what.split()[0] for finding in report.findings] == ["takes"]


def test_memory_that_grows_is_a_finding(tmp_path: Path) -> None:
    report = run(Plan(target="sdp", inputs=100, max_growth=-1e6, findings=tmp_path))
    assert [finding.what.split(" by ")[0] for finding in report.findings] == ["memory grew"]


def test_a_parser_that_opens_a_file_is_found() -> None:
    with pytest.raises(Broken, match="open"), guard.watched(files=False):
        Path(__file__).read_bytes()
    with guard.watched(files=True):
        assert Path(__file__).read_bytes()


def test_the_command_repeats_an_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"v=0\r\n")
    assert main(["--target", "sdp", "--repeat", str(path)]) == 0
    assert "rejected=False" in capsys.readouterr().out
    assert main(["--target", "sdp", "--inputs", "40"]) == 0
    assert "== sdp: 40 inputs" in capsys.readouterr().out


def test_reports_of_several_processes_are_one() -> None:
    first = Report("sip", inputs=2, rejected=1, shapes=3, seconds=1, slowest=0.1, rss_before=5, rss_after=6)
    second = Report("sip", inputs=3, rejected=0, shapes=4, seconds=2, slowest=0.2, rss_before=5, rss_after=9)
    both = merged([first, second])
    assert (both.inputs, both.rejected, both.shapes, both.seconds, both.slowest, both.growth) == (
        5,
        1,
        4,
        2,
        0.2,
        4,
    )
