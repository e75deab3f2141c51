"""`siprecord render`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siprecord.cli.options import Json
from siprecord.cli.output import print_fields, print_json

if TYPE_CHECKING:
    from siprecord.render.options import Format


def render(  # noqa: PLR0913 - one parameter for each option of the command
    capture: Annotated[Path, typer.Argument(help="A capture log (.pcapng).", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where to put the files; by default beside a recording, else ./NAME/."),
    ] = None,
    *,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", help="wav, flac, opus or mp3; may be given several times.", show_default="wav"
        ),
    ] = None,
    per_stream: Annotated[bool, typer.Option("--per-stream", help="A file of each stream too.")] = False,
    mono: Annotated[bool, typer.Option("--mono", help="A file with the sum of all streams too.")] = False,
    peaks: Annotated[bool, typer.Option("--peaks", help="peaks.json too, for drawing the waveform.")] = False,
    conceal: Annotated[
        bool, typer.Option("--conceal", help="Fill the first 60 ms of what the network lost.")
    ] = False,
    show_digits: Annotated[
        bool, typer.Option("--show-digits", help="Tell in metadata.json which keys were pressed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make audio.wav, metadata.json and metadata.xml from a capture log; may be done again at any time.

    Examples:

        siprecord render siprecord-data/spool/20260131T120000Z-4f2a.pcapng out/

        siprecord render siprecord-data/recordings/2026/01/31/20260131T120000Z-4f2a/capture.pcapng

        siprecord render --format flac --format mp3 --per-stream --peaks capture.pcapng out/
    """
    from siprecord.errors import RenderError
    from siprecord.render import RenderOptions, render_recording

    if capture.is_file() and capture.stat().st_size == 0:
        raise RenderError(f"{capture} is empty: there is nothing to render")
    options = RenderOptions(
        formats=_formats(formats or ["wav"]),
        per_stream=per_stream,
        mono=mono,
        peaks=peaks,
        conceal=conceal,
        digits="shown" if show_digits else "masked",
    )
    result = render_recording(capture, folder or _beside(capture), options)
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


def _formats(names: list[str]) -> tuple[Format, ...]:
    from siprecord.render.options import FORMATS

    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]} is none of {', '.join(FORMATS)}", param_hint="--format")
    return tuple(dict.fromkeys(kind for name in names for kind in FORMATS if kind == name))


def _beside(capture: Path) -> Path:
    return capture.parent if capture.name == "capture.pcapng" else Path(capture.stem)
