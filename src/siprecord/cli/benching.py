"""Runs the load test of `siprecord bench`, shows its progress, and makes its report."""

from __future__ import annotations

import asyncio
import resource
import secrets
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from siprecord.aio import finish, spawn
from siprecord.cli.bench_output import Watch, print_report
from siprecord.cli.calling import INTERRUPTED, client_tls, ending_at_ctrl_c
from siprecord.cli.load_check import Sent, Verification, verify
from siprecord.cli.loadplay import LoadPlayer
from siprecord.cli.output import complain, print_json
from siprecord.cli.server_process import ServerProcess, file_warning, find_server
from siprecord.client import (
    CallError,
    CallOutcome,
    ClientDriver,
    DriverSettings,
    FaultRates,
    Load,
    LoadPlan,
    Target,
    figures,
    read_target,
    refuse_strangers,
)
from siprecord.client.codecs import CODECS, FRAME_SECONDS
from siprecord.client.load_report import late_ms
from siprecord.client.target import TRANSPORTS, resolve

HEADER_BYTES = 12 + 8 + 20
"""Of RTP, UDP and IPv4."""
TAG_BYTES = {"_32": 4, "GCM": 16}
"""Bytes that SRTP adds, by the end of the suite's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions:
    """What was given on the command line; percentages are of packets."""

    uri: str
    calls: int
    rate: float
    seconds: float
    transports: tuple[str, ...] = ()
    tls_port: int = 5061
    codec: str = "pcmu"
    streams: int = 2
    faults: FaultRates = field(default_factory=FaultRates)
    srtp: str | None = None
    seed: int | None = None
    verify: bool = False
    data: Path | None = None
    url: str | None = None
    ca: Path | None = None
    insecure: bool = False
    own: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of the load left: the outcome of each call, and who was at work."""

    outcomes: Sequence[CallOutcome]
    interrupted: bool
    cpu_seconds: float
    signalling_seconds: float
    """The part of it that the thread with the SIP side used."""


def run_bench(options: BenchOptions) -> int:
    """Run it and print the report; returns the exit code. Raises `CallError` for what can't be done."""
    from siprecord.server.lifecycle import raise_file_limit, run

    plan, targets = plan_of(options)
    data = _data(options)
    raise_file_limit()
    with LoadPlayer(plan) as player:
        since = datetime.now(UTC)
        measured, server = run(_run(options, plan, targets, player))
        checked = None
        if data is not None:
            checked = verify(data, _sent(plan, measured.outcomes, player), since)
        document = report(plan, measured, player)
    document["server"] = _server_figures(server, measured.outcomes)
    document |= _checked_figures(checked)
    if options.as_json:
        print_json(document)
    else:
        print_report(document)
    return _exit_code(document, measured, checked)


def plan_of(options: BenchOptions) -> tuple[LoadPlan, list[Target]]:
    """The plan and whom it calls; raises `CallError` for what makes no sense or is out of bounds."""
    if options.codec not in CODECS:
        raise typer.BadParameter(f"--codec {options.codec} is not known; there are {', '.join(CODECS)}")
    targets = [read_target(uri) for uri in _uris(options)]
    plan = LoadPlan(
        uris=tuple(target.uri for target in targets),
        calls=options.calls,
        rate=options.rate,
        seconds=options.seconds,
        streams=options.streams,
        codec=options.codec,
        srtp=options.srtp,
        faults=options.faults,
        seed=secrets.randbits(32) if options.seed is None else options.seed,
    )
    return plan, targets


def _uris(options: BenchOptions) -> list[str]:
    """The URI once for each transport."""
    target = read_target(options.uri)
    if not options.transports:
        return [target.uri]
    for name in options.transports:
        if name not in TRANSPORTS:
            raise typer.BadParameter(f"--transport {name} is not known; there are {', '.join(TRANSPORTS)}")
    base, *_ = target.uri.partition(";")
    several = len(set(options.transports)) > 1
    host = f"[{target.host}]" if ":" in target.host else target.host
    user = base.partition(":")[2].rpartition("@")[0]
    tls = f"sip:{user}{'@' if user else ''}{host}:{options.tls_port};transport=tls"
    return [tls if name == "tls" and several else f"{base};transport={name}" for name in options.transports]


def _data(options: BenchOptions) -> Path | None:
    """Where the recordings are, if they shall be compared."""
    if not options.verify:
        return None
    data = options.data
    if data is None:
        from siprecord.cli.options import load

        data = load(None).data_dir
    if not data.is_dir():
        raise CallError(f"--verify: there is no data directory {data}; --data says where the recordings are")
    return data


async def _run(
    options: BenchOptions, plan: LoadPlan, targets: Sequence[Target], player: LoadPlayer
) -> tuple[Measured, ServerProcess | None]:
    addresses = [await resolve(target) for target in targets]
    if not options.own:
        for host, _ in addresses:
            refuse_strangers(host)
    server = await asyncio.to_thread(find_server, options.url, addresses[0][1])
    warning = file_warning(server.pid, plan.peak, plan.streams) if server is not None else None
    if warning is not None:
        complain(warning)
    uses_tls = any(target.transport == "tls" for target in targets)
    settings = DriverSettings(
        # Whoever names no transport gets UDP, however long the INVITE is: it is the transport that is tested.
        force_udp=True,
        tls=client_tls(options.ca, options.insecure) if uses_tls else None,
    )
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(ClientDriver(settings))
        load = Load(plan, driver, player)
        watch = Watch(load, player.totals, server, quiet=options.as_json)
        stack.push_async_callback(finish, spawn(watch.run(), name="progress"))
        measured = await _measure(load)
        if server is not None:
            server.look()
    return measured, server


async def _measure(load: Load) -> Measured:
    before, thread_before = _cpu_seconds(), time.thread_time()
    with ending_at_ctrl_c(load.stop) as signals:
        outcomes = await load.run()
    return Measured(
        outcomes,
        interrupted=bool(signals),
        cpu_seconds=_cpu_seconds() - before,
        signalling_seconds=time.thread_time() - thread_before,
    )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _sent(plan: LoadPlan, outcomes: Sequence[CallOutcome], player: LoadPlayer) -> Sent:
    """The streams of each call of which something was sent."""
    sent = {
        outcome.report.call_id: player.sent(plan.marks(outcome.number))
        for outcome in outcomes
        if outcome.report is not None
    }
    return {call_id: streams for call_id, streams in sent.items() if any(each.sent for each in streams)}


def report(plan: LoadPlan, measured: Measured, player: LoadPlayer) -> dict[str, Any]:
    """The figures of calls, packets and the generator itself."""
    calls = figures(measured.outcomes)
    sent, failed = player.totals()
    each = max(calls.calls, 1)
    return {
        "uris": plan.uris,
        **asdict(calls),
        "calls_planned": plan.calls,
        "streams_per_call": plan.streams,
        "seconds": plan.seconds,
        "codec": plan.codec,
        "srtp": plan.srtp,
        "faults_percent": {name: value for name, value in asdict(plan.faults).items() if name != "jitter"},
        "jitter_ms": plan.faults.jitter,
        "seed": plan.seed,
        "interrupted": measured.interrupted,
        "packets_sent": sent,
        "packets_not_sent": failed,
        "mbit_s_peak": round(
            calls.calls_peak * plan.streams * _wire_bytes(plan) * 8 / FRAME_SECONDS / 1e6, 2
        ),
        **_lateness(player),
        "generator_cpu_s": round(measured.cpu_seconds, 3),
        "generator_sip_ms_per_call": round(measured.signalling_seconds * 1000 / each, 3),
    }


def _wire_bytes(plan: LoadPlan) -> int:
    """A packet with all its headers, and the tag of SRTP."""
    tag = 0 if plan.srtp is None else TAG_BYTES.get(plan.srtp[-3:], 10)
    return HEADER_BYTES + CODECS[plan.codec].octets + tag


def _lateness(player: LoadPlayer) -> dict[str, Any]:
    """How late packets left; percentiles are upper bounds, hence never above the latest of all."""
    counts, latest = player.lateness_counts(), round(player.lateness * 1000, 3)
    percents = {"late_ms_p50": 50, "late_ms_p99": 99, "late_ms_p999": 99.9}
    bounds = {name: late_ms(counts, percent) for name, percent in percents.items()}
    return {
        **{name: None if bound is None else min(bound, latest) for name, bound in bounds.items()},
        "late_ms_max": latest,
    }


def _server_figures(server: ServerProcess | None, outcomes: Sequence[CallOutcome]) -> dict[str, Any] | None:
    if server is None:
        return None
    up = sum(each.ended_at - each.placed_at for each in outcomes if each.report is not None)
    return server.as_dict(up)


def _checked_figures(checked: Verification | None) -> dict[str, Any]:
    """The figures of the comparison; without one they are not known."""
    if checked is None:
        return {"verified": False, "packets_stored": None, "packets_lost": None, "packets_foreign": None}
    return {"verified": True, **asdict(checked)}


def _exit_code(document: dict[str, Any], measured: Measured, checked: Verification | None) -> int:
    if measured.interrupted:
        return INTERRUPTED
    clean = checked is None or checked.clean
    return 0 if clean and not document["calls_failed"] else 1
