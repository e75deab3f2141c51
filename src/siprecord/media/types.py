"""Settings, specifications and reports of the media plane. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from siprecord.syntax.sdp import SrtpKeys

NoticeKind = Literal[
    "write_failed", "write_recovered", "stream_failed", "source_changed", "source_refused", "srtp_failed"
]
"""`source_changed`: a stream follows another sender; `source_refused`: a second one sends to it and is only
stored; `srtp_failed`: packets of a stream can't be authenticated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """How the engine receives and stores. Times are in milliseconds, sizes in bytes."""

    bind_address: str = "0.0.0.0"
    """IPv4 or IPv6 address of the media ports."""
    port_min: int = 20_000
    """Lowest media port."""
    port_max: int = 39_999
    """Highest media port; each stream takes an even one and the odd one above it."""
    quarantine_s: float = 30.0
    """How long a pair of ports rests after use, so that late packets of the old call never meet a new one."""
    drain_interval_ms: int = 100
    """How often each socket is emptied. The kernel's buffer must hold that much."""
    threads: int = 0
    """Drain threads; 0 stands for the number of cores, at most four."""
    receive_buffer: int = 1024 * 1024
    """Kernel buffer of each RTP socket; 0 leaves the system's default. `net.core.rmem_max` may cut it."""
    max_pending_bytes: int = 1024 * 1024
    """What each recording may keep in memory while its log can't be written."""
    datagram_bytes: int = 65_536
    """What is kept of one datagram (2,048 to 65,536); the default keeps everything."""
    rtcp_interval_s: float = 5.0
    """Mean time between two RTCP reports that each stream sends, also while it is paused; 0 sends none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One media stream of the offer, as the capture log describes it."""

    label: str
    """SDP label; empty when there is none."""
    mline: int
    """Place of its m-line, from 0."""
    kind: str = "audio"
    """Media type of the m-line."""
    description: Mapping[str, object] = field(default_factory=dict)
    """Stored as JSON. `payloads` ({"0": {"rate": 8000, ...}}) also gives the clock rates for the jitter."""
    expected_source: tuple[str, int] | None = None
    """From where the offer says that it comes: an IP address and a port. That sender is preferred."""
    srtp: tuple[SrtpKeys, ...] = ()
    """The sender's keys, which differ by their MKI; none for a stream in the clear. Packets that none of them
    fits are never stored."""
    srtp_own: SrtpKeys | None = None
    """Our own key, for the reports that we send; without one a protected stream sends none."""
    srtp_goes_on: bool = False
    """The sender has protected packets with these keys before: its rollover counter may be any."""
    srtp_indices: Mapping[int, int] = field(default_factory=dict)
    """For `resume_stream`: what `MediaStream.srtp_indices()` told in the process before."""
    mask_digits: bool = False
    """Keys that were pressed (RFC 4733) never reach the log: `payloads` says which packets tell of them."""
    announced: bool = True
    """False: nobody knows the ports yet, so nobody is followed who sends before `MediaStream.announce()`."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of what earlier engines had taken, beyond the streams that were resumed."""

    logs: int
    """Logs that were completed."""
    stored: int
    """Datagrams that were stored."""
    lost: int
    """Datagrams that only their stream could have stored: they are encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """What has come on a stream. Counters never go back; they stay readable after the stream's end."""

    packets: int
    """RTP packets handed to the log."""
    bytes: int
    """Bytes of these packets, RTP headers included."""
    lost: int
    """Packets that the sequence numbers promised and that never came (RFC 3550 appendix A.3, not below 0)."""
    rtcp_packets: int
    """RTCP datagrams handed to the log."""
    dropped_paused: int
    """Datagrams that came during pauses."""
    last_arrival_ns: int
    """When the last stored RTP packet came, nanoseconds since 1970; 0 when there is none."""
    first_arrival_ns: int
    """When the first stored RTP packet came."""
    ssrc: int | None
    """The synchronisation source heard last, of those that are followed."""
    expected: int
    """Packets that the sequence numbers promised."""
    received: int
    """RTP packets of followed sources that came, those of pauses and duplicates included."""
    jitter: int
    """Interarrival jitter in clock ticks (RFC 3550 appendix A.8)."""
    reordered: int
    """Packets that came after one with a higher sequence number."""
    level_dbov: float | None
    """Loudness of about the last second in dBov; None without G.711 in its static payload types."""
    last_sound_ns: int
    """When a packet of that was last louder than -55 dBov; 0 for never."""
    payload_type: int | None
    """Payload type of a late packet."""
    clock_rate: int | None
    """Ticks a second of the source heard last; those of `jitter`."""
    sources: int
    """How often a new synchronisation source appeared."""
    other_packets: int
    """Datagrams that are neither RTP nor RTCP, stored as evidence."""
    truncated: int
    """Datagrams larger than `datagram_bytes`, stored in part."""
    dropped_kernel: int
    """Datagrams that the kernel dropped because its buffer was full."""
    socket_errors: int
    """Times that a socket could not be read."""
    paused: bool
    """Whether packets are dropped at present."""
    strays: int = 0
    """RTP packets of senders that the stream does not follow. They are stored, and left out of the audio."""
    source_changes: int = 0
    """Times that another sender or SSRC was followed than before."""
    source: tuple[str, int] | None = None
    """The address that the stream follows; none before its second packet."""
    srtp_failed: int = 0
    """Packets that could not be authenticated. They are not stored."""
    srtp_replayed: int = 0
    """Protected packets that came twice or much too late. They are not stored."""
    rtcp_sent: int = 0
    """Our own RTCP packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """The state of a capture log's file."""

    bytes_written: int
    pending_bytes: int
    """Bytes that wait for the disk."""
    dropped_packets: int
    """Packets, messages and events that the disk has not taken and memory could not keep."""
    failing: bool
    """Whether the last write failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTotals:
    """Work of all drain threads since the start."""

    packets: int
    bytes: int
    """Bytes of all datagrams."""
    cpu_seconds: float
    recordings: int
    """Logs that are open, plus those closed within the last tick."""
    late_ticks: int
    """Rounds that took longer than the drain interval: a sign of too little CPU or a slow disk."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened on the engine's own threads."""

    recording: str
    """Path of the capture log."""
    kind: NoticeKind
    text: str
    """One plain sentence."""
    dropped: int
    """Packets and messages that did not reach the log for this reason."""
    interface: int = 0
    """The stream's interface; 0 when the whole recording is meant."""
