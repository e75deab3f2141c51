"""`make chaos`: kills what can be killed under real calls, and prints a proof for each of R1 to R15.

One line for each requirement: proved, FAILED or not built. The exit code is 1 when one failed, 3 when one is
not built, else 0.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.chaos.cluster_proofs import floating_address, linked_continuation, partition, redis_down
from tests.chaos.holder_proof import holder_killed
from tests.chaos.merge_proof import merged_copies
from tests.chaos.storm import (
    Storm,
    child_running,
    kill,
    kill_recorder,
    kill_renderer,
    rage,
    start_load,
    wait_for_calls,
)
from tests.support import messages
from tests.support.server import RunningServer

FAILED, NOT_BUILT = 1, 3
RECORDER = "siprecord.server.recorder"


@dataclass(frozen=True)
class Scale:
    """How hard to try."""

    calls: int
    kills: int


Proof = Callable[[Scale, Path], str]


class Failure(Exception):
    """A requirement is not met."""


def need(met: object, text: object) -> None:
    """Fail with this text unless `met`."""
    if not met:
        raise Failure(str(text))


def recorder_killed(scale: Scale, directory: Path) -> str:
    """R1, R2: the recorder, at random moments; the client fails a call at any wrong tag or CSeq."""
    server = RunningServer(directory).start()
    try:
        seconds = scale.kills * 3.5 + 3
        storm = Storm(calls=scale.calls, rate=20, seconds=seconds, kills=scale.kills, pause=(1.5, 5.0))
        after = rage(server, storm)
        need(not after.faults and after.kills, after)
        half, fewer = max(1, scale.calls // 2), max(1, scale.kills // 2)
        storm = replace(storm, calls=half, kills=fewer, seconds=fewer * 3.5 + 3, more=("--srtp",))
        protected = rage(server, storm)
        need(not protected.faults and protected.kills, protected)
        recordings = server.wait_recordings(scale.calls + half)
        outcomes = {json.loads((each / "metadata.json").read_text())["outcome"] for each in recordings}
        need(len(recordings) == scale.calls + half, f"{len(recordings)} recordings")
        need(outcomes == {"complete"}, outcomes)
    finally:
        end(server)
    return f"{after}; with SRTP: {protected}; UDP and TCP"


def others_killed(scale: Scale, directory: Path) -> str:
    """R3: a render process, then the holder and, under the next one, the recorder."""
    server = RunningServer(directory).start()
    storm = Storm(calls=20, rate=15, seconds=1.0, kills=1, pause=(0.02, 0.1))
    rendering = rage(server, storm, lambda: kill_renderer(server))
    need(not rendering.faults and rendering.kills, f"renderer: {rendering}")
    server.wait_recordings(20)
    held = holder_killed(server)
    need(not held.faults and held.kills, f"holder: {held}")
    end(server)
    return f"renderer: {rendering}; holder, calls without it, the next one, then the recorder: {held}"


def drained(scale: Scale, directory: Path) -> str:
    """R4: SIGTERM under load."""
    server = RunningServer(directory).start()
    load = start_load(server, Storm(calls=10, rate=20, seconds=4.0))
    time.sleep(2.5)
    assert server.process is not None
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    answers = [ask(server, messages.request(method, f"{method}-drain")) for method in ("OPTIONS", "INVITE")]
    out, _ = load.communicate(timeout=60)
    report = json.loads(out)
    code = server.process.wait(30)
    refused = all(b" 503 " in answer[:20] and b"Retry-After" in answer for answer in answers)
    need(refused, "OPTIONS or INVITE did not get 503 with Retry-After")
    need(code == 0 and not report["calls_failed"] and not report["packets_lost"], f"exit {code}, {report}")
    return f"10 calls went on to their end, {report['packets_sent']} packets, none lost; 503 with Retry-After"


def full(scale: Scale, directory: Path) -> str:
    """R9: no port left."""
    server = RunningServer(directory, media_ports=(21000, 21003)).start()
    try:
        first = ask(server, invite("r9-a", (30000, 30002)))
        second = ask(server, invite("r9-b", (30004, 30006)))
    finally:
        end(server)
    need(first.startswith(b"SIP/2.0 200"), first[:60])
    need(second.startswith(b"SIP/2.0 503"), second[:60])
    return "no ports: 503 before any answer; a full disk is proved by tests/media/test_engine_disk.py"


def machine_died(scale: Scale, directory: Path) -> str:
    """R10: everything is killed at once; the next start repairs."""
    server = RunningServer(directory).start()
    load = start_load(server, Storm(calls=5, rate=20, seconds=30.0))
    wait_for_calls(server, load, calls=5)
    time.sleep(2)
    recorder = child_running(server.pid, RECORDER)
    need(recorder, "no recorder")
    kill(server.pid)
    kill(recorder or 0)
    load.kill()
    load.communicate(timeout=60)
    server.start()
    try:
        recordings = server.wait_recordings(5)
    finally:
        end(server)
    documents = [json.loads((each / "metadata.json").read_text()) for each in recordings]
    need({each["outcome"] for each in documents} == {"interrupted"}, documents)
    need(all((each / "audio.wav").stat().st_size > 100 for each in recordings), "no audio")
    return "5 of 5 recordings closed as interrupted and rendered at the next start; hashes are not built"


def bye_missing(scale: Scale, directory: Path) -> str:
    """R11: nothing comes any more, and no BYE."""
    settings = {
        "SIPRECORD_RECORDING__MEDIA_TIMEOUT_S": "1",
        "SIPRECORD_RECORDING__END_ON_MEDIA_TIMEOUT": "true",
    }
    server = RunningServer(directory, settings=settings).start()
    try:
        answer = ask(server, invite("r11"))
        ask(server, messages.request("ACK", "r11", to_tag=tag_of(answer)), wait=False)
        (recording,) = server.wait_recordings(1)
    finally:
        end(server)
    outcome = json.loads((recording / "metadata.json").read_text())["outcome"]
    need(outcome == "no_media", outcome)
    return "closed by silence; session timers and hold are proved by the unit tests"


def invite_again(scale: Scale, directory: Path) -> str:
    """R14: the INVITE again, to a recorder that was killed after its answer."""
    server = RunningServer(directory).start()
    try:
        first = ask(server, invite("r14"))
        kill_recorder(server)
        again = ask(server, invite("r14"))
        need(tag_of(first) == tag_of(again), "another dialog was opened")
        ask(server, messages.request("ACK", "r14", to_tag=tag_of(first)), wait=False)
        bye = ask(server, messages.request("BYE", "r14", number=2, to_tag=tag_of(first)), final_of="BYE")
        need(bye.startswith(b"SIP/2.0 200"), bye[:60])
        server.wait_recordings(1)
        time.sleep(1)
        need(len(server.recordings()) == 1, f"{len(server.recordings())} recordings")
    finally:
        end(server)
    return "the same 200 with the same tag after kill -9; one recording"


PROOFS: dict[str, tuple[str, Proof | str]] = {
    "R1": ("kill -9 of the recorder loses no audio", recorder_killed),
    "R2": (
        "dialogs and ports outlive the recorder",
        "see R1: the client fails a call at any wrong tag or CSeq, and SRTP keys go on",
    ),
    "R3": ("other processes may die too", others_killed),
    "R4": ("planned drain", drained),
    "R5": ("host loss with a floating address", lambda scale, at: floating_address(at, min(scale.calls, 20))),
    "R6": ("host loss without one: linked continuation", lambda scale, at: linked_continuation(at)),
    "R7": ("2N: two recordings merged per packet", lambda scale, at: merged_copies(at)),
    "R8": ("Redis down, full, slow; there is no other service", lambda scale, at: redis_down(at)),
    "R9": ("only lack of room refuses, before the 200", full),
    "R10": ("what was unfinished is repaired at start", machine_died),
    "R11": ("a missing BYE ends the recording", bye_missing),
    "R12": ("every gap has its cause", "see tests/render/test_absences.py; nothing was missing in R1"),
    "R13": ("partition: record twice rather than not", lambda scale, at: partition(at)),
    "R14": ("a repeated INVITE opens no second recording", invite_again),
    "R15": ("one command proves it", "this report"),
}
"""A proof, or what stands for it; an empty text: not built."""

_sockets: dict[int, socket.socket] = {}


def ask(server: RunningServer, request: bytes, *, wait: bool = True, final_of: str = "") -> bytes:
    """Send a request over UDP and return its final response, repeating it as RFC 3261 has it."""
    sock = _sockets.get(server.sip_port)
    if sock is None:
        sock = _sockets[server.sip_port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", server.sip_port))
        sock.settimeout(0.5)
    for _ in range(20):
        sock.send(request)
        if not wait:
            return b""
        try:
            while (answer := sock.recv(65536)).startswith(b"SIP/2.0 1") or not is_final(answer, final_of):
                pass
        except TimeoutError:
            continue
        return answer
    raise Failure("no answer")


def is_final(answer: bytes, method: str) -> bool:
    """Whether this is a response to that method (any, when it is empty)."""
    return answer.startswith(b"SIP/2.0 ") and bool(
        not method or re.search(rb"CSeq: \d+ " + method.encode(), answer)
    )


def end(server: RunningServer) -> None:
    """Two signals: the second ends calls at once."""
    if server.process is not None and server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    server.stop()


def invite(call: str, ports: tuple[int, int] = (30000, 30002)) -> bytes:
    """A SIPREC INVITE."""
    return messages.request("INVITE", call, body=messages.multipart(messages.sdp(ports)))


def tag_of(answer: bytes) -> str:
    """The tag of the To header."""
    found = re.search(rb"(?m)^To:.*;tag=([^;\r\n]+)", answer)
    if found is None:
        raise Failure(f"no tag in {answer[:200]!r}")
    return found[1].decode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="calls up while the recorder is killed")
    parser.add_argument("--kills", type=int, default=20, help="how often it is killed")
    parser.add_argument("--only", help="one of R1 to R15")
    options = parser.parse_args()
    worst = 0
    for name, (title, proof) in PROOFS.items():
        if options.only in (None, name):
            worst = max(worst, run(name, title, proof, Scale(options.calls, options.kills)), key=severity)
    return worst


def severity(code: int) -> int:
    """A failure is worse than what is not built."""
    return {0: 0, NOT_BUILT: 1, FAILED: 2}[code]


def run(name: str, title: str, proof: Proof | str, scale: Scale) -> int:
    """Print the line of one requirement; returns its exit code."""
    if isinstance(proof, str):
        print(
            f"{name:<4} {'proved' if proof else 'not built':<9}  {title}{': ' + proof if proof else ''}",
            flush=True,
        )
        return 0 if proof else NOT_BUILT
    with tempfile.TemporaryDirectory(prefix="siprecord-chaos-") as directory:
        try:
            text, code, word = proof(scale, Path(directory)), 0, "proved"
        except (Failure, AssertionError, OSError) as error:
            text, code, word = " ".join(str(error).split())[:1000], FAILED, "FAILED"
    print(f"{name:<4} {word:<9}  {title}: {text}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
