"""The command `siprecord`: a thin face on the library. `main` is its entry point."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    # Ctrl-C while the libraries load ends us without a trace; then each command says what it means.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from siprecord.cli.app import run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()
