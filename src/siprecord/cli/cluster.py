"""`siprecord cluster`."""

from __future__ import annotations

from typing import Any

import typer

from siprecord.cli.asking import Url, ask, server_at
from siprecord.cli.options import ConfigFile, Json
from siprecord.cli.output import print_fields, print_json, print_notes, print_table

COLUMNS = ("node", "state", ">lease", ">calls", ">lag", "host", "version", "addresses", "last sign of life")


def cluster(config: ConfigFile = None, url: Url = None, as_json: Json = False) -> None:
    """Show the nodes of the cluster as the running server sees them. Exit code 1 if something is wrong.

    "lag" is how far Redis is behind the calls of a node. A node is dead when its lease has ended and nobody
    has taken over its calls yet.

    Examples:

        siprecord cluster

        siprecord cluster --url http://recorder-b:8080 --json
    """
    answer = ask(server_at(url, config), "cluster")
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    if answer.get("trouble"):
        raise typer.Exit(1)


def _show(answer: dict[str, Any]) -> None:
    print_fields(
        (
            ("cluster", answer.get("name")),
            ("this node", answer.get("node")),
            ("Redis", "connected" if answer.get("connected") else "not connected"),
            ("calls replicated", answer.get("calls")),
            ("calls to write", answer.get("pending")),
            ("behind by", f"{answer.get('lag_s')} s"),
            ("calls taken over", answer.get("taken_over")),
            ("not taken over", answer.get("takeovers_failed") or None),
            ("too large", answer.get("too_large") or None),
            ("withheld for want of TLS", answer.get("withheld") or None),
        )
    )
    print_table(COLUMNS, [_row(node) for node in answer.get("nodes") or []])
    print_notes("Trouble", [str(answer["trouble"])] if answer.get("trouble") else [])


def _row(node: dict[str, Any]) -> tuple[object, ...]:
    state = f"taken over by {node['taken_by']}" if node.get("state") == "taken" else node.get("state")
    return (
        node.get("name"),
        state,
        f"{node.get('lease_s')} s",
        node.get("calls"),
        f"{node.get('lag_s')} s",
        node.get("host"),
        node.get("version"),
        ", ".join(node.get("addresses") or []),
        str(node.get("seen") or "")[:19].replace("T", " "),
    )
