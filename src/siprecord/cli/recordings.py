"""`siprecord recordings`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siprecord.cli.options import ConfigFile, DataDir, Json, load
from siprecord.cli.output import complain, console, print_json, print_table

if TYPE_CHECKING:
    from siprecord.store import LocalStore, Recording

app = typer.Typer(
    name="recordings", help="Look at recordings.", no_args_is_help=True, rich_markup_mode="markdown"
)

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many to show, the newest first.")]


@app.command("list")
def list_(config: ConfigFile = None, data: DataDir = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List recordings, the newest first.

    Examples:

        siprecord recordings list

        siprecord recordings list --data /srv/siprecord --limit 100 --json
    """
    store = _store(config, data)
    found = [(each, store.load_metadata(each) or {}) for each in store.list(limit)]
    for directory in sorted(store.unreadable):
        complain(f"{directory} can't be read: it belongs to another user")
    if as_json:
        print_json([_summary(recording, document) for recording, document in found])
    elif found:
        columns = ("recording", "started", ">duration", "participants", ">streams", "outcome")
        print_table(columns, [_row(recording, document) for recording, document in found])
    else:
        console(stderr=True).print(f"no recordings below {store.layout.recordings}", markup=False)


@app.command()
def show(
    recording: Annotated[str, typer.Argument(help="Its id, the beginning of its id, or its folder.")],
    config: ConfigFile = None,
    data: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show one recording: who took part, which streams there are, what was lost, and what else belongs to it.

    Example:

        siprecord recordings show 20260131T120000Z-4f2a
    """
    from siprecord.cli.document import print_document
    from siprecord.cli.stories import find_story
    from siprecord.errors import SiprecordError

    store = _store(config, data)
    found = _find(store, recording)
    document = store.load_metadata(found)
    if document is None:
        raise SiprecordError(f"{found.directory} is not rendered yet; `siprecord render` does it")
    if document.get("conversation"):
        document["conversation"] = find_story(store, document)
    if as_json:
        print_json({"path": str(found.directory), **document})
    else:
        print_document(document, folder=str(found.directory))


def _store(config: Path | None, data: Path | None) -> LocalStore:
    from siprecord.store import LocalStore

    return LocalStore(load(config, data).data_dir)


def _find(store: LocalStore, wanted: str) -> Recording:
    from siprecord.store import Recording

    folder = Path(wanted)
    given = Recording(folder.resolve().name, folder)
    if "/" in wanted and (given.rendered or given.capture.is_file()):
        return given
    return store.find(wanted)


def _row(recording: Recording, document: dict[str, Any]) -> tuple[object, ...]:
    from siprecord.cli.document import people, seconds

    return (
        recording.id,
        str(document.get("started") or "")[:19].replace("T", " "),
        seconds(document.get("duration_s")),
        ", ".join(people(document)),
        len(document["streams"]) if "streams" in document else "",
        document.get("outcome") if document else "not rendered yet",
    )


def _summary(recording: Recording, document: dict[str, Any]) -> dict[str, Any]:
    names = ("outcome", "reason", "started", "ended", "duration_s", "participants", "gaps")
    return {
        "recording_id": recording.id,
        "path": str(recording.directory),
        "rendered": bool(document),
        **{name: document.get(name) for name in names},
        "streams": len(document.get("streams") or []),
    }
