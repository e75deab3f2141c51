"""`siprecord recordings`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from siprecord.cli.options import ConfigFile, DataDir, Json, load
from siprecord.cli.output import console, print_json, print_table

app = typer.Typer(
    name="recordings", help="Look at finished recordings.", no_args_is_help=True, rich_markup_mode="markdown"
)

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to show, the newest first.")]


@app.command("list")
def list_(config: ConfigFile = None, data: DataDir = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List finished recordings, the newest first.

    Examples:

        siprecord recordings list

        siprecord recordings list --data /srv/siprecord --limit 100 --json
    """
    from siprecord.cli.library import recordings

    folder = load(config, data).recordings_dir
    found = [(str(path), document) for path, document in islice(recordings(folder), limit)]
    if as_json:
        print_json([_summary(path, document) for path, document in found])
    elif found:
        columns = ("recording", "started", ">duration", "participants", ">streams", "outcome")
        print_table(columns, [_row(document) for _, document in found])
    else:
        console(stderr=True).print(f"no recordings below {folder}", markup=False)


@app.command()
def show(
    recording: Annotated[str, typer.Argument(help="Its id, the beginning of its id, or its folder.")],
    config: ConfigFile = None,
    data: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one recording: who took part, which streams there are, and what was lost.

    Example:

        siprecord recordings show 20260131T120000Z-4f2a
    """
    from siprecord.cli.document import print_document
    from siprecord.cli.library import find_recording

    path, document = find_recording(load(config, data).recordings_dir, recording)
    if as_json:
        print_json({"path": str(path), **document})
    else:
        print_document(document, folder=str(path))


def _row(document: dict[str, Any]) -> tuple[object, ...]:
    from siprecord.cli.document import people, seconds

    return (
        document.get("recording_id"),
        str(document.get("started") or "")[:19].replace("T", " "),
        seconds(document.get("duration_s")),
        ", ".join(people(document)),
        len(document.get("streams") or []),
        document.get("outcome"),
    )


def _summary(path: str, document: dict[str, Any]) -> dict[str, Any]:
    names = ("recording_id", "outcome", "reason", "started", "ended", "duration_s", "participants")
    known = {name: document.get(name) for name in names}
    return {"path": path, **known, "streams": len(document.get("streams") or [])}
