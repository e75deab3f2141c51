"""Which payload formats are rendered, and by what. The table for people is docs/reference/codecs.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from siprecord.media.audio import Codec, Coded
from siprecord.render.decoders import Decoder, frames, libav
from siprecord.render.decoders.libav import LibAv
from siprecord.render.decoders.spool import Gsm, Opus
from siprecord.render.decoders.waveform import G711, G722, Linear

EXTRA = "siprecord[codecs]"
_MAX_CHANNELS = 8
_RATES = range(1000, 48_001)

STATIC: Mapping[int, Mapping[str, Any]] = {
    0: {"encoding": "PCMU", "rate": 8000, "channels": 1},
    3: {"encoding": "GSM", "rate": 8000, "channels": 1},
    4: {"encoding": "G723", "rate": 8000, "channels": 1},
    8: {"encoding": "PCMA", "rate": 8000, "channels": 1},
    9: {"encoding": "G722", "rate": 8000, "channels": 1},
    10: {"encoding": "L16", "rate": 44_100, "channels": 2},
    11: {"encoding": "L16", "rate": 44_100, "channels": 1},
    13: {"encoding": "CN", "rate": 8000, "channels": 1},
    15: {"encoding": "G728", "rate": 8000, "channels": 1},
    18: {"encoding": "G729", "rate": 8000, "channels": 1},
    19: {"encoding": "CN", "rate": 8000, "channels": 1},
}
"""What payload types mean that were not negotiated (RFC 3551 section 6; 19 is the old comfort noise)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of one payload type."""

    codec: Codec | Coded
    rate: int = 8000
    """Samples a second of the decoder."""
    decoder: Callable[[], Decoder] | None = None
    reason: str = ""
    """Why it is not rendered."""

    @property
    def rendered(self) -> bool:
        """Whether it becomes audio."""
        return self.decoder is not None

    @property
    def signal(self) -> bool:
        """Whether it is no audio: telephone events, comfort noise."""
        return self.codec in ("signal", "event")


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload type as the session description has it."""

    encoding: str
    clock: int
    channels: int
    parameters: Mapping[str, str]

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Payload:
        """Take what an event says; what makes no sense counts as not said."""
        clock, channels = values.get("rate", 8000), values.get("channels") or 1
        return cls(
            str(values.get("encoding", "")).upper(),
            clock if isinstance(clock, int) and clock in _RATES else 0,
            channels if isinstance(channels, int) and 0 < channels <= _MAX_CHANNELS else 0,
            _parameters(values.get("fmtp")),
        )


def choose(values: Mapping[str, Any]) -> Choice:
    """How a payload type is rendered whose event says `encoding`, `rate`, `channels` and perhaps `fmtp`."""
    payload = Payload.read(values)
    make = _FORMATS.get(payload.encoding)
    if make is None:
        return _not(f"there is no decoder for {values.get('encoding') or 'a payload type without a name'}")
    if not payload.clock or not payload.channels:
        return _not(f"{payload.encoding} with {values.get('rate')} Hz and {values.get('channels')} channels")
    return make(payload)


def _not(reason: str) -> Choice:
    return Choice("foreign", reason=reason)


def _parameters(fmtp: object) -> dict[str, str]:
    pairs = (part.partition("=") for part in str(fmtp or "").split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _g711(payload: Payload) -> Choice:
    if (payload.clock, payload.channels) != (8000, 1):
        return _unusual(payload)
    law: Literal["pcmu", "pcma"] = "pcmu" if payload.encoding == "PCMU" else "pcma"
    return Choice(law, 8000, partial(G711, law))


def _g722(payload: Payload) -> Choice:
    # 16000 is what some say by mistake; the clock is 8000 all the same (RFC 3551 section 4.5.2).
    return (
        Choice(Coded("samples", 8000, 16_000, 1), 16_000, G722)
        if payload.channels == 1
        else _unusual(payload)
    )


def _linear(payload: Payload) -> Choice:
    clock, channels = payload.clock, payload.channels
    return Choice(Coded("samples", clock, clock, 2 * channels), clock, partial(Linear, channels))


def _gsm(payload: Payload) -> Choice:
    return Choice(Coded("frames", 8000, 8000, 33, 160), 8000, Gsm)


def _opus(payload: Payload) -> Choice:
    return Choice(Coded("opus", 48_000, 48_000), 48_000, Opus)


def _signal(payload: Payload) -> Choice:
    return Choice("signal")


def _event(payload: Payload) -> Choice:
    return Choice("event")


def _unusual(payload: Payload) -> Choice:
    return _not(
        f"{payload.encoding} at {payload.clock} Hz with {payload.channels} channels is not understood"
    )


def _extra(codec: str, name: str, coded: Coded, make: Callable[[], Decoder]) -> Choice:
    if not libav.available(codec):
        return _not(f"{name} needs the extra {EXTRA}")
    return Choice(coded, coded.rate, make)


def _g729(payload: Payload) -> Choice:
    make = partial(LibAv, "g729", frames.g729, rate=8000, length=80)
    return _extra("g729", "G.729", Coded("g729", 8000, 8000), make)


def _g723(payload: Payload) -> Choice:
    make = partial(LibAv, "g723_1", frames.g723, rate=8000, length=240)
    return _extra("g723_1", "G.723.1", Coded("g723", 8000, 8000), make)


def _ilbc(payload: Payload) -> Choice:
    """Mode 30 is the default (RFC 3952 section 5)."""
    short = payload.parameters.get("mode") == "20"
    size, ticks, bit_rate = (38, 160, 15_200) if short else (50, 240, 13_333)
    cut = partial(frames.fixed, size=size)
    make = partial(LibAv, "ilbc", cut, rate=8000, length=ticks, bit_rate=bit_rate)
    return _extra("ilbc", "iLBC", Coded("frames", 8000, 8000, size, ticks), make)


def _amr(payload: Payload) -> Choice:
    wide = payload.encoding == "AMR-WB"
    unread = [
        name for name in ("crc", "robust-sorting", "interleaving") if payload.parameters.get(name, "0") != "0"
    ]
    if unread or payload.channels != 1:
        return _not(
            f"{payload.encoding} with {unread[0] if unread else 'several channels'} is not understood"
        )
    aligned = payload.parameters.get("octet-align") == "1"
    codec, rate, length = ("amrwb", 16_000, 320) if wide else ("amrnb", 8000, 160)
    cut = partial(frames.amr, wideband=wide, octet_aligned=aligned)
    make = partial(LibAv, codec, cut, rate=rate, length=length)
    coded = Coded("amr-wb" if wide else "amr", rate, rate, int(aligned))
    return _extra(codec, payload.encoding, coded, make)


def _speex(payload: Payload) -> Choice:
    rate = payload.clock
    if rate not in (8000, 16_000, 32_000) or payload.channels != 1:
        return _unusual(payload)
    make = partial(LibAv, "speex", lambda payload: [payload], rate=rate, length=rate // 50)
    return _extra("speex", "Speex", Coded("speex", rate, rate, rate // 50), make)


_FORMATS: Mapping[str, Callable[[Payload], Choice]] = {
    "PCMU": _g711,
    "PCMA": _g711,
    "G722": _g722,
    "L16": _linear,
    "GSM": _gsm,
    "OPUS": _opus,
    "G729": _g729,
    "G723": _g723,
    "ILBC": _ilbc,
    "AMR": _amr,
    "AMR-WB": _amr,
    "SPEEX": _speex,
    "CN": _signal,
    "TONE": _signal,
    "TELEPHONE-EVENT": _event,
}
