"""`python -m siprecord.server.recorder`: the recorder as the holder or systemd starts it.

It takes its configuration from the environment alone, and imports no more than it needs: after a crash each
tenth of a second counts.
"""

from __future__ import annotations

import os
import signal
import sys

from siprecord.errors import SiprecordError
from siprecord.holder import FdStore, HolderStore, find_store
from siprecord.holder.process import DIED_AT, FRESH, WAITING


def main() -> int:
    """Record until told to stop; returns the exit code."""
    store = find_store(os.environ)
    code = record(store)
    store.ending(code)
    return code


def record(store: FdStore) -> int:
    """Record until told to stop; returns the exit code. A known error is one line on standard error."""
    # Until the server takes signals itself, Ctrl-C ends us without a trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from siprecord.server.app import serve
    from siprecord.server.config_file import load_config
    from siprecord.server.keeping import Keeping
    from siprecord.server.lifecycle import loop_factory, run
    from siprecord.server.logs import start_logs

    if os.environ.pop(WAITING, "") and isinstance(store, HolderStore):
        loop_factory()  # loads what it needs
        news = store.wait_for_start()
        if news is None:
            return 0
        os.environ.update({name: value for name, value in news.items() if name in (DIED_AT, FRESH)})
    try:
        settings = load_config(os.environ.get("SIPRECORD_CONFIG") or None, os.environ)
        logs = start_logs(settings.log, sys.stderr)
        try:
            keeping = Keeping(store, settings.spool_dir, os.environ) if store.keeps else None
            run(serve(settings, keeping), settings.event_loop)
        finally:
            logs.close()
    except SiprecordError as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"siprecord: {line}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
