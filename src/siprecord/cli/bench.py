"""`siprecord bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siprecord.cli.options import DEFAULT_SUITE, DataDir, Json, Srtp, SrtpSuite, suite_of

CODEC_NAMES = "pcmu, pcma, g722, gsm, g729, ilbc, l16, opus, amr, amr-wb"
"""Not taken from the client, which would make the help slow."""
Transports = Annotated[str, typer.Option(help="udp, tcp, tls, or several, which calls use in turn: udp,tcp.")]
TlsPort = Annotated[int, typer.Option(help="The port for TLS when several transports are used.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="Compare the recordings below --data with what was sent.")
]
Server = Annotated[
    str | None, typer.Option(help="The server's HTTP, for its CPU and memory; default: as configured.")
]
Ours = Annotated[bool, typer.Option("--i-own-this-target", help="Load a machine that is not this one.")]


def words(text: str) -> tuple[str, ...]:
    """The words of a list with commas, in small letters."""
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())


def bench(  # noqa: PLR0913, PLR0917 - the parameters of a command are its options
    uri: Annotated[str, typer.Argument(help="Whom to call: sip:HOST:PORT.")],
    calls: Annotated[int, typer.Option(help="How many calls.")] = 10,
    rate: Annotated[float, typer.Option(help="Calls placed each second.")] = 10.0,
    seconds: Annotated[float, typer.Option(help="Audio of each call.")] = 10.0,
    transport: Transports = "",
    tls_port: TlsPort = 5061,
    codec: Annotated[str, typer.Option(help=CODEC_NAMES + ".")] = "pcmu",
    streams: Annotated[int, typer.Option(help="Streams of each call.")] = 2,
    loss: Annotated[float, typer.Option(help="Percent of packets that are never sent.")] = 0.0,
    duplicate: Annotated[float, typer.Option(help="Percent of packets that are sent twice.")] = 0.0,
    reorder: Annotated[float, typer.Option(help="Percent of packets that leave after the next one.")] = 0.0,
    jitter: Annotated[float, typer.Option(help="Milliseconds by which packets leave late, at most.")] = 0.0,
    srtp: Srtp = False,
    srtp_suite: SrtpSuite = DEFAULT_SUITE,
    seed: Annotated[int | None, typer.Option(help="The same faults and numbers again.")] = None,
    verify: Verify = False,
    data: DataDir = None,
    url: Server = None,
    ca: Annotated[Path | None, typer.Option(help="Certificates to trust over TLS (PEM).")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate over TLS.")] = False,
    own: Ours = False,
    as_json: Json = False,
) -> None:
    """Put a recorder under load: real SIPREC calls, real-time RTP, and a check of each recording.

    Each call is an INVITE with metadata, an ACK, noise in packets of 20 ms, and a BYE. With --verify every
    packet in the logs is compared with what was sent. Ctrl-C ends all calls properly, and still reports.
    The exit code is 0 if no call failed and no packet was lost.

    Examples:

        siprecord bench sip:127.0.0.1 --calls 500 --rate 50 --seconds 20 --verify --data siprecord-data

        siprecord bench sip:127.0.0.1 --codec opus --srtp --loss 1 --jitter 30 --json
    """
    from siprecord.cli.benching import BenchOptions, run_bench
    from siprecord.client import FaultRates

    options = BenchOptions(
        uri=uri,
        calls=calls,
        rate=rate,
        seconds=seconds,
        transports=words(transport),
        tls_port=tls_port,
        codec=codec.lower(),
        streams=streams,
        faults=FaultRates(loss=loss, duplicate=duplicate, reorder=reorder, jitter=jitter),
        srtp=suite_of(srtp, srtp_suite),
        seed=seed,
        verify=verify,
        data=data,
        url=url,
        ca=ca,
        insecure=insecure,
        own=own,
        as_json=as_json,
    )
    raise typer.Exit(run_bench(options))
