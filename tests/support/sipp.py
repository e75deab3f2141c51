"""Runs SIPp with the scenarios of tests/interop/scenarios."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

SCENARIOS = Path(__file__).parents[1] / "interop" / "scenarios"


@dataclass(frozen=True, kw_only=True)
class SippRun:
    """One run of SIPp: which scenario, against which port, how many calls. `text` is a scenario made here."""

    scenario: str
    port: int
    directory: Path
    fields: dict[str, str]
    transport: str = "u1"
    calls: int = 1
    rate: int = 10
    address: str = "127.0.0.1"
    options: tuple[str, ...] = ()
    seconds: int = 300
    text: str = ""


def start(run: SippRun) -> subprocess.Popen[bytes]:
    """Start SIPp; its own log files go to `run.directory`."""
    text = run.text or (SCENARIOS / f"{run.scenario}.xml").read_text()
    for name, value in run.fields.items():
        text = text.replace(f"@{name}@", value)
    scenario = run.directory / f"{run.scenario}.xml"
    scenario.write_text(text)
    command = [
        "sipp", f"{run.address}:{run.port}", "-sf", str(scenario), "-t", run.transport,
        "-i", run.address, "-p", str(free_port()), "-mi", run.address,
        "-m", str(run.calls), "-l", str(run.calls),
        "-r", str(run.rate), "-nostdin", "-timeout", str(run.seconds), "-timeout_error",
        "-trace_err", "-trace_stat", *run.options,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=run.directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes], run: SippRun) -> None:
    """Wait for SIPp and fail with what it wrote when a call failed."""
    _, stderr = process.communicate(timeout=run.seconds + 10)
    if process.returncode:
        errors = "".join(path.read_text(errors="replace") for path in run.directory.glob("*_errors.log"))
        told = f"{_grave(errors)}\n{stderr.decode()}"
        raise AssertionError(f"SIPp: {process.returncode}, {_failures(run.directory)}\n{told}")


def _failures(directory: Path) -> str:
    """What SIPp counted as the reasons of failed calls."""
    for path in directory.glob("*_.csv"):
        names, *_, last = (line.split(";") for line in path.read_text().splitlines())
        rows = zip(names, last, strict=False)
        return ", ".join(f"{name} {value}" for name, value in rows if "Failed" in name and value != "0")
    return "no statistics"


def _grave(errors: str) -> str:
    """What is more than a repeated answer to a call that has ended well."""
    events = re.split(r"(?m)^(?=\d{4}-\d\d-\d\d )", errors)
    return "".join(event for event in events if "(successful)" not in event)[:4000]


def play(run: SippRun) -> None:
    """Run SIPp to its end."""
    finish(start(run), run)
