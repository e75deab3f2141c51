"""Killed renderers and killed servers: no recording is lost that could be kept."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.patience import PATIENCE
from tests.support.processes import children, wait_child
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, src
from tests.support.voices import Voice
from tests.system.conftest import Start

ALICE = Voice(seed=1, seconds=0.3)
BOB = Voice(seed=2, seconds=0.3, law="pcma")
LONG = Voice(seed=3, seconds=10)
LONG_TOO = Voice(seed=4, seconds=10, law="pcma")
RENDERER = "siprecord.render"
DRAINED_LATE = 0.2 * 8000
"""Samples that may still have been in the sockets when it died: one drain interval, and scheduling."""


def place_call(server: RunningServer) -> Src:
    with src(server.sip_port) as client:
        client.call()
        client.play(Play(voice=ALICE), Play(voice=BOB))
        assert client.bye().status == 200
    return client


def check_audio(recording: FoundRecording) -> None:
    recording.place(0, ALICE.heard)
    recording.place(1, BOB.heard)


def lines_with(server: RunningServer, text: str) -> list[str]:
    return [line for line in server.log.read_text().splitlines() if text in line]


def wait_for(server: RunningServer, text: str, count: int = 1) -> None:
    """Wait until the server has logged this."""
    end = time.monotonic() + PATIENCE
    while len(lines_with(server, text)) < count:
        assert time.monotonic() < end, f"not logged: {text}\n{server.log.read_text()}"
        time.sleep(0.02)


def wait_until_queued(server: RunningServer, count: int) -> None:
    """Wait until the log has left the spool, and the job has reached the pipe of the renderer."""
    end = time.monotonic() + PATIENCE
    while len(list(server.data.glob("recordings/*/*/*/*/capture.pcapng"))) < count:
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.2)


def check_prefix(recording: FoundRecording, number: int, voice: Voice, sent: tuple[int, int]) -> None:
    """The channel holds what was sent from its beginning; `sent` are packets before and after the death."""
    row = recording.stream(number)
    kept = row["packets_received"] * 160
    assert sent[0] * 160 - DRAINED_LATE <= kept <= sent[1] * 160
    assert row["packets_lost"] == 0
    recording.place(number, voice.heard[:kept])


def test_a_renderer_killed_at_work_is_restarted(start_server: Start) -> None:
    server = start_server()
    wait_recording(server, place_call(server).call_id)
    worker = wait_child(server.recorder_pid, RENDERER)
    os.kill(worker, signal.SIGSTOP)  # it will have the job and never finish it
    client = place_call(server)
    wait_until_queued(server, 2)
    os.kill(worker, signal.SIGKILL)
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    check_audio(recording)
    (told,) = lines_with(server, "render worker died")
    assert "killed by signal 9" in told
    assert children(server.recorder_pid, RENDERER) != [worker]
    assert server.stop() == 0


def test_a_renderer_killed_between_two_jobs_is_restarted(start_server: Start) -> None:
    server = start_server()
    wait_recording(server, place_call(server).call_id)
    os.kill(wait_child(server.recorder_pid, RENDERER), signal.SIGKILL)
    recording = wait_recording(server, place_call(server).call_id)
    check_audio(recording)
    assert len(lines_with(server, "died between two jobs: killed by signal 9")) == 1
    assert server.stop() == 0


def test_what_the_renderer_died_of_twice_is_kept_and_rendered_at_the_next_start(start_server: Start) -> None:
    server = start_server()
    wait_recording(server, place_call(server).call_id)
    worker = wait_child(server.recorder_pid, RENDERER)
    os.kill(worker, signal.SIGSTOP)
    client = place_call(server)
    wait_until_queued(server, 2)
    os.kill(worker, signal.SIGKILL)
    wait_for(server, "render worker died")
    os.kill(_next_worker(server, worker), signal.SIGKILL)
    wait_for(server, "not rendered")
    assert server.get("/api/status")["render_failed"] == 1
    assert len(list(server.data.glob("recordings/*/*/*/*/capture.pcapng"))) == 2
    assert server.stop() == 0
    again = start_server()
    recording = wait_recording(again, client.call_id)
    check_audio(recording)
    assert again.stop() == 0


def _next_worker(server: RunningServer, before: int) -> int:
    """The process that takes over, stopped before it can finish: Python needs longer to start than we do."""
    recorder = server.recorder_pid
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for pid in children(recorder, RENDERER):
            if pid != before:
                os.kill(pid, signal.SIGSTOP)
                return pid
    raise AssertionError("no other renderer was started")


def test_a_server_killed_in_mid_call_leaves_what_came_until_then(start_server: Start, tmp_path: Path) -> None:
    server = start_server()
    with src(server.sip_port) as client:
        client.call()
        client.start(Play(voice=LONG), Play(voice=LONG_TOO))
        recorder = server.recorder_pid
        while client.sent[0] < 50:
            time.sleep(0.01)
        before = client.sent
        server.crash(recorder)
        after = client.sent
    assert not server.recordings()
    assert len(list(server.data.glob("spool/*.pcapng"))) == 1

    again = start_server()
    recording = wait_recording(again, client.call_id)
    assert recording.outcome == "interrupted"
    assert not list(again.data.glob("spool/*.pcapng"))
    assert not recording.metadata["capture"]["complete"]
    assert len(recording.metadata["participants"]) == 2
    assert b"<recording" in (recording.directory / "metadata.xml").read_bytes()
    check_prefix(recording, 0, LONG, (before[0], after[0]))
    check_prefix(recording, 1, LONG_TOO, (before[1], after[1]))
    assert len(lines_with(again, "closed as interrupted")) == 1
    check_audio(wait_recording(again, place_call(again).call_id))
    assert again.stop() == 0


def test_a_log_cut_in_the_middle_of_a_block_is_rendered_up_to_there(start_server: Start) -> None:
    """What a power failure leaves: the last block is half there."""
    server = start_server()
    with src(server.sip_port) as client:
        client.call()
        client.play(Play(voice=ALICE), Play(voice=BOB))
        time.sleep(0.25)
        server.crash()
    (log,) = server.data.glob("spool/*.pcapng")
    os.truncate(log, log.stat().st_size - 13)
    again = start_server()
    recording = wait_recording(again, client.call_id)
    assert recording.outcome == "interrupted"
    assert recording.metadata["capture"]["truncated"]
    received = [recording.stream(number)["packets_received"] for number in (0, 1)]
    assert sorted(received) == [ALICE.packets - 1, ALICE.packets]
    recording.place(0, ALICE.heard[: received[0] * 160])
    recording.place(1, BOB.heard[: received[1] * 160])
    assert again.stop() == 0
