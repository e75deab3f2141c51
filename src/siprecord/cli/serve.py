"""`siprecord serve`."""

from __future__ import annotations

import os
import signal
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
    SIGTERM lets running calls finish; a second one ends them at once. The recorder runs as a child of this
    process, which keeps its sockets open and starts it again should it die: running calls go on.

    Examples:

        siprecord serve

        siprecord serve --config /etc/siprecord.toml

        siprecord serve --data /tmp/try --port 5070
    """
    from siprecord.holder import kept_by_systemd
    from siprecord.server.config_file import load_config

    overrides = {"SIP__HOST": host, "SIP__PORT": port, "HTTP__PORT": http_port}
    environ = environment(data, **overrides)
    settings = load_config(config, environ)
    if config is not None:
        environ["SIPRECORD_CONFIG"] = str(config)
    environ["SIPRECORD_INTERNAL_DATA_DIR"] = str(settings.data_dir)
    as_json = settings.log.format == "json" or (settings.log.format == "auto" and not sys.stderr.isatty())
    if as_json:
        environ["SIPRECORD_INTERNAL_JSON_LOG"] = "1"
    sys.stdout.flush()
    if kept_by_systemd(environ):
        # In this process: there is no spare, so to load everything once more would cost a call half a second.
        from siprecord.server.recorder import main

        os.environ.update(environ)
        raise typer.Exit(main())
    # This process, full of the command's libraries, becomes the small holder; the recorder is its child.
    # -P: what lies in the current directory must not be taken for a library.
    python = (sys.executable, "-P", "-m")
    command = (*python, "siprecord.holder", *python, "siprecord.server.recorder")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execve(sys.executable, command, environ)
