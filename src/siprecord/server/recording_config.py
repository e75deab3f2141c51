"""The section `recording`: what is recorded, and when a recording ends by itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from siprecord.server.section import Seconds, Section


class RecordingConfig(Section):
    """What is recorded, and when a recording ends by itself."""

    max_streams: int = Field(
        default=64,
        ge=1,
        le=512,
        description="Streams recorded in one call; further m-lines are refused one by one.",
    )
    strict: bool = Field(
        default=False,
        description="Take a call as SIPREC only with both Require: siprec and +sip.src, and refuse unknown "
        "body parts with 415. For conformance tests; the default takes any one sign.",
    )
    non_siprec: Literal["accept", "refuse"] = Field(
        default="refuse",
        description="What becomes of a call without any sign of SIPREC: recorded too, or refused.",
    )
    non_siprec_status: Literal[403, 404, 421, 480, 488] = Field(
        default=404,
        description="The status code that refuses such a call. 404: there is no phone here to ring.",
    )
    no_offer: Literal["refuse", "empty", "offer"] = Field(
        default="refuse",
        description="What becomes of an INVITE without SDP: refused by 488; answered without streams; or "
        "answered by an offer of own_streams, against RFC 7866 section 7.2, as Cisco phones always are.",
    )
    own_streams: int = Field(default=1, ge=1, le=8, description="Audio streams in an offer of ours.")
    pause_max_s: Seconds = Field(
        default=900, description="A pause that somebody asked for ends after this at the latest; 0 never."
    )
    linger_ms: int = Field(
        default=200,
        ge=0,
        le=5000,
        description="How long media is still taken after the end of a call: it may be on its way.",
    )
    request_snapshots: bool = Field(
        default=True,
        description="Ask the client for complete metadata when it began with a partial document.",
    )
    alarm_one_way_s: Seconds = Field(
        default=30,
        description="A stream without RTP for this long, while others of its call send, is told of; 0 never.",
    )
    alarm_silence_s: Seconds = Field(
        default=120,
        description="A stream of G.711 that carries nothing audible for this long is told of; 0 never.",
    )
    media_timeout_s: Seconds = Field(
        default=60,
        description="A call whose streams all stay silent this long has lost its BYE; 0 never. A call on "
        "hold or paused is not silent.",
    )
    end_on_media_timeout: bool = Field(
        default=True, description="Hang up such a call; false only notes it in the recording."
    )
    drain_grace_s: Seconds = Field(
        default=300, description="At SIGTERM, how long running calls may go on before they are ended."
    )
    shutdown_grace_s: Seconds = Field(
        default=10, description="How long the last writes and BYEs may take at the end."
    )
    retry_after_s: int = Field(
        default=30, ge=0, le=3600, description="Retry-After in the 503 of a draining server; 0 sends none."
    )
    min_free_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Below this much free disk new calls are refused; running ones go on.",
    )
    digits: Literal["masked", "kept"] = Field(
        default="masked",
        description="Keys that are pressed (telephone events, INFO, KPML): masked before they are stored, or "
        "kept. Tones within the audio can't be masked: pause the recording for those.",
    )
    keep_capture: bool = Field(default=True, description="Keep capture.pcapng beside the audio.")
