"""`siprecord config`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from siprecord.cli.options import ConfigFile, DataDir, Json, environment
from siprecord.cli.output import console, print_json, print_table

app = typer.Typer(
    name="config",
    help="Check and show the configuration: a TOML file, and SIPRECORD_SECTION__KEY in the environment.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def check(
    config: ConfigFile = None,
    data: DataDir = None,
    against: Annotated[
        Path | None, typer.Option(help="A capture or a message: tell what the rules would have done to it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether the configuration can be used; each fault is one line, and the exit code is 1.

    Examples:

        siprecord config check --config /etc/siprecord.toml

        siprecord config check --config new.toml --against last-week.pcap
    """
    from siprecord.errors import ConfigError
    from siprecord.server.config_file import load_config
    from siprecord.server.http_config import http_token

    faults: list[str] = []
    try:
        loaded = load_config(config, environment(data))
        http_token(loaded.http)
    except ConfigError as error:
        if not as_json:
            raise
        faults = str(error).splitlines()
    if against is not None and not faults:
        from siprecord.cli.hindsight import judge_capture, print_hindsight

        rows = judge_capture(loaded, against)
        print_json(rows) if as_json else print_hindsight(rows)
        return
    if as_json:
        print_json({"ok": not faults, "faults": faults})
        raise typer.Exit(1 if faults else 0)
    console().print(f"{config or 'the configuration'} is good", markup=False)


@app.command()
def show(config: ConfigFile = None, data: DataDir = None, as_json: Json = False) -> None:
    """Show every setting as it stands, and where its value comes from. Secrets are masked.

    Example:

        SIPRECORD_SIP__PORT=5070 siprecord config show
    """
    from siprecord.server.config_file import load_with_origins

    settings = load_with_origins(config, environment(data)).describe()
    if as_json:
        print_json([asdict(setting) for setting in settings])
    else:
        print_table(("setting", "value", "from"), [(each.key, each.value, each.origin) for each in settings])


@app.command()
def example() -> None:
    """Print a configuration file with every setting, its default and what it does.

    Example:

        siprecord config example > siprecord.toml
    """
    from siprecord.server.config_file import example_toml

    typer.echo(example_toml(), nl=False)
