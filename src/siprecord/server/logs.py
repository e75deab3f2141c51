"""Log lines: text on a terminal, JSON elsewhere; no secrets; never a reason to wait.

Every line, ours or a library's, takes one way: it is rendered on the thread that wrote it (so that it knows
its call) and handed to a queue; a thread of its own writes. A terminal or pipe that takes nothing delays
nobody: when the queue is full, lines are dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
from contextlib import AbstractContextManager
from datetime import datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from siprecord.server.config import LogConfig
from siprecord.syntax.text import to_json

QUEUE_LINES = 10_000
CLOSE_SECONDS = 2.0
TALKATIVE = ("uvicorn", "asyncio")
"""Libraries of which only warnings are of interest to an administrator."""
HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(r"password|passwd|secret|authorization|api_?key", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"(\binline:)[^\s|;\"'\\]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(r"((?:Proxy-)?Authorization[\"']?\s*[:=]\s*)[^\r\n]+?(?=\\r|\\n|[\r\n]|$)", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\b(?:\w+://|sips?:)[^\s:@/]*:)[^\s@/]+(?=@)"), rf"\1{HIDDEN}"),
    (
        re.compile(r"((?:password|passwd|secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+", re.IGNORECASE),
        rf"\1{HIDDEN}",
    ),
)


class Logs:
    """The log of one process, from `start_logs` to `close`."""

    def __init__(self, handler: _DroppingHandler, listener: _Writer) -> None:
        self._handler = handler
        self._listener = listener

    @property
    def dropped(self) -> int:
        """Lines lost because nobody took them in time."""
        return self._handler.dropped

    def close(self) -> None:
        """Write what is queued, for a short while, and log no more. May be called twice."""
        logging.getLogger().removeHandler(self._handler)
        self._listener.finish()


def start_logs(settings: LogConfig, stream: TextIO) -> Logs:
    """Send all log lines of the process to `stream`; replaces what was set up before."""
    lines: queue.Queue[Any] = queue.Queue(QUEUE_LINES)
    handler = _DroppingHandler(lines)
    handler.setFormatter(_formatter(settings, stream))
    listener = _Writer(lines, logging.StreamHandler(stream))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _DroppingHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
    listener.start()
    return Logs(handler, listener)


def in_call(call_id: str, recording_id: str = "") -> AbstractContextManager[None]:
    """Within this context every line carries these ids, whoever writes it."""
    known = {"call_id": call_id, "recording_id": recording_id}
    return structlog.contextvars.bound_contextvars(**{name: value for name, value in known.items() if value})


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide SRTP keys, credentials and passwords, wherever in a line they stand."""
    return {name: HIDDEN if _SECRET_NAMES.search(name) else _clean(value) for name, value in event.items()}


class _DroppingHandler(QueueHandler):
    """Hands rendered lines to the writing thread; drops them when it does not keep up."""

    def __init__(self, lines: queue.Queue[Any]) -> None:
        super().__init__(lines)
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1


class _Writer(QueueListener):
    """The thread that writes. It may hang in a write for ever, and the process must end all the same."""

    _sentinel = None

    def __init__(self, lines: queue.Queue[Any], handler: logging.Handler) -> None:
        super().__init__(lines, handler)
        self._lines = lines

    def finish(self) -> None:
        """Write what is queued; give up on a stream that takes nothing."""
        thread = self._thread
        if thread is None:
            return
        with contextlib.suppress(queue.Full):
            self._lines.put(self._sentinel, timeout=CLOSE_SECONDS)
            thread.join(CLOSE_SECONDS)
        self._thread = None


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(settings: LogConfig, stream: TextIO) -> logging.Formatter:
    """Tracebacks become plain text first, so that redaction sees them. Variables are never shown."""
    text = settings.format == "text" or (settings.format == "auto" and stream.isatty())
    renderer: Processor
    if text:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


def _clean(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return redact(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else _clean(str(value))


def _to_json(event: EventDict, **_: Any) -> str:
    return to_json(event).decode()
