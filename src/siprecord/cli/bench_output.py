"""What `siprecord bench` shows: a line of progress while it runs, and tables at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from siprecord.cli.output import console, print_fields, print_table
from siprecord.cli.server_process import ServerProcess
from siprecord.client import Load

REFRESH_SECONDS = 0.25


class Watch:
    """Looks at a running load test: at the server's memory, and for whoever sits at a terminal."""

    def __init__(
        self,
        load: Load,
        totals: Callable[[], tuple[int, int]],
        server: ServerProcess | None,
        *,
        quiet: bool,
    ) -> None:
        self._load = load
        self._totals = totals
        self._server = server
        self._quiet = quiet

    async def run(self) -> None:
        """Go on until cancelled."""
        out = console(stderr=True)
        if self._quiet or not out.is_terminal:
            while True:
                self._look()
                await asyncio.sleep(REFRESH_SECONDS)
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("calls"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
        with Progress(*columns, console=out, transient=True) as progress:
            bar = progress.add_task("", total=self._load.plan.calls, text="")
            while True:
                self._look()
                progress.update(bar, completed=self._load.progress().ended, text=self._text())
                await asyncio.sleep(REFRESH_SECONDS)

    def _look(self) -> None:
        if self._server is not None:
            self._server.look()

    def _text(self) -> str:
        now = self._load.progress()
        sent, _ = self._totals()
        failed = f", {now.failed} failed" if now.failed else ""
        return f"{now.placed} placed, {now.up} up, {now.ended} ended{failed}; {sent:,} packets"


def print_report(document: dict[str, Any]) -> None:
    """The report for people."""
    print_fields(_calls(document), title="Calls")
    if document["failures"]:
        print_table(("why calls failed", ">calls"), document["failures"].items())
    print_fields(_packets(document), title="Packets")
    print_fields(_work(document), title="Work")


def _calls(document: dict[str, Any]) -> list[tuple[str, object]]:
    stopped = [("stopped", "by Ctrl-C: no more calls were placed, and we hung up those that ran")]
    return [
        *(stopped if document["interrupted"] else ()),
        ("called", ", ".join(document["uris"])),
        ("calls", f"{document['calls']} of {document['calls_planned']}"),
        ("failed", document["calls_failed"] or "none"),
        *([("BYE not taken", document["byes_failed"])] if document["byes_failed"] else ()),
        ("most at a time", document["calls_peak"]),
        ("placed", f"{document['calls_per_second']:g} a second"),
        ("set-up", _milliseconds(document, "setup_ms_p50", "setup_ms_p99", "setup_ms_max")),
        ("took", f"{document['duration_s']:.1f} s"),
    ]


def _packets(document: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("sent", f"{document['packets_sent']:,}"),
        ("refused by the kernel", document["packets_not_sent"]),
        ("at the peak", f"{document['mbit_s_peak']:g} Mbit/s"),
        ("left late by", _milliseconds(document, "late_ms_p50", "late_ms_p99", "late_ms_max")),
        ("seed", document["seed"]),
    ]
    if not document["verified"]:
        return [*rows, ("stored", "not checked; --verify compares the recordings with what was sent")]
    names = ("stored", "lost", "foreign", "damaged", "surplus")
    rows += [(name, f"{document[f'packets_{name}']:,}") for name in names]
    return [*rows, ("recordings missing", document["recordings_missing"] or "none")]


def _work(document: dict[str, Any]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("generator CPU", f"{document['generator_cpu_s']:.2f} s"),
        ("generator SIP", f"{document['generator_sip_ms_per_call']:.2f} ms a call"),
    ]
    server = document["server"]
    if server is None:
        return [*rows, ("server", "not known; --url says where its HTTP is")]
    memory = f"{server['memory_idle_kib'] / 1024:.1f} to {server['memory_peak_kib'] / 1024:.1f} MiB"
    return [
        *rows,
        ("server CPU", f"{server['cpu_s']:.2f} s, {server['cpu_ms_per_call_second']} ms a call and second"),
        ("server memory", memory),
    ]


def _milliseconds(document: dict[str, Any], *names: str) -> str | None:
    """Percentiles as `1.2 ms (p50), 3.4 ms (p99), 5.6 ms (max)`."""
    parts = [
        f"{document[name]:.2f} ms ({name.rpartition('_')[2]})" for name in names if document[name] is not None
    ]
    return ", ".join(parts) or None
