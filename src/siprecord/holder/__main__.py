"""`python -m siprecord.holder COMMAND ...`: what `siprecord serve` becomes."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from datetime import UTC, datetime
from json import dumps

from siprecord.holder.process import Holder

PRIVATE = 0o027
"""No rights for others on any file that is made."""
JSON_LOG = "SIPRECORD_INTERNAL_JSON_LOG"


def main() -> int:
    """Hold the sockets of the command given; exits as it does."""
    # Until the holder takes signals itself, Ctrl-C ends us without a trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.umask(PRIVATE)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a hard limit above what the kernel allows by now
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return Holder(sys.argv[1:], os.environ, say).run()


def say(level: str, text: str) -> None:
    """One line in the shape of the recorder's own; what keeps us from starting at all is a plain sentence."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if level == "fatal":
        line = f"siprecord: {text}"
    elif os.environ.get(JSON_LOG):
        line = dumps({"event": text, "level": level, "logger": "siprecord.holder", "timestamp": now})
    else:
        line = f"{now} [{level:<7}] {text} [siprecord.holder]"
    print(line, file=sys.stderr, flush=True)  # noqa: T201  (this is its log)


if __name__ == "__main__":
    sys.exit(main())
