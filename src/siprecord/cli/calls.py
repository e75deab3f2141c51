"""`siprecord calls`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from siprecord.cli.asking import Server, Url, ask, order, server_at
from siprecord.cli.options import ConfigFile, Json
from siprecord.cli.output import console, print_json, print_table

app = typer.Typer(
    name="calls",
    help="Look at the calls that are being recorded, pause, resume and stop them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Call = Annotated[str, typer.Argument(help="Its recording id, or the beginning of it.")]
COLUMNS = (
    "recording",
    "started",
    ">seconds",
    "participants",
    ">streams",
    ">packets",
    ">lost %",
    ">MOS",
    "state",
)
STREAM_COLUMNS = (
    "stream",
    "codec",
    ">packets",
    ">lost %",
    ">jitter ms",
    ">reordered",
    ">MOS",
    ">level dBov",
    ">silent s",
    "state",
)


@app.command("list")
def list_(config: ConfigFile = None, url: Url = None, as_json: Json = False) -> None:
    """List the calls that are being recorded, oldest first.

    Example:

        siprecord calls list
    """
    calls = _calls(server_at(url, config))
    if as_json:
        print_json(calls)
    elif calls:
        print_table(COLUMNS, [_row(each) for each in calls])
    else:
        console(stderr=True).print("no calls", markup=False)


@app.command()
def show(call: Call, config: ConfigFile = None, url: Url = None, as_json: Json = False) -> None:
    """Show the streams of a call as they are now. MOS is an estimate from loss, jitter and codec (E-model).

    Example:

        siprecord calls show 20260131T120000Z-4f2a
    """
    server = server_at(url, config)
    found = _find(server, call)
    shown = next(each for each in _calls(server) if each.get("id") == found)
    if as_json:
        print_json(shown)
    else:
        print_table(STREAM_COLUMNS, [_stream_row(each) for each in shown.get("streams") or []])


@app.command()
def pause(
    call: Call,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Resume by itself after this; else as configured.")
    ] = None,
    config: ConfigFile = None,
    url: Url = None,
) -> None:
    """Store nothing of a call from now on. The gap shows in the recording.

    Example:

        siprecord calls pause 20260131T120000Z-4f2a --seconds 60
    """
    _order(call, "pause", (config, url), {} if seconds is None else {"seconds": seconds})


@app.command()
def resume(call: Call, config: ConfigFile = None, url: Url = None) -> None:
    """Store a paused call again.

    Example:

        siprecord calls resume 20260131T120000Z-4f2a
    """
    _order(call, "resume", (config, url), {})


@app.command()
def stop(
    call: Call,
    reason: Annotated[str | None, typer.Option(help="Why; it is told to the client and kept.")] = None,
    config: ConfigFile = None,
    url: Url = None,
) -> None:
    """Hang up the recording session of a call and finish its recording. The call itself goes on.

    Example:

        siprecord calls stop 20260131T120000Z-4f2a --reason "asked by the customer"
    """
    _order(call, "stop", (config, url), {"reason": reason} if reason else {})


def _order(call: str, what: str, where: tuple[Path | None, str | None], orders: dict[str, Any]) -> None:
    server = server_at(where[1], where[0])
    found = _find(server, call)
    order(server, f"calls/{found}/{what}", orders)
    done = {"pause": "paused", "resume": "resumed", "stop": "stopped"}[what]
    console().print(f"{found} is {done}", markup=False)


def _find(server: Server, wanted: str) -> str:
    from siprecord.errors import SiprecordError

    known = [str(each.get("id")) for each in _calls(server)]
    found = [each for each in known if each == wanted] or [each for each in known if each.startswith(wanted)]
    if len(found) != 1:
        text = f"{len(found)} calls begin with {wanted!r}" if found else f"there is no call {wanted!r}"
        raise SiprecordError(text)
    return found[0]


def _calls(server: Server) -> list[dict[str, Any]]:
    return [each for each in ask(server, "calls").get("calls") or [] if isinstance(each, dict)]


def _row(call: dict[str, Any]) -> tuple[object, ...]:
    people = (who.get("name") or who.get("aor") or who.get("id") for who in call.get("participants") or [])
    streams = call.get("streams") or []
    qualities = [stream["quality"] for stream in streams if stream.get("quality")]
    alarms = sorted({str(stream["alarm"]) for stream in streams if stream.get("alarm")})
    return (
        call.get("id"),
        str(call.get("started") or "")[:19].replace("T", " "),
        round(float(call.get("duration_s") or 0)),
        ", ".join(map(str, people)),
        len(streams),
        sum(int(stream.get("packets") or 0) for stream in streams),
        max((quality["loss_percent"] for quality in qualities), default=None),
        min((quality["mos"] for quality in qualities if quality["mos"] is not None), default=None),
        ", ".join(["paused" if call.get("paused") else str(call.get("state")), *alarms]),
    )


def _stream_row(stream: dict[str, Any]) -> tuple[object, ...]:
    quality, sound = stream.get("quality") or {}, stream.get("last_sound_s")
    return (
        stream.get("name"),
        quality.get("codec"),
        stream.get("packets"),
        quality.get("loss_percent"),
        quality.get("jitter_ms"),
        quality.get("reordered"),
        quality.get("mos"),
        quality.get("level_dbov"),
        None if sound is None else round(float(sound)),
        stream.get("alarm") or ("paused" if stream.get("paused") else "ok"),
    )
