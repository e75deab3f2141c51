"""R3, R4: what is not the recorder dies, and what ends on purpose."""

from __future__ import annotations

import json
import signal
from itertools import count
from pathlib import Path

from tests.chaos.proof import Scale, need
from tests.chaos.storm import Storm, kill_renderer, rage, start_load
from tests.support import messages
from tests.support.cluster import Phone, running, until
from tests.support.server import served


def renderer(scale: Scale, directory: Path) -> str:
    """R3: a render process is killed at work."""
    storm = Storm(calls=20, rate=15, seconds=1.0, kills=1, pause=(0.02, 0.1), seed=scale.seed)
    with served(directory) as server:
        after = rage(server, storm, lambda: kill_renderer(server))
        need(not after.faults and after.kills, after)
        server.wait_recordings(storm.calls)
    return f"renderer: {after}, all rendered"


def drained(scale: Scale, directory: Path) -> str:
    """R4: SIGTERM under load."""
    phone, calls = Phone(), 10
    with served(directory) as server:
        load = start_load(server, Storm(calls=calls, rate=20, seconds=4.0, seed=scale.seed))
        until(lambda: len(running(server)) == calls, "all calls run")
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        number = count(1)
        until(
            lambda: phone.ask(server.sip_port, "OPTIONS", "drain", number=next(number)).status == 503,
            "it drains",
        )
        body = messages.multipart(messages.sdp())
        answers = [phone.ask(server.sip_port, "INVITE", "drain-2", body=body)]
        answers.append(phone.ask(server.sip_port, "OPTIONS", "drain-3"))
        out, _ = load.communicate(timeout=60)
        report, code = json.loads(out), server.process.wait(60)
    phone.close()
    need(
        all(each.status == 503 and each.headers.get("Retry-After") for each in answers), "not refused by 503"
    )
    need(code == 0 and not report["calls_failed"] and not report["packets_lost"], f"exit {code}, {report}")
    return (
        f"{calls} calls went on to their end, {report['packets_sent']} packets, none lost; "
        "OPTIONS and INVITE got 503 with Retry-After; exit code 0"
    )
