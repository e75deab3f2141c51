"""`siprecord inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from siprecord.cli.options import Json
from siprecord.cli.output import console, print_json

PCAPNG = b"\x0a\x0d\x0d\x0a"
PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
OTHERS = {
    b"\x1f\x8b": "compressed; unpack it first: gunzip",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed; unpack it first: unzstd",
    b"\xfd7zX": "compressed; unpack it first: unxz",
    b"snoo": "a capture of snoop; convert it first: editcap -F pcap",
    b"\x00": "no text, and no capture that is known (pcap or pcapng)",
    b"\xff": "no text, and no capture that is known (pcap or pcapng)",
}
"""Files that people take for what they have, by their first octets."""
MAX_MESSAGE = 16 * 1024 * 1024
"""A file without the marks of a capture is read whole, up to this size; ours."""


def inspect(
    file: Annotated[
        Path, typer.Argument(help="A SIP message, a capture log, or a pcap or pcapng with SIP in it.")
    ],
    as_json: Json = False,
    fixture: Annotated[
        Path | None,
        typer.Option(help="Write the message, or the first of a capture, anonymised, as a test case."),
    ] = None,
) -> None:
    """Explain a SIP message or a capture: what is understood, what we would answer, what deviates from the
    RFCs, and what to change on the client.

    Examples:

        siprecord inspect invite.txt

        siprecord inspect siprecord-data/spool/20260131T120000Z-4f2a.pcapng

        siprecord inspect trace.pcap --fixture tests/data/our-sbc.sip
    """
    kind = file_kind(file)
    if fixture is not None:
        _write_fixture(file, kind, fixture)
        return
    found, show = _read(file, kind)
    print_json(found) if as_json else show(found)


def _read(file: Path, kind: str) -> tuple[dict[str, Any], Any]:
    if kind == "log":
        from siprecord.cli.inspect_log import print_log, read_log

        return read_log(file), print_log
    if kind == "field":
        from siprecord.cli.inspect_field import print_field, read_field

        return read_field(file), print_field
    from siprecord.cli.inspect_sip import print_message, read_message

    return read_message(file.read_bytes(), str(file)), print_message


def _write_fixture(file: Path, kind: str, fixture: Path) -> None:
    from siprecord.cli.anonymise import anonymised
    from siprecord.errors import SiprecordError

    if kind == "message":
        data = file.read_bytes()
    elif kind == "field":
        from siprecord.cli.inspect_field import first_worth_keeping

        data = first_worth_keeping(file)
    else:
        data = _first_of_log(file)
    try:
        fixture.write_bytes(anonymised(data))
    except OSError as error:
        raise SiprecordError(f"can't write {fixture}: {error.strerror}") from None
    console().print(f"{fixture} is written; read it before you show it to anybody", markup=False)


def _first_of_log(file: Path) -> bytes:
    from siprecord.errors import SiprecordError
    from siprecord.media.reader import CaptureReader, SipMessage

    for item in CaptureReader(file):
        if isinstance(item, SipMessage):
            return bytes(item.data)
    raise SiprecordError(f"{file} holds no SIP message")


def file_kind(file: Path) -> str:
    """`log` for a capture log of ours, `field` for another capture, `message` for the rest."""
    from siprecord.errors import SiprecordError

    try:
        with file.open("rb") as opened:
            first = opened.read(4)
            if first in PCAP:
                return "field"
            if first == PCAPNG:
                return "log" if _is_ours(file) else "field"
            if file.stat().st_size > MAX_MESSAGE:
                raise SiprecordError(f"{file} is neither a capture log nor a SIP message: it is too long")
    except OSError as error:
        raise SiprecordError(f"can't read {file}: {error.strerror}") from None
    if not first:
        raise SiprecordError(f"{file} is empty")
    if other := next((name for mark, name in OTHERS.items() if first.startswith(mark)), None):
        raise SiprecordError(f"{file} is {other}")
    return "message"


def _is_ours(file: Path) -> bool:
    """The first interface of a capture log is called "sip"; a broken one is taken for ours."""
    from siprecord.errors import MediaError
    from siprecord.media.reader import CaptureReader, Interface

    try:
        item = next(iter(CaptureReader(file)), None)
    except MediaError:
        return True
    return isinstance(item, Interface) and item.name == "sip"
