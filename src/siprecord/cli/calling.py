"""Places the call of `siprecord call`, shows its progress, and tells what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer

from siprecord.aio import finish, spawn
from siprecord.cli.output import console, print_fields, print_json, print_notes, print_table
from siprecord.cli.playback import Playback
from siprecord.client import (
    CallError,
    CallPlan,
    CallReport,
    CallStatus,
    ClientDriver,
    DriverSettings,
    Law,
    Party,
    SrcCall,
    load_pcm,
    read_target,
)
from siprecord.client.codecs import FRAME_SECONDS
from siprecord.errors import ParseError
from siprecord.syntax.sip import NameAddr

T = TypeVar("T")
LAWS: dict[str, Law] = {"pcmu": "pcmu", "pcma": "pcma"}
REFRESH_SECONDS = 0.1
INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells know it."""

_OUTCOMES = {
    CallStatus.COMPLETED: "[green]everything was sent[/green]",
    CallStatus.REFUSED: "[red]the recorder refused the call[/red]",
    CallStatus.NO_ANSWER: "[red]no answer[/red]",
    CallStatus.UNREACHABLE: "[red]connection refused: no recorder listens at that port[/red]",
    CallStatus.CANCELLED: "[yellow]cancelled before the answer[/yellow]",
    CallStatus.HUNG_UP: "[yellow]hung up before everything was sent[/yellow]",
    CallStatus.ENDED_BY_PEER: "[red]the recorder hung up[/red]",
    CallStatus.UNUSABLE: "[red]the recorder took the call, but no stream of it[/red]",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What was given on the command line. Lists are one for each stream, one for all, or empty."""

    uri: str
    audio: tuple[Path, ...]
    names: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    starts: tuple[float, ...] = ()
    srtp: str | None = None
    patience: float = 30.0
    ca: Path | None = None
    insecure: bool = False
    as_json: bool = False


def place_call(options: CallOptions) -> int:
    """Place the call and print its report; returns the exit code. Raises `CallError`."""
    from siprecord.server.lifecycle import run

    plan = _plan(options)
    report, interrupted = run(_run(plan, options))
    if options.as_json:
        print_json(report.as_dict())
    else:
        _print_report(report)
    if interrupted:
        return INTERRUPTED
    return 0 if report.ok else 1


def _plan(options: CallOptions) -> CallPlan:
    count = len(options.audio)
    names = _spread(options.names, count, "--name", tuple(path.stem for path in options.audio))
    codecs = [_codec(each) for each in _spread(options.codecs, count, "--codec", ("pcmu",) * count)]
    starts = _spread(options.starts, count, "--start", (0.0,) * count)
    playback = Playback()
    rows = zip(options.audio, names, codecs, starts, strict=True)
    parties = tuple(
        _party(playback.encode(load_pcm(path), codec), name, codec, at) for path, name, codec, at in rows
    )
    return CallPlan(uri=options.uri, parties=parties, patience=options.patience, srtp=options.srtp)


def _party(audio: bytes, name: str, codec: Law, start: float) -> Party:
    shown, aor = _identity(name)
    return Party(name=shown, aor=aor, audio=audio, codec=codec, start=start)


def _spread(given: Sequence[T], count: int, option: str, default: Sequence[T]) -> Sequence[T]:
    """One value for each stream: as given, or one for all where that makes sense."""
    if not given:
        return default
    if len(given) == 1 and option == "--codec":
        return [given[0]] * count
    if len(given) != count:
        raise typer.BadParameter(f"{option} was given {len(given)} times for {count} sound files")
    return given


def _codec(text: str) -> Law:
    if text not in LAWS:
        raise typer.BadParameter(f"--codec {text} is not known; there are {' and '.join(LAWS)}")
    return LAWS[text]


def _identity(text: str) -> tuple[str, str]:
    """Name and address of record from `Alice` or `Alice <sip:alice@example.com>`."""
    if "sip:" in text or "sips:" in text or "tel:" in text:
        try:
            parsed = NameAddr.parse(text)
        except ParseError as error:
            raise typer.BadParameter(f"--name {text}: {error}") from None
        return parsed.display or parsed.uri, parsed.uri
    user = re.sub(r"[^A-Za-z0-9.-]+", "-", text).strip("-").lower() or "unknown"
    return text, f"sip:{user}@client.invalid"


async def _run(plan: CallPlan, options: CallOptions) -> tuple[CallReport, bool]:
    target = read_target(plan.uri)
    settings = DriverSettings(
        force_udp=target.named and target.transport == "udp",
        tls=client_tls(options.ca, options.insecure) if target.transport == "tls" else None,
    )
    with Playback() as playback:
        async with ClientDriver(settings) as driver:
            call = SrcCall(plan, driver, playback)
            with ending_at_ctrl_c(call.hang_up) as interrupted:
                watcher = None if options.as_json else spawn(_watch(call), name="progress")
                try:
                    return await call.run(), bool(interrupted)
                finally:
                    if watcher is not None:
                        await finish(watcher)


def client_tls(ca: Path | None, insecure: bool) -> ssl.SSLContext:
    """Whom to trust over TLS; raises `CallError` if the certificates of `ca` can't be used."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise CallError(f"can't use {ca}: {error.strerror or error}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def ending_at_ctrl_c(hang_up: Callable[[], object]) -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM hang up, as a caller does. The list says which signals came."""
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def take(number: int) -> None:
        came.append(number)
        hang_up()

    taken = (signal.SIGINT, signal.SIGTERM)
    for number in taken:
        with contextlib.suppress(ValueError, RuntimeError):  # only the main thread may
            loop.add_signal_handler(number, take, number)
    try:
        yield came
    finally:
        for number in taken:
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(number)


async def _watch(call: SrcCall) -> None:
    """A bar for each stream while it is sent; nothing unless somebody looks at a terminal."""
    out = console(stderr=True)
    if not out.is_terminal:
        return
    from rich.progress import BarColumn, Progress, TextColumn

    parties = call.plan.parties
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, console=out, transient=True) as progress:
        bars = [progress.add_task(f"{party.name} ", total=party.packets, text="") for party in parties]
        while True:
            for bar, party, played in zip(bars, parties, call.progress(), strict=True):
                text = _seconds(played.packets, party.packets) if call.answered else "calling ..."
                progress.update(bar, completed=played.packets, text=text)
            await asyncio.sleep(REFRESH_SECONDS)


def _seconds(sent: int, total: int) -> str:
    return f"{sent * FRAME_SECONDS:5.1f} of {total * FRAME_SECONDS:.1f} s"


def _print_report(report: CallReport) -> None:
    answer = "none" if report.code is None else f"{report.code} {report.reason}"
    setup = "" if report.setup_ms is None else f" after {report.setup_ms:.1f} ms"
    print_fields(
        (
            ("called", f"{report.uri} over {report.transport.upper()}"),
            ("answer", answer + setup),
            ("Call-ID", report.call_id),
            *((("BYE", report.bye_failed),) if report.bye_failed else ()),
        )
    )
    print_table(
        ("stream", "name", "codec", ">packets", ">sent", "to"),
        [
            (
                stream.label,
                stream.name,
                stream.codec.upper() + (f" in {stream.srtp}" if stream.srtp else ""),
                stream.packets,
                stream.packets_sent,
                stream.refused or _destination(stream.address, stream.port),
            )
            for stream in report.streams
        ],
    )
    print_notes("Remarks", report.remarks)
    console().print(_OUTCOMES[report.status])


def _destination(address: str | None, port: int | None) -> str:
    return "" if address is None else f"{address}:{port}"
