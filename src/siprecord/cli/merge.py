"""`siprecord merge`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from siprecord.cli.options import Json
from siprecord.cli.output import print_fields, print_json, print_table


def merge(
    first: Annotated[
        Path, typer.Argument(help="A recording: its directory or its .pcapng.", show_default=False)
    ],
    second: Annotated[
        Path, typer.Argument(help="Another recorder's copy of the same call.", show_default=False)
    ],
    folder: Annotated[Path, typer.Argument(help="A new directory for the result.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Make one recording of two copies of a call, each packet from whichever copy has it.

    The copies may come from recorders whose clocks differ, and may have other SSRCs and sequence numbers:
    packets are known by what is in them. Neither copy is changed. What was paused in one copy is left out
    of the other.

    Examples:

        siprecord merge site-a/recordings/2026/01/31/20260131T120000Z-4f2a site-b/20260131T120001Z-77b1 both/
    """
    from siprecord.render.merging import merge_recordings

    result = merge_recordings(_capture(first), _capture(second), folder)
    made = {
        "recording_id": result.rendering.recording_id,
        "outcome": result.rendering.outcome,
        "capture": str(result.capture),
        "audio": None if result.rendering.audio is None else str(result.rendering.audio),
        "merged": result.account,
    }
    if as_json:
        print_json(made)
    else:
        print_fields((name, value) for name, value in made.items() if name != "merged")
        _print_account(result.account)


def _capture(path: Path) -> Path:
    return path / "capture.pcapng" if path.is_dir() else path


def _print_account(account: Mapping[str, Any]) -> None:
    columns = ("label", ">in both", ">only first", ">only second", ">differing", ">withheld")
    names = ("label", "both", "only_first", "only_second", "differing", "withheld")
    print_table(columns, ([stream[name] for name in names] for stream in account["streams"]))
    if account["unmatched"]:
        rows = ((each["label"], each["ssrc"], each["packets"]) for each in account["unmatched"])
        print_table(("label", ">ssrc", ">packets"), rows, title="Only in the second copy, and not merged")
