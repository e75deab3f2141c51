"""How commands speak: tables for people, JSON for programs, errors on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200
"""Columns when the output goes to a file or pipe, so that nothing is cut off there."""


def console(*, stderr: bool = False) -> Console:
    """Where to print: plain text and wide when nobody watches."""
    from rich.console import Console

    plain = Console(stderr=stderr, highlight=False)
    if plain.is_terminal:
        return plain
    return Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)


def print_json(value: Any) -> None:
    """Print a value as JSON, readable and in the order given."""
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print a table; a column whose name begins with `>` is aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console().print(table)


def print_fields(fields: Iterable[tuple[str, object]], *, title: str | None = None) -> None:
    """Print names and values; those without a value are left out."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value in fields:
        if value not in (None, "", [], ()):
            table.add_row(name, _plain(value))
    console().print(table)


def print_notes(title: str, notes: Iterable[str]) -> None:
    """Print sentences as a list; nothing if there are none."""
    from rich.markup import escape

    lines = [escape(note) for note in notes]
    if lines:
        out = console()
        out.print(f"[bold]{title}[/bold]")
        for line in lines:
            out.print(f"  - {line}")


def complain(text: str) -> None:
    """Say what went wrong, on standard error."""
    for line in text.splitlines():
        typer.echo(f"siprecord: {line}", err=True)


def _plain(value: object) -> str:
    """The text of a value; what peers sent must not be taken for markup."""
    from rich.markup import escape

    return "" if value is None else escape(str(value))
