"""All commands together. Each is a small file, and imports what it needs when it runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from siprecord.cli import (
    bench,
    call,
    calls,
    cluster,
    config,
    connections,
    inspect,
    merge,
    processes,
    recordings,
    render,
    serve,
    status,
)
from siprecord.cli.output import complain
from siprecord.errors import SiprecordError

app = typer.Typer(
    name="siprecord",
    help="Siprecord records SIPREC calls: every packet on disk, every recording explained.",
    epilog="Try it: `siprecord serve` in one terminal, `siprecord call sip:127.0.0.1 --audio a.wav --audio "
    "b.wav` in another, then `siprecord recordings list`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("call")(call.call)
app.command("bench")(bench.bench)
app.add_typer(calls.app, name="calls")
app.add_typer(recordings.app, name="recordings")
app.command("status")(status.status)
app.command("upgrade")(processes.upgrade)
app.command("drain")(processes.drain)
app.command("cluster")(cluster.cluster)
app.command("connections")(connections.connections)
app.command("inspect")(inspect.inspect)
app.command("render")(render.render)
app.command("merge")(merge.merge)
app.add_typer(config.app, name="config")


def _show_version(wanted: bool) -> None:
    if wanted:
        from siprecord.version import own_version

        typer.echo(f"siprecord {own_version()}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Siprecord records SIPREC calls: every packet on disk, every recording explained."""


def run() -> None:
    """Run the command. A known error is one line on standard error and exit code 1; a wrong usage is 2."""
    try:
        app()
    except SiprecordError as error:
        complain(str(error))
        sys.exit(1)
    except PermissionError as error:
        # Recordings are for their owner and group alone, so this is what everybody else sees first.
        complain(f"{error.filename or 'a file'}: {error.strerror}; run it as the user of the server")
        sys.exit(1)
