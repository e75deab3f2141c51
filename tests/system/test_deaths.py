"""Killed renderers and killed servers: no recording is lost that could be kept."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.patience import PATIENCE, wait_until
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
CAPTURES = "recordings/*/*/*/*/capture.pcapng"


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


class Trap:
    """A call whose log can't be read to its end: a renderer that takes it hangs until it is killed."""

    def __init__(self, server: RunningServer, worker: int) -> None:
        before = set(server.data.glob(CAPTURES))
        os.kill(worker, signal.SIGSTOP)  # it must not read the log before that is a trap
        self.client = place_call(server)
        wait_until(lambda: set(server.data.glob(CAPTURES)) > before)
        (self.log,) = set(server.data.glob(CAPTURES)) - before
        self._aside = self.log.rename(self.log.with_name("aside"))
        os.mkfifo(self.log)
        os.kill(worker, signal.SIGCONT)

    def spring(self, worker: int, *, last: bool = False) -> None:
        """Kill the renderer once it reads. After the last time the log is as it should be."""
        wait_until(self._is_read)
        if last:
            self._aside.replace(self.log)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{worker}").exists())

    def _is_read(self) -> bool:
        try:
            os.open(self.log, os.O_WRONLY | os.O_NONBLOCK)  # left open: the reader must not see an end
        except OSError:
            return False
        return True


def check_prefix(recording: FoundRecording, number: int, voice: Voice, bounds: tuple[int, int]) -> None:
    """The channel holds what was sent, from its beginning. `bounds` are packets: stored before, sent."""
    row = recording.stream(number)
    kept = row["packets_received"] * 160
    assert bounds[0] * 160 <= kept <= bounds[1] * 160
    assert row["packets_lost"] == 0
    recording.place(number, voice.heard[:kept])


def test_a_renderer_killed_at_work_is_restarted(start_server: Start) -> None:
    server = start_server()
    wait_recording(server, place_call(server).call_id)
    worker = wait_child(server.recorder_pid, RENDERER)
    trap = Trap(server, worker)
    trap.spring(worker, last=True)
    recording = wait_recording(server, trap.client.call_id)
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
    trap = Trap(server, worker)
    trap.spring(worker)
    trap.spring(wait_child(server.recorder_pid, RENDERER), last=True)
    wait_for(server, "not rendered")
    assert server.get("/api/status")["render_failed"] == 1
    assert len(list(server.data.glob(CAPTURES))) == 2
    assert server.stop() == 0
    again = start_server()
    recording = wait_recording(again, trap.client.call_id)
    check_audio(recording)
    assert again.stop() == 0


def test_a_server_killed_in_mid_call_leaves_what_came_until_then(start_server: Start, tmp_path: Path) -> None:
    server = start_server()
    with src(server.sip_port) as client:
        client.call()
        client.start(Play(voice=LONG), Play(voice=LONG_TOO))
        recorder = server.recorder_pid
        wait_until(lambda: min(server.stored()) >= 50)
        before = server.stored()
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
        server.wait_stored(ALICE.packets, BOB.packets)
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
