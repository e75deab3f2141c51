"""The render worker: JSON job lines on standard input, JSON answer lines on standard output.

A job is `{"id": ..., "capture": path, "destination": directory, "options": {...}}`;
the answer has `id`, `ok`, and either
`outcome`, `duration_s` and `audio`, or `error`: one sentence. No job can end the worker; it ends with its
input.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from siprecord.errors import SiprecordError
from siprecord.render.options import DEFAULT_OPTIONS, RenderOptions
from siprecord.render.recording import render_recording

_log = logging.getLogger("siprecord.render")
_NICE = 10


class Job(msgspec.Struct, frozen=True):
    """One line of input."""

    id: str
    capture: str
    destination: str
    options: RenderOptions = DEFAULT_OPTIONS


def answer(line: bytes) -> dict[str, Any]:
    """Do what one line asks for; whatever goes wrong becomes the answer."""
    try:
        job = msgspec.json.decode(line, type=Job)
    except msgspec.MsgspecError as error:
        return {"id": None, "ok": False, "error": f"not a job: {error}"}
    try:
        result = render_recording(Path(job.capture), Path(job.destination), job.options)
    except SiprecordError as error:
        _log.warning("%s", error)
        return {"id": job.id, "ok": False, "error": str(error)}
    except Exception as error:  # noqa: BLE001 - one bad recording must not end the worker
        _log.exception("rendering %s failed", job.capture)
        return {
            "id": job.id,
            "ok": False,
            "error": f"can't render {job.capture}: {type(error).__name__}: {error}",
        }
    audio = str(result.audio) if result.audio else None
    return {
        "id": job.id,
        "ok": True,
        "outcome": result.outcome,
        "duration_s": result.duration_s,
        "audio": audio,
    }


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer each line until the input ends."""
    for line in jobs:
        if line.strip():
            answers.write(msgspec.json.encode(answer(line)) + b"\n")
            answers.flush()


def main() -> None:
    """Serve standard input; give way to recording, and leave interrupts to the parent."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but answers may reach the parent
    serve(sys.stdin.buffer, answers)
