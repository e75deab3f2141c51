"""`siprecord call`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siprecord.cli.options import DEFAULT_SUITE, Json, Srtp, SrtpSuite, suite_of

Audio = Annotated[
    list[Path],
    typer.Option("--audio", "-a", help="A sound file, one for each participant.", show_default=False),
]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="Who speaks in it: `Alice`, or `Alice <sip:alice@example.com>`."),
]
Codecs = Annotated[
    list[str] | None, typer.Option("--codec", help="pcmu or pcma, once for all or once for each stream.")
]
Starts = Annotated[
    list[float] | None, typer.Option("--start", min=0, help="Seconds after which a stream begins.")
]


def call(  # noqa: PLR0913, PLR0917 - the parameters of a command are its options
    uri: Annotated[
        str, typer.Argument(help="Whom to call: sip:HOST:PORT, with ;transport=tcp or ;transport=tls.")
    ],
    audio: Audio,
    name: Names = None,
    codec: Codecs = None,
    start: Starts = None,
    srtp: Srtp = False,
    srtp_suite: SrtpSuite = DEFAULT_SUITE,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the answer.")] = 30.0,
    ca: Annotated[Path | None, typer.Option(help="Certificates to trust over TLS (PEM).")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any certificate over TLS.")] = False,
    as_json: Json = False,
) -> None:
    """Place a SIPREC call with your own audio, and say what was answered and sent.

    Each sound file becomes one stream, sent in real time as G.711, and one participant of the recorded
    conversation. Ctrl-C ends the call properly. The exit code is 0 if everything was sent.

    Examples:

        siprecord call sip:127.0.0.1 --audio alice.wav --audio bob.wav

        siprecord call "sip:recorder:5060;transport=tcp" -a a.wav -a b.wav --codec pcma --json

        siprecord call sip:127.0.0.1 -a a.wav -a b.wav --name Alice --name Bob --start 0 --start 3

        siprecord call sip:127.0.0.1 -a a.wav -a b.wav --srtp --srtp-suite AEAD_AES_256_GCM
    """
    from siprecord.cli.calling import CallOptions, place_call

    options = CallOptions(
        uri=uri,
        audio=tuple(audio),
        names=tuple(name or ()),
        codecs=tuple(each.lower() for each in codec or ()),
        starts=tuple(start or ()),
        srtp=suite_of(srtp, srtp_suite),
        patience=patience,
        ca=ca,
        insecure=insecure,
        as_json=as_json,
    )
    raise typer.Exit(place_call(options))
