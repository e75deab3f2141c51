from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from siprecord.syntax.sip import Request
from tests.cli.conftest import Run
from tests.client.recorder import Recorder, accept, listening, offer_of, refuse, ring
from tests.support import audio


@pytest.fixture
def voices(tmp_path: Path) -> list[Path]:
    return [
        audio.write_wav(tmp_path / f"{name}.wav", audio.voice(seed, 0.1))
        for seed, name in enumerate(("alice", "bob"))
    ]


async def start(*words: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "siprecord", "call", *map(str, words), stdout=-1, stderr=-1
    )


async def finish(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, error = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


def media(request: Request) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(each.label, each.formats) for each in offer_of(request).media]


async def test_a_call_reports_what_was_answered_and_sent(voices: list[Path]) -> None:
    recorder = Recorder(accept((47000, 0)))
    async with listening(recorder) as port:
        uri = f"sip:srs@127.0.0.1:{port};transport=udp"
        options = (
            "--codec",
            "PCMU",
            "--codec",
            "pcma",
            "--name",
            "Alice <sip:alice@x.example>",
            "--name",
            "Bob",
        )
        process = await start(uri, "-a", voices[0], "-a", voices[1], *options, "--json")
        code, out, error = await finish(process)
    report = json.loads(out)
    assert (code, error) == (1, "")  # one of the two streams was refused
    assert (report["status"], report["code"], report["ok"]) == ("completed", 200, False)
    assert [each["name"] for each in report["streams"]] == ["Alice", "Bob"]
    assert [each["packets_sent"] for each in report["streams"]] == [5, 0]
    assert report["streams"][1]["refused"] == "the recorder refused it (port 0)"
    assert media(recorder.requests[0]) == [("1", ("0",)), ("2", ("8",))]
    assert recorder.methods == ["INVITE", "BYE"]


async def test_the_report_for_people(voices: list[Path]) -> None:
    async with listening(Recorder(accept())) as port:
        process = await start(f"127.0.0.1:{port}", "-a", voices[0], "-a", voices[1], "--codec", "pcma")
        code, out, error = await finish(process)
    assert (code, error) == (0, "")
    assert "200 OK after" in out
    assert "everything was sent" in out
    assert "127.0.0.1:40000" in out


async def test_a_refusal_is_exit_code_1(voices: list[Path]) -> None:
    async with listening(Recorder(refuse(503))) as port:
        process = await start(f"sip:127.0.0.1:{port};transport=udp", "-a", voices[0])
        code, out, _ = await finish(process)
    assert code == 1
    assert "503 Service Unavailable" in out
    assert "the recorder refused the call" in out


@pytest.mark.parametrize(
    ("respond", "status", "methods"),
    [(ring, "cancelled", ["INVITE"]), (accept(), "hung_up", ["INVITE", "BYE"])],
    ids=["before the answer", "after it"],
)
async def test_ctrl_c_ends_the_call_properly(
    tmp_path: Path, respond: object, status: str, methods: list[str]
) -> None:
    invited = asyncio.Event()

    def on_invite(*arguments: object) -> None:
        respond(*arguments)  # type: ignore[operator]
        invited.set()

    long = audio.write_wav(tmp_path / "long.wav", audio.voice(1, 30))
    recorder = Recorder(on_invite)
    async with listening(recorder) as port:
        uri = f"sip:127.0.0.1:{port};transport=udp"
        process = await start(uri, "-a", long, "-a", long, "--json")
        await (invited if respond is ring else recorder.acknowledged).wait()
        process.send_signal(signal.SIGINT)
        code, out, error = await finish(process)
    assert (code, error) == (130, "")
    assert json.loads(out)["status"] == status
    assert recorder.methods == methods
    assert recorder.cancelled is (status == "cancelled")


def test_wrong_options_are_exit_code_2(run: Run, voices: list[Path]) -> None:
    two = ("-a", voices[0], "-a", voices[1])
    assert run("call", "127.0.0.1", *two, "--codec", "g729").code == 2
    assert run("call", "127.0.0.1", *two, "--name", "Alice").code == 2
    assert run("call", "127.0.0.1", *two, "--start", "-1").code == 2
    assert run("call", "127.0.0.1", *two, "--name", '"a <sip:a@b>', "--name", "b").code == 2


def test_what_can_not_be_called_is_said(run: Run, voices: list[Path], tmp_path: Path) -> None:
    assert "no such file" in str(run("call", "127.0.0.1", "-a", tmp_path / "no.wav").error)
    assert "not a SIP URI" in str(run("call", "sip:", "-a", voices[0]).error)
    assert "is not known" in str(run("call", "sip:nowhere.invalid", "-a", voices[0]).error)
    outcome = run("call", "sips:127.0.0.1", "-a", voices[0], "--ca", tmp_path / "no.pem")
    assert "can't use" in str(outcome.error)


async def test_a_closed_port_is_told_in_a_sentence(voices: list[Path]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    process = await start(f"sip:srs@127.0.0.1:{port};transport=udp", "-a", voices[0])
    async with asyncio.timeout(20):
        code, out, _ = await finish(process)
    assert code == 1
    assert "connection refused: no recorder listens at that port" in out
