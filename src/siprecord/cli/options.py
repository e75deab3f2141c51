"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siprecord.syntax.sdp import SUITES

if TYPE_CHECKING:
    from siprecord.server.config import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", envvar="SIPRECORD_CONFIG", help="Configuration file (TOML).", show_default=False
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data", "-d", help="Where recordings are kept; overrides the configuration."),
]
Srtp = Annotated[bool, typer.Option("--srtp", help="Protect all streams, with keys in the SDP (SDES).")]
SrtpSuite = Annotated[str, typer.Option(help=f"How they are protected: {', '.join(SUITES)}.")]
DEFAULT_SUITE = next(iter(SUITES))
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def suite_of(srtp: bool, suite: str) -> str | None:
    """The suite that is asked for; None for streams in the clear."""
    if suite.upper() not in SUITES:
        raise typer.BadParameter(f"--srtp-suite {suite} is not known; there are {', '.join(SUITES)}")
    return suite.upper() if srtp or suite.upper() != DEFAULT_SUITE else None


def environment(data: Path | None = None, **overrides: object) -> dict[str, str]:
    """The environment with what was given on the command line on top of it.

    Raises no error: wrong values are found by the configuration, which names them.
    """
    own = {f"SIPRECORD_{name}": str(value) for name, value in overrides.items() if value is not None}
    if data is not None:
        own["SIPRECORD_DATA_DIR"] = str(data)
    return {**os.environ, **own}


def load(config: Path | None, data: Path | None = None) -> Config:
    """The configuration; raises `ConfigError`."""
    from siprecord.server.config_file import load_config

    return load_config(config, environment(data))
