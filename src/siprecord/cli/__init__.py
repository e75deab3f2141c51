"""The command `siprecord`: a thin face on the library. `main` is its entry point."""

from __future__ import annotations


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    from siprecord.cli.app import run

    run()
