"""`siprecord upgrade` and `siprecord drain`: what is asked of the running server by signals."""

from __future__ import annotations

import os
import signal
import time

from siprecord.cli.asking import Url, ask, server_at
from siprecord.cli.options import ConfigFile
from siprecord.cli.output import console
from siprecord.errors import SiprecordError

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.2


def upgrade(config: ConfigFile = None, url: Url = None) -> None:
    """Replace the running recorder by the installed version; calls go on and nothing is lost.

    The new recorder is loaded beside the old one. If it does not start, the old one goes on and the exit code
    is 1. Where systemd keeps the sockets it starts the new one when the old one has ended. Run it on the
    server's own machine, as the server's user or root.

    Example:

        siprecord upgrade
    """
    base = server_at(url, config)
    before = ask(base, "status")
    warnings = before.get("health", {}).get("warnings") or []
    for lost in (row for row in warnings if row.get("code") == "no_holder"):
        raise SiprecordError(lost.get("text"))
    by_systemd = before.get("kept_by") == "systemd"
    keeper = before.get("recorder_pid" if by_systemd else "holder_pid")
    if not isinstance(keeper, int):
        raise SiprecordError("nobody keeps this server's sockets: restart it when no call runs")
    _signal(keeper, signal.SIGUSR2)
    silent = ""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        time.sleep(POLL_SECONDS)
        try:
            after = ask(base, "status")
        except SiprecordError as error:
            silent = str(error)  # between the two
            continue
        silent = ""
        if after.get("recorder_pid") != before.get("recorder_pid"):
            old, new = before.get("version"), after.get("version")
            console().print(f"recorder {after.get('recorder_pid')} took over: {old} -> {new}", markup=False)
            return
    if silent:
        raise SiprecordError(f"{silent} The new recorder may be configured to be asked elsewhere")
    why = "systemd does not get a new recorder to run" if by_systemd else "the old recorder still runs"
    raise SiprecordError(f"{why}; the server's log says why")


def drain(config: ConfigFile = None, url: Url = None) -> None:
    """Take no new calls, let the running ones finish, then end the server.

    New calls and OPTIONS get 503 with Retry-After; the time limit is recording.drain_grace_s. SIGTERM does
    the same.

    Example:

        siprecord drain
    """
    status = ask(server_at(url, config), "status")
    pid = status.get("holder_pid") or status.get("recorder_pid")
    if not isinstance(pid, int):
        raise SiprecordError("the server does not tell its process")
    if not status.get("draining"):  # a second signal would end the calls
        _signal(pid, signal.SIGTERM)
    console().print(f"draining: {status.get('calls')} calls go on to their end", markup=False)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError as error:
        text = f"process {pid} can't be told ({error.strerror}); run this on its machine, as its user or root"
        raise SiprecordError(text) from None
