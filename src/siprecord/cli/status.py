"""`siprecord status`."""

from __future__ import annotations

from typing import Any

import typer

from siprecord.cli.asking import Url, ask, server_at
from siprecord.cli.options import ConfigFile, Json
from siprecord.cli.output import print_fields, print_json, print_notes


def status(
    config: ConfigFile = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show the running server: calls, packets, and whether it is well. Exit code 1 if it is not.

    Examples:

        siprecord status

        siprecord status --url http://recorder:8080 --json
    """
    answer = ask(server_at(url, config), "status")
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if _reasons(answer):
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    listeners = answer.get("listeners") or []
    free = answer.get("disk_free_bytes")
    print_fields(
        (
            ("version", answer.get("version")),
            ("node", answer.get("node")),
            ("processes", _processes(answer)),
            ("up", f"{answer.get('uptime_s')} s"),
            (
                "listens on",
                ", ".join(f"{each['transport']} {each['host']}:{each['port']}" for each in listeners),
            ),
            ("calls", answer.get("calls")),
            ("streams", answer.get("streams")),
            ("stream quality", _counted(answer.get("streams_quality"))),
            ("alarms", _counted(answer.get("streams_alarmed"))),
            ("packets stored", answer.get("packets")),
            ("packets dropped", answer.get("packets_dropped")),
            ("calls so far", answer.get("calls_started")),
            ("calls refused", answer.get("calls_refused")),
            ("to be rendered", answer.get("render_queue")),
            ("disk free", None if free is None else f"{free / 2**30:.1f} GiB"),
            ("draining", "yes" if answer.get("draining") else None),
            ("cluster", _cluster(answer.get("cluster"))),
            ("health", "not well" if _reasons(answer) else "well"),
        )
    )
    print_notes("Reasons", _reasons(answer))
    print_notes("Warnings", _sentences(answer, "warnings"))


def _cluster(row: dict[str, Any] | None) -> str | None:
    """This node among others, in a line."""
    if not row:
        return None
    up = sum(node.get("state") == "up" for node in row.get("nodes") or [])
    here = "connected" if row.get("connected") else "not connected"
    return (
        f"{row.get('name')}: {here} as {row.get('node')}, {up} nodes up, {row.get('calls')} calls replicated"
    )


def _counted(counts: dict[str, int] | None) -> str | None:
    """`3 good, 1 poor`; nothing when there is none."""
    return ", ".join(f"{number} {name}" for name, number in (counts or {}).items() if number) or None


def _processes(answer: dict[str, Any]) -> str:
    holder = answer.get("holder_pid")
    recorder = f"recorder {answer.get('recorder_pid')}"
    if holder:
        return f"holder {holder}, {recorder}"
    return f"{recorder}, kept by systemd" if answer.get("kept_by") == "systemd" else recorder


def _reasons(answer: dict[str, Any]) -> list[str]:
    """Why it is not well, in sentences."""
    return _sentences(answer, "reasons")


def _sentences(answer: dict[str, Any], name: str) -> list[str]:
    health = answer.get("health")
    rows = health.get(name) if isinstance(health, dict) else None
    return [str(row.get("text", row)) if isinstance(row, dict) else str(row) for row in rows or []]
