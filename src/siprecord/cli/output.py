"""How commands speak: tables for people, JSON for programs, errors on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    # Octets of peers that are no UTF-8 stand as lone surrogates: JSON's own escape is what comes out.
    typer.echo(text.encode("utf-8", "backslashreplace"))


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
    lines = [_plain(note) for note in notes]
    if lines:
        out = console()
        out.print(f"[bold]{title}[/bold]")
        for line in lines:
            out.print(f"  - {line}")


def print_findings(title: str, findings: Iterable[Mapping[str, Any]]) -> None:
    """Print faults, each with its line, its rule and what to change; nothing if there are none."""
    out = console()
    for number, finding in enumerate(findings, 1):
        if number == 1:
            out.print(f"[bold]{title}[/bold]")
        out.print(f"  {number}. {_plain(finding['fault'])}", soft_wrap=True)
        line, rule = finding["line"], finding["rule"]
        if line:
            out.print(f"     line {line['number']}: {_plain(line['text'])}", soft_wrap=True, highlight=False)
        said = f"{finding['reference']}: {rule}" if rule else finding["reference"]
        out.print(f"     {_plain(said)}", style="dim", soft_wrap=True)
        if finding["change"]:
            out.print(f"     to change: {_plain(finding['change'])}", soft_wrap=True)


def complain(text: str) -> None:
    """Say what went wrong, on standard error."""
    for line in text.splitlines():
        typer.echo(f"siprecord: {harmless(line)}", err=True)


def _plain(value: object) -> str:
    """A value as text. What peers sent must not be taken for markup, nor steer the terminal."""
    from rich.markup import escape

    return "" if value is None else escape(harmless(str(value)))


def harmless(text: str) -> str:
    """The text with everything that can't be shown written as an escape."""
    return "".join(mark if mark.isprintable() or mark == "\n" else _escaped(mark) for mark in text)


def _escaped(mark: str) -> str:
    return mark.encode("unicode_escape", "surrogatepass").decode() if mark != "\t" else " "
