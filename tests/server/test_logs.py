from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from siprecord.server.config import LogConfig
from siprecord.server.logs import QUEUE_LINES, Logs, in_call, redact, start_logs
from tests.support.patience import PATIENCE

Start = Callable[..., tuple[Logs, io.StringIO]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Logs] = []
    root = logging.getLogger()
    level = root.level

    def begin(stream: io.StringIO | None = None, **settings: str) -> tuple[Logs, io.StringIO]:
        stream = stream or io.StringIO()
        started.append(start_logs(LogConfig.model_validate(settings), stream))
        return started[-1], stream

    yield begin
    for logs in started:
        logs.close()
    root.setLevel(level)
    structlog.reset_defaults()


def lines(logs: Logs, stream: io.StringIO) -> list[dict[str, Any]]:
    logs.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_where_nobody_watches(start: Start) -> None:
    logs, stream = start()
    structlog.get_logger("siprecord").info("call started", streams=2)
    (line,) = lines(logs, stream)
    assert (line["event"], line["streams"], line["level"]) == ("call started", 2, "info")
    assert line["timestamp"].endswith("Z")


def test_lines_are_text_on_a_terminal(start: Start) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    logs, stream = start(Terminal())
    structlog.get_logger("siprecord").warning("disk low")
    logs.close()
    assert "disk low" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_every_line_of_a_call_carries_its_ids(start: Start) -> None:
    logs, stream = start()
    with in_call("c1@sbc", "rec-1"):
        structlog.get_logger().info("ours")
        logging.getLogger("uvicorn").warning("a library's %s", "line")
    logging.getLogger("uvicorn").warning("outside")
    first, second, third = lines(logs, stream)
    assert (first["call_id"], first["recording_id"]) == ("c1@sbc", "rec-1")
    assert (second["call_id"], second["event"]) == ("c1@sbc", "a library's line")
    assert "call_id" not in third


def test_lines_below_the_level_are_not_written(start: Start) -> None:
    logs, stream = start(level="warning")
    structlog.get_logger().info("no")
    logging.getLogger("x").info("no")
    structlog.get_logger().warning("yes")
    assert [line["event"] for line in lines(logs, stream)] == ["yes"]


@pytest.mark.parametrize(
    "text",
    [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3CRETS3CRET|2^20|1:32",
        "INVITE sip:x SIP/2.0\r\nAuthorization: Digest username=u, response=S3CRET\r\nTo: x",
        b"Proxy-Authorization: Basic S3CRET",
        "sip:alice:S3CRET@example.com",
        "redis://:S3CRET@cache:6379/0",
        "key_password=S3CRET rest",
        {"headers": ["Authorization: S3CRET"]},
        ValueError("password: S3CRET"),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_hidden_wherever_they_stand(start: Start, text: object, form: str) -> None:
    logs, stream = start(format=form)
    structlog.get_logger().info("got", message=text)
    logging.getLogger("x").info("got %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.getLogger("x").exception("failed")
    logs.close()
    assert "S3CRET" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") >= 3


def test_values_with_secret_names_are_hidden_and_others_are_not() -> None:
    event = {"event": "x", "api_key": "k", "uri": "sip:alice@example.com:5060", "n": 1, "none": None}
    assert redact(None, "", dict(event)) == {**event, "api_key": "[hidden]"}


def test_a_stream_that_takes_nothing_delays_nobody(start: Start) -> None:
    gate = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            gate.wait(PATIENCE)
            return super().write(text)

    logs, stream = start(Stuck(), format="json")
    log = logging.getLogger("flood")
    for number in range(QUEUE_LINES + 100):
        log.info("line %d", number)
    assert 0 < logs.dropped <= 100
    gate.set()
    assert len(lines(logs, stream)) == QUEUE_LINES + 100 - logs.dropped


def test_starting_again_replaces_the_old_log(start: Start) -> None:
    first, old = start()
    second, new = start()
    logging.getLogger("x").info("once")
    assert [line["event"] for line in lines(second, new)] == ["once"]
    assert lines(first, old) == []
