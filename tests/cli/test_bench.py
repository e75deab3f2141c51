from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from siprecord.cli.bench import CODEC_NAMES
from siprecord.client import CallError
from siprecord.client.codecs import CODECS
from siprecord.syntax.sdp import SUITES
from tests.cli.conftest import Run
from tests.client.recorder import Recorder, accept, listening
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server")).start()
    yield running
    running.stop()


async def start(*words: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "siprecord", "bench", *map(str, words), stdout=-1, stderr=-1
    )


def test_every_packet_of_an_impaired_load_is_found_again(run: Run, server: RunningServer) -> None:
    outcome = run(
        *("bench", f"sip:127.0.0.1:{server.sip_port}", "--calls", 10, "--rate", 20, "--seconds", 2),
        *("--transport", "udp,tcp", "--loss", 2, "--duplicate", 2, "--reorder", 4, "--seed", 5),
        *("--verify", "--data", server.data, "--url", f"http://127.0.0.1:{server.http_port}", "--json"),
    )
    report = outcome.json
    assert outcome.code == 0, report
    assert (report["calls"], report["calls_answered"], report["calls_failed"]) == (10, 10, 0)
    assert 1 <= report["calls_peak"] <= 10
    assert 1900 < report["packets_sent"] < 2100
    assert report["packets_sent"] != 2000  # with these faults and this seed
    assert report["packets_stored"] == report["packets_sent"]
    for name in ("lost", "foreign", "surplus", "damaged"):
        assert report[f"packets_{name}"] == 0
    assert report["recordings_missing"] == 0
    assert 0 < report["setup_ms_p50"] <= report["setup_ms_p99"] <= report["setup_ms_max"]
    assert report["late_ms_p50"] <= report["late_ms_max"]
    assert report["server"]["cpu_s"] >= 0
    assert report["server"]["memory_peak_kib"] >= report["server"]["memory_idle_kib"] > 0


def test_the_report_for_people(run: Run, server: RunningServer) -> None:
    outcome = run(
        "bench", f"sip:127.0.0.1:{server.sip_port}", "--calls", 2, "--seconds", 0.1, "--codec", "PCMA"
    )
    assert outcome.code == 0
    assert "2 of 2" in outcome.text
    assert "not checked" in outcome.text


def verified(run: Run, server: RunningServer, *words: object) -> dict[str, Any]:
    """A small load whose every packet must be found again."""
    outcome = run(
        *("bench", f"sip:127.0.0.1:{server.sip_port}", "--calls", 3, "--rate", 10, "--seconds", 1, *words),
        *("--verify", "--data", server.data, "--url", f"http://127.0.0.1:{server.http_port}", "--json"),
    )
    report: dict[str, Any] = outcome.json
    assert outcome.code == 0, report
    assert report["packets_stored"] == 300
    return report


@pytest.mark.parametrize("codec", CODECS)
def test_any_codec_is_sent_and_found_again(run: Run, server: RunningServer, codec: str) -> None:
    assert verified(run, server, "--codec", codec)["codec"] == codec
    assert codec in CODEC_NAMES.split(", ")


@pytest.mark.parametrize("suite", SUITES)
def test_a_protected_load_is_found_again_in_the_clear(run: Run, server: RunningServer, suite: str) -> None:
    assert verified(run, server, "--srtp", "--srtp-suite", suite)["srtp"] == suite


def test_a_protected_load_may_be_impaired(run: Run, server: RunningServer) -> None:
    words = ("--srtp", "--codec", "opus", "--jitter", 60, "--duplicate", 5, "--reorder", 2, "--seed", 7)
    report = verified(run, server, *words)
    assert (report["jitter_ms"], report["packets_surplus"], report["packets_damaged"]) == (60, 0, 0)
    assert report["packets_sent"] > 300


def test_recordings_that_are_not_there_are_missed(
    run: Run, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siprecord.cli.load_check.PATIENCE_SECONDS", 0.1)
    uri = f"sip:127.0.0.1:{server.sip_port}"
    outcome = run("bench", uri, "--calls", 2, "--seconds", 0.1, "--verify", "--data", tmp_path, "--json")
    assert outcome.code == 1
    assert outcome.json["recordings_missing"] == 2
    assert outcome.json["packets_lost"] == outcome.json["packets_sent"] == 20


async def test_ctrl_c_is_told_to_people() -> None:
    recorder = Recorder(accept())
    async with listening(recorder) as port:
        process = await start(f"sip:127.0.0.1:{port}", "--calls", 2, "--seconds", 600)
        await recorder.acknowledged.wait()
        os.kill(process.pid, signal.SIGINT)
        out, _ = await process.communicate()
    assert b"stopped" in out
    assert b"by Ctrl-C: no more calls were placed" in out


async def test_ctrl_c_ends_all_calls_and_reports() -> None:
    recorder, load = Recorder(accept()), ("--calls", 5000, "--rate", 10, "--seconds", 600)
    async with listening(recorder) as port:
        process = await start(f"sip:127.0.0.1:{port}", *load, "--json")
        await recorder.acknowledged.wait()
        os.kill(process.pid, signal.SIGINT)
        out, error = await process.communicate()
    assert out, error.decode()
    report = json.loads(out)
    assert (process.returncode, error) == (130, b"")
    assert report["interrupted"]
    assert 0 < report["calls"] < 5000
    assert recorder.methods.count("BYE") == report["calls_answered"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("sip:192.0.2.1",), "--i-own-this-target"),
        (("sip:127.0.0.1", "--calls", "1000000"), "out of bounds"),
        (("sip:127.0.0.1", "--verify", "--data", "/nowhere"), "there is no data directory"),
        (("sip:127.0.0.1:1", "--transport", "tcp"), "no TCP connection"),
    ],
)
def test_what_can_not_be_done_is_one_clear_sentence(run: Run, words: tuple[str, ...], text: str) -> None:
    outcome = run("bench", *words)
    assert outcome.code == 1
    assert isinstance(outcome.error, CallError)
    assert text in str(outcome.error)


@pytest.mark.parametrize("words", [("--codec", "mp3"), ("--srtp-suite", "ROT13"), ("--transport", "sctp")])
def test_unknown_words_are_a_wrong_usage(run: Run, words: tuple[str, ...]) -> None:
    assert run("bench", "sip:127.0.0.1", *words).code == 2
