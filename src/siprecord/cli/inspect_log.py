"""Explains a capture log: the call it holds, its streams, and its SIP messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from siprecord.cli.document import print_document
from siprecord.cli.output import print_fields, print_table
from siprecord.media.audio import AudioRenderer
from siprecord.media.reader import Address, CaptureReader, SipMessage
from siprecord.render.channels import channel_streams, stream_plan
from siprecord.render.document import build_document
from siprecord.render.facts import read_facts
from siprecord.render.moments import rfc3339

Json = dict[str, Any]
_ARROWS = {True: "in", False: "out", None: "?"}


def read_log(path: Path) -> Json:
    """The account of the call as rendering would give it, and the SIP messages; raises `MediaError`."""
    facts = read_facts(path)
    streams = channel_streams(facts)
    renderer = AudioRenderer(path, [stream_plan(stream) for stream in streams])
    files: Json = {"capture": path.name, "audio": None, "metadata": []}
    document = build_document(facts, streams, renderer, files)
    return {
        **document,
        "messages": [_message(item) for item in CaptureReader(path) if isinstance(item, SipMessage)],
    }


def print_log(log: Json) -> None:
    """Show it to people."""
    print_document(log)
    capture = log["capture"]
    print_fields(
        (
            ("log", "whole" if capture["complete"] else "not closed by the recorder"),
            ("bytes after its end", capture["bytes_left_over"] or None),
            ("damaged bytes", capture["bytes_damaged"] or None),
        )
    )
    print_table(
        ("time", "", "message", "transport", "peer"),
        [
            (row["time"], _ARROWS[row["inbound"]], row["start_line"], row["transport"], row["peer"])
            for row in log["messages"]
        ],
        title="SIP messages",
    )


def _message(item: SipMessage) -> Json:
    start_line = item.data.partition(b"\n")[0].strip().decode("utf-8", "replace")
    peer = item.source if item.inbound else item.destination
    return {
        "time": rfc3339(item.time_ns),
        "inbound": item.inbound,
        "start_line": start_line,
        "transport": item.transport,
        "peer": _shown(peer),
        "octets": len(item.data),
    }


def _shown(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
