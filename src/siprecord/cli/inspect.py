"""`siprecord inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siprecord.cli.options import Json
from siprecord.cli.output import print_json

PCAPNG = b"\x0a\x0d\x0d\x0a"
MAX_MESSAGE = 16 * 1024 * 1024
"""A file without the marks of a capture log is read whole, up to this size; ours."""


def inspect(
    file: Annotated[Path, typer.Argument(help="A SIP message, or a capture log (.pcapng).")],
    as_json: Json = False,
) -> None:
    """Explain a SIP message or a capture log: what is understood, and what deviates from the RFCs.

    Examples:

        siprecord inspect invite.txt

        siprecord inspect siprecord-data/spool/20260131T120000Z-4f2a.pcapng

        siprecord inspect capture.pcapng --json
    """
    if _starts_with_pcapng(file):
        from siprecord.cli.inspect_log import print_log, read_log

        log = read_log(file)
        print_json(log) if as_json else print_log(log)
    else:
        from siprecord.cli.inspect_sip import print_message, read_message

        message = read_message(file.read_bytes(), str(file))
        print_json(message) if as_json else print_message(message)


def _starts_with_pcapng(file: Path) -> bool:
    from siprecord.errors import SiprecordError

    try:
        with file.open("rb") as opened:
            first = opened.read(4)
            if first != PCAPNG and file.stat().st_size > MAX_MESSAGE:
                raise SiprecordError(f"{file} is neither a capture log nor a SIP message: it is too long")
    except OSError as error:
        raise SiprecordError(f"can't read {file}: {error.strerror}") from None
    return first == PCAPNG
