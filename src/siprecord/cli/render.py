"""`siprecord render`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siprecord.cli.options import Json
from siprecord.cli.output import print_fields, print_json


def render(
    capture: Annotated[Path, typer.Argument(help="A capture log (.pcapng).", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to put the files; by default beside a recording, else ./NAME/."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make audio.wav, metadata.json and metadata.xml from a capture log; may be done again at any time.

    Examples:

        siprecord render siprecord-data/spool/20260131T120000Z-4f2a.pcapng out/

        siprecord render siprecord-data/recordings/2026/01/31/20260131T120000Z-4f2a/capture.pcapng
    """
    from siprecord.render import render_recording

    result = render_recording(capture, folder or _beside(capture))
    made = {
        "recording_id": result.recording_id,
        "outcome": result.outcome,
        "duration_s": result.duration_s,
        "audio": None if result.audio is None else str(result.audio),
        "document": str(result.document),
    }
    if as_json:
        print_json(made)
    else:
        print_fields(made.items())


def _beside(capture: Path) -> Path:
    return capture.parent if capture.name == "capture.pcapng" else Path(capture.stem)
