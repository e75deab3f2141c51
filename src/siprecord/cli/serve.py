"""`siprecord serve`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from siprecord.cli.options import ConfigFile, DataDir, environment


def serve(
    config: ConfigFile = None,
    data: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address for SIP to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port for SIP over UDP and TCP.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port for health, metrics and the API.")] = None,
) -> None:
    """Record calls until SIGTERM or Ctrl-C.

    SIP is on port 5060 (UDP and TCP), HTTP on 127.0.0.1:8080, recordings are below ./siprecord-data. A first
    SIGTERM lets running calls finish; a second one ends them at once.

    Examples:

        siprecord serve

        siprecord serve --config /etc/siprecord.toml

        siprecord serve --data /tmp/try --port 5070
    """
    from siprecord.server.app import serve as run_server
    from siprecord.server.config_file import load_config
    from siprecord.server.lifecycle import run
    from siprecord.server.logs import start_logs

    overrides = {"SIP__HOST": host, "SIP__PORT": port, "HTTP__PORT": http_port}
    settings = load_config(config, environment(data, **overrides))
    logs = start_logs(settings.log, sys.stderr)
    try:
        run(run_server(settings))
    finally:
        logs.close()
