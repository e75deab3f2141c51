"""Each fault of `tests.support.faults` is named: the line, the rule, and what to change, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from siprecord.cli.diagnosis.explanations import EXPLANATIONS
from tests.cli.conftest import Run
from tests.cli.test_inspect_field import ethernet, ipv4, pcap, udp
from tests.support.faults import FAULTS, GOOD, Fault, answer, request

EXPECTED = Path(__file__).parents[1] / "data" / "faults.txt"
"""What `inspect` says of them. Read it as a network engineer would, before you change it."""


def written(fault: Fault, folder: Path) -> Path:
    """One message as a file of text, several as a capture."""
    path = folder / "fault"
    frames = [ethernet(ipv4(17, udp(message))) for message in fault.messages]
    path.write_bytes(fault.messages[0] if len(frames) == 1 else pcap(*frames))
    return path


def told(text: str) -> str:
    """The verdict and the findings."""
    kept, taking = [], False
    for line in text.splitlines():
        taking = line.startswith(("Findings", "  ")) and (taking or line.startswith("Findings"))
        if taking or line.startswith(("It ", "Over UDP")):
            kept.append(line)
    return "\n".join(kept)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_fault_is_explained(run: Run, tmp_path: Path, fault: Fault) -> None:
    expected = dict(part.split("\n", 1) for part in EXPECTED.read_text().split("=== ")[1:])
    assert told(run("inspect", written(fault, tmp_path)).text) == expected[fault.name].strip("\n")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_same_as_json(run: Run, tmp_path: Path, fault: Fault) -> None:
    known = run("inspect", written(fault, tmp_path), "--json").json
    findings = known["findings"] if "findings" in known else [
        each for part in (*known["explained"], *known["calls"]) for each in part["findings"]
    ]  # fmt: skip
    assert findings
    for each in findings:
        assert set(each) == {"fault", "reference", "rule", "change", "line"}
        assert each["rule"] and each["change"] and each["reference"].startswith("RFC")  # noqa: PT018
        if each["line"] is not None:
            lines = b"\n".join(fault.messages[-1:]).decode().split("\r\n")
            assert lines[each["line"]["number"] - 1].strip() == each["line"]["text"]


def test_a_good_call_has_no_findings(run: Run, tmp_path: Path) -> None:
    good = Fault("good", (GOOD, answer(), request("ACK"), request("BYE", number=2)))
    known = run("inspect", written(good, tmp_path), "--json").json
    assert [part["findings"] for part in (*known["explained"], *known["calls"])] == [[], []]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((GOOD,), "no final answer"),
        (
            (GOOD, answer("488 Not Acceptable Here")),
            "The recorder refused the call: 488 Not Acceptable Here.",
        ),
        ((GOOD, answer()), "never acknowledged"),
    ],
)
def test_how_a_call_went_wrong(run: Run, tmp_path: Path, messages: tuple[bytes, ...], says: str) -> None:
    path = tmp_path / "trace"
    path.write_bytes(pcap(*(ethernet(ipv4(17, udp(message))) for message in messages)))
    (call,) = run("inspect", path, "--json").json["calls"]
    assert says in call["findings"][0]["fault"]


def test_rows_of_the_table_say_what_to_do() -> None:
    for row in EXPLANATIONS:
        assert bool(row.rule) == bool(row.change)
