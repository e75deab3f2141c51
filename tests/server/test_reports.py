from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from siprecord.media import EngineTotals, Notice
from siprecord.server.config import Config
from siprecord.server.handler import Handler
from siprecord.server.keeping import Keeping
from siprecord.server.reports import Reports
from siprecord.transport import ConnectionInfo, CustomSIPServer
from tests.transport.fakes import FakeApplication


class FakeEngine:
    def totals(self) -> EngineTotals:
        return EngineTotals(packets=100, bytes=17200, cpu_seconds=1.0, recordings=1, late_ticks=2)


class FakeFinishing:
    queued = 3
    failed = 1
    repaired = 4
    gaps: Mapping[str, int] = {"hold": 2}
    gap_seconds: Mapping[str, float] = {"hold": 0.5}


def reports(tmp_path: Path, handler: Handler | None = None) -> Reports:
    config = Config.model_validate({"data_dir": tmp_path, "node": "n1", "recording": {"min_free_bytes": 0}})
    config.spool_dir.mkdir(exist_ok=True)
    server = CustomSIPServer(FakeApplication())
    return Reports(config, handler or Handler(config), server, FakeEngine(), FakeFinishing())


def codes(found: Reports) -> list[object]:
    found.health.forget()
    return [reason["code"] for reason in found.ready_reasons()]


def test_a_server_is_ready_once_it_listens(tmp_path: Path) -> None:
    found = reports(tmp_path)
    assert codes(found) == ["starting"]
    found.listening = True
    assert codes(found) == []
    assert found.live_reasons() == []


def test_reasons_are_told_one_by_one(tmp_path: Path) -> None:
    handler = Handler(Config())
    found = reports(tmp_path, handler)
    found.listening = True
    handler.draining = True
    (tmp_path / "spool").rmdir()
    assert codes(found) == ["draining", "not_writable"]


def test_the_status_names_processes_calls_and_health(tmp_path: Path) -> None:
    found = reports(tmp_path)
    found.listening = True
    found.notice(Notice("spool/r.pcapng", "write_failed", "full", 7))
    status = found.status()
    assert (status["recorder_pid"], status["holder_pid"], status["node"]) == (os.getpid(), None, "n1")
    assert (status["calls"], status["streams"], status["packets"]) == (0, 0, 100)
    assert (status["packets_dropped"], status["render_queue"], status["render_failed"]) == (7, 3, 1)
    assert status["health"] == {"live": True, "ready": True, "reasons": [], "warnings": []}
    assert cast(int, status["disk_free_bytes"]) > 0


def test_a_holder_that_died_is_a_warning_and_no_reason_to_refuse_calls(tmp_path: Path) -> None:
    found = reports(tmp_path)
    found.listening = True
    found.keeping = cast(Keeping, SimpleNamespace(holder_pid=4711, kept_by="holder", protected=True))
    assert (found.status()["holder_pid"], found.status()["kept_by"]) == (4711, "holder")
    assert (found.warnings(), found.snapshot().protected) == ([], True)
    found.keeping = cast(Keeping, SimpleNamespace(holder_pid=None, protected=False, trouble=""))
    (warning,) = found.warnings()
    assert warning["code"] == "no_holder"
    assert "start `siprecord serve` again" in str(warning["text"])
    assert (codes(found), found.snapshot().protected) == ([], False)
    found._handler.draining = True
    assert found.warnings() == [], "who ends is taken on by nobody"


def test_the_snapshot_holds_the_figures_of_all_parts(tmp_path: Path) -> None:
    found = reports(tmp_path)
    found.listening = True
    found.notice(Notice("spool/r.pcapng", "write_failed", "full", 7))
    snapshot = found.snapshot()
    assert (snapshot.media.packets, snapshot.media.bytes, snapshot.media.dropped) == (100, 17200, 7)
    assert (snapshot.media.late_ticks, snapshot.render_queue, snapshot.render_failed) == (2, 3, 1)
    assert snapshot.repaired == 4
    assert (snapshot.gaps, snapshot.gap_seconds) == ({"hold": 2}, {"hold": 0.5})
    assert snapshot.ready
    assert snapshot.disk_free
    assert found.calls() == []


async def test_connections_are_told_with_their_ages(tmp_path: Path) -> None:
    found = reports(tmp_path)
    now = asyncio.get_running_loop().time()
    info = ConnectionInfo(
        number=1,
        transport="tcp",
        local=("127.0.0.1", 5060),
        remote=("127.0.0.1", 40000),
        outgoing=False,
        opened=now - 60,
        last_active=now - 5,
        messages=2,
    )
    found._server = cast(CustomSIPServer, SimpleNamespace(connections=[info]))
    (row,) = found.connections()
    assert (row["number"], row["age_s"], row["idle_s"]) == (1, 60.0, 5.0)
    assert "opened" not in row
