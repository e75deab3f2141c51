"""`siprecord connections`."""

from __future__ import annotations

from typing import Any

from siprecord.cli.asking import Url, ask, server_at
from siprecord.cli.options import ConfigFile, Json
from siprecord.cli.output import console, print_json, print_table

COLUMNS = (
    ">no", "transport", "from", "to", "opened by", "state", ">messages", ">received", ">sent", ">unsent",
    ">age", ">idle",
)  # fmt: skip


def connections(config: ConfigFile = None, url: Url = None, as_json: Json = False) -> None:
    """Show the TCP and TLS connections of the running server, oldest first.

    Bytes are SIP alone, without TLS; "unsent" is what the peer has not taken yet. A connection that stays
    in "opening" or "receiving" belongs to a slow peer and is closed at its time limit.

    Examples:

        siprecord connections

        siprecord connections --url http://recorder:8080 --json
    """
    answer = ask(server_at(url, config), "connections")
    if as_json:
        print_json(answer)
    elif rows := [_row(each) for each in answer.get("connections") or []]:
        print_table(COLUMNS, rows)
    else:
        console(stderr=True).print("no connections")


def _row(info: dict[str, Any]) -> tuple[object, ...]:
    return (
        info.get("number"),
        info.get("transport"),
        _address(info.get("remote")),
        _address(info.get("local")),
        "us" if info.get("outgoing") else "peer",
        info.get("state"),
        info.get("messages"),
        info.get("received_bytes"),
        info.get("sent_bytes"),
        info.get("unsent_bytes"),
        f"{info.get('age_s')} s",
        f"{info.get('idle_s')} s",
    )


def _address(value: object) -> str:
    if not isinstance(value, list) or len(value) != 2:
        return ""
    host, port = value
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
