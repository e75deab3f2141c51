"""What a recording needs from the outer world, as protocols. Adapters and test fakes have the same shape.

Methods that raise do so with `MediaError`, whose text is a sentence for people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

from siprecord.recording.plan import StreamPlan
from siprecord.syntax.sdp import SrtpKeys

Value = TypeVar("Value")


class StreamStats(Protocol):
    """What has come on a stream; counters never go back."""

    @property
    def packets(self) -> int:
        """RTP packets handed to the log."""

    @property
    def bytes(self) -> int:
        """Bytes of these packets."""

    @property
    def lost(self) -> int:
        """Packets that never came."""

    @property
    def expected(self) -> int:
        """Packets that the sequence numbers promised."""

    @property
    def reordered(self) -> int:
        """Packets that came after one with a higher sequence number."""

    @property
    def jitter(self) -> int:
        """Interarrival jitter in ticks of `clock_rate` (RFC 3550 appendix A.8)."""

    @property
    def clock_rate(self) -> int | None:
        """Ticks a second of the packets that come."""

    @property
    def payload_type(self) -> int | None:
        """Their payload type."""

    @property
    def level_dbov(self) -> float | None:
        """Loudness of about the last second, where it is known."""

    @property
    def last_sound_ns(self) -> int:
        """When something was last heard, nanoseconds since 1970; 0 for never."""

    @property
    def rtcp_packets(self) -> int:
        """RTCP datagrams handed to the log."""

    @property
    def dropped_paused(self) -> int:
        """Datagrams that came while the stream was paused."""

    @property
    def last_arrival_ns(self) -> int:
        """When the last RTP packet came, nanoseconds since 1970; 0 for never."""

    @property
    def strays(self) -> int:
        """RTP packets of senders that the stream does not follow."""

    @property
    def dropped_kernel(self) -> int:
        """Datagrams that the kernel dropped because the socket's buffer was full."""

    @property
    def srtp_failed(self) -> int:
        """Packets that could not be authenticated; they are not stored."""

    @property
    def srtp_replayed(self) -> int:
        """Protected packets that came twice; they are not stored."""


class MediaStream(Protocol):
    """One captured stream."""

    @property
    def interface(self) -> int:
        """Number of its interface in the capture log."""

    @property
    def rtp_port(self) -> int:
        """Where RTP is received."""

    @property
    def rtcp_port(self) -> int:
        """Where RTCP is received."""

    def stats(self) -> StreamStats:
        """What has come so far."""

    def pause(self) -> None:
        """Drop what comes from now on."""

    def resume(self) -> None:
        """Store what comes from now on."""

    def announce(self) -> None:
        """The ports become known now: who sent to them before can't be meant."""

    def expect_source(self, source: tuple[str, int] | None) -> None:
        """Change from where the signalling says that the stream comes."""

    def expect_payloads(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        """Change what payload types mean; `payloads` are those of the plan."""

    def set_rtcp_target(self, target: tuple[str, int] | None, *, mux: bool = False) -> None:
        """Change where our reports go; `mux` sends them from the media port."""

    def set_keys(self, *keys: SrtpKeys, own: SrtpKeys | None = None) -> None:
        """Change the keys of SRTP; none at all is a stream in the clear."""

    def srtp_indices(self) -> Mapping[int, int]:
        """The highest SRTP packet index by SSRC."""

    def mask_digits(self, payloads: Mapping[str, Mapping[str, object]]) -> None:
        """Let no key that is pressed reach the log from now on; `payloads` are those of the plan."""

    def close(self) -> None:
        """Give the ports back."""


class CaptureLog(Protocol):
    """One recording's file."""

    def append_sip(  # noqa: PLR0913, PLR0917 - the flow and the message are one record
        self,
        data: bytes,
        flow_local: tuple[str, int],
        flow_remote: tuple[str, int],
        transport: str,
        inbound: bool,
        time_ns: int = 0,
    ) -> None:
        """Append a SIP message whose keys are blanked."""

    @property
    def clock_shift_ns(self) -> int:
        """Nanoseconds to add to the time of day to have it by this log's clock, which nobody sets."""

    def append_event(self, event: Mapping[str, object]) -> None:
        """Append an event of ours."""

    def flush(self) -> None:
        """Take what has come for all streams, so that counts are up to date."""

    def close(self, *, sync: bool = True) -> None:
        """Take the last packets and close the file. May wait for the disk."""


class CallMap(Protocol[Value]):
    """The active calls by recording id: `ShardedMap`, or anything with these methods of it."""

    def load(self, key: str, /) -> Value | None:
        """The value of `key`."""

    def store(self, key: str, value: Value, /) -> None:
        """Set the value of `key`."""

    def delete(self, key: str, /) -> None:
        """Take `key` out, if it is there."""

    def range(self, callback: Callable[[str, Value], object], /) -> None:
        """Call `callback` for each entry until it returns False."""

    def __len__(self) -> int:
        """How many there are."""


class Inherited(NamedTuple):
    """A stream that another node had: its peer knows the ports."""

    sockets: tuple[int, int] | None
    """Descriptors of the pair, RTP and RTCP, bound to these ports; None where they can't be had here."""
    srtp_indices: Mapping[int, int]
    """The highest SRTP packet index that is known, by SSRC."""


class Archive(Protocol):
    """Where capture logs are made, and where they go when the call is over."""

    def create(self, recording_id: str, header: Mapping[str, object]) -> CaptureLog:
        """Make the capture log of a new recording. Raises MediaError when it can't be made."""

    def open_stream(
        self, log: CaptureLog, plan: StreamPlan, inherited: Inherited | None = None
    ) -> MediaStream:
        """Open a media stream into `log`. Raises MediaError when there is no free port.

        `inherited` is what another node left of it.
        """

    def finish(self, recording_id: str, log: CaptureLog) -> None:
        """The call is over: close the log and hand it on. Returns at once; slow work is done elsewhere."""

    def discard(self, recording_id: str, log: CaptureLog) -> None:
        """Close the log and forget the recording."""

    async def close(self) -> None:
        """Wait until all that was finished is on disk, and give everything back."""
