"""R8: what a recording does not need may fail while calls run: speech-to-text, rendering, HTTP."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.proof import Scale, need
from tests.support.patience import PATIENCE, wait_until
from tests.support.processes import wait_child
from tests.support.recording import wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, Src, src
from tests.support.voices import Voice

VOICES = (Voice(seed=51, seconds=2.0), Voice(seed=52, seconds=2.0, law="pcma"))
HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Half"
CONNECTIONS = 300


class Deaf(RunningServer):
    """A server of somebody's own program, whose speech-to-text does not work."""

    def command(self, command: list[str]) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.speech"]


def speech(scale: Scale, directory: Path) -> str:
    """A callback that raises each time, and one that never returns."""
    server = Deaf(directory)
    server.start()
    try:
        for _ in range(2):
            _whole(server, "with speech-to-text down")
    finally:
        server.process.kill()  # type: ignore[union-attr]
        server.process.wait()  # type: ignore[union-attr]
    need("the provider is down" in server.log.read_text(), "nothing is told of the provider")
    return "speech-to-text that fails and that hangs: two calls, every packet, both rendered"


def rendering(scale: Scale, directory: Path) -> str:
    """The render process hangs from before the call until after it."""
    with served(directory) as server:
        _whole(server, "before")
        worker = wait_child(server.recorder_pid, "siprecord.render")
        os.kill(worker, signal.SIGSTOP)
        with src(server.sip_port) as client:
            _speak(client)
        done = lambda: len(list(server.data.glob("recordings/*/*/*/*/capture.pcapng"))) == 2  # noqa: E731
        wait_until(done, "the log is safe")
        need(len(server.recordings()) == 1, "it is rendered all the same")
        os.kill(worker, signal.SIGCONT)
        _check(server, client, "after the renderer hung")
    return "a renderer that hangs: the log is whole and in its place, and rendered once it goes on"


def http(scale: Scale, directory: Path) -> str:
    """Many half requests, and nobody who reads an answer."""
    with served(directory) as server, ExitStack() as stack:
        for _ in range(CONNECTIONS):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port), PATIENCE))
            sock.sendall(HALF)
        _whole(server, "with HTTP beset")
    return f"HTTP with {CONNECTIONS} half requests on it: the call is answered, recorded and rendered"


def _whole(server: RunningServer, when: str) -> None:
    with src(server.sip_port) as client:
        _speak(client)
    _check(server, client, when)


def _speak(client: Src) -> None:
    client.call()
    client.play(*(Play(voice=voice) for voice in VOICES))
    need(client.bye().status == 200, "BYE")


def _check(server: RunningServer, client: Src, when: str) -> None:
    recording = wait_recording(server, client.call_id)
    for number, voice in enumerate(VOICES):
        row = recording.stream(number)
        counts = row["packets_received"], row["packets_lost"]
        need(counts == (voice.packets, 0), f"{when}: {counts} of {voice.packets}")
        recording.assert_spoken(number, voice.heard)
