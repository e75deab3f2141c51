"""Real-time RTP for test calls and load, with faults by script."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.media._core import (
    RtpClip,
    RtpSender,
    SendProgress,
)
from siprecord.syntax.sdp import SrtpKeys

__all__ = ["NO_IMPAIRMENTS", "Impairments", "RtpClip", "RtpSender", "SendProgress", "SendSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairments:
    """Faults to imitate, by the index of the packet (the first is 0).

    `drop`: never sent, the sequence number stays unused. `duplicate`: sent once more for each time it is
    named. `delay`: (index, seconds later than its time), which reorders if it is more than a frame. `jitter`:
    every packet leaves up to so many seconds late, each by another amount, the same for the same `seed`.
    """

    drop: tuple[int, ...] = ()
    duplicate: tuple[int, ...] = ()
    delay: tuple[tuple[int, float], ...] = ()
    jitter: float = 0.0
    seed: int = 0


NO_IMPAIRMENTS = Impairments()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendSpec:
    """One stream to send; the defaults are G.711 in packets of 20 ms.

    `socket` is the number `RtpSender.bind` gave. `destination` is an IP address and a port. `sequence` and
    `timestamp` are those of the first packet, `first_frame` is the frame of the clip that it carries. The
    stream ends after `packets` packets, else with the clip, or never if it shall `loop`. `start_delay` is in
    seconds. `srtp` protects the packets; a key may serve one stream only.
    """

    socket: int
    destination: tuple[str, int]
    clip: RtpClip
    ssrc: int
    payload_type: int = 0
    sequence: int = 0
    timestamp: int = 0
    first_frame: int = 0
    frame_samples: int = 160
    frame_bytes: int = 160
    clock_rate: int = 8000
    start_delay: float = 0.0
    packets: int | None = None
    loop: bool = False
    impairments: Impairments = NO_IMPAIRMENTS
    srtp: SrtpKeys | None = None
