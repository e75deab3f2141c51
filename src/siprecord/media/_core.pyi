"""The compiled media core. Everything here releases the GIL while it works."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Generic, Literal, Protocol, TypedDict, TypeVar, final, overload

from siprecord.media.sender import SendSpec
from siprecord.media.verification import SentStream

_V = TypeVar("_V")
_D = TypeVar("_D")

__version__: str

# ---- engine: sockets, drain threads, capture log -------------------------------------------------

class _MediaSettings(Protocol):
    @property
    def bind_address(self) -> str: ...
    @property
    def port_min(self) -> int: ...
    @property
    def port_max(self) -> int: ...
    @property
    def quarantine_s(self) -> float: ...
    @property
    def drain_interval_ms(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def receive_buffer(self) -> int: ...
    @property
    def max_pending_bytes(self) -> int: ...
    @property
    def datagram_bytes(self) -> int: ...
    @property
    def rtcp_interval_s(self) -> float: ...

class _Totals(TypedDict):
    packets: int
    bytes: int
    cpu_seconds: float
    recordings: int
    late_ticks: int

class _Stats(TypedDict):
    packets: int
    bytes: int
    lost: int
    rtcp_packets: int
    dropped_paused: int
    last_arrival_ns: int
    first_arrival_ns: int
    ssrc: int | None
    expected: int
    received: int
    reordered: int
    level_dbov: float | None
    last_sound_ns: int
    payload_type: int | None
    clock_rate: int | None
    jitter: int
    sources: int
    other_packets: int
    truncated: int
    dropped_kernel: int
    socket_errors: int
    paused: bool
    strays: int
    source_changes: int
    source: tuple[str, int] | None
    srtp_failed: int
    srtp_replayed: int
    rtcp_sent: int

class _SrtpKeys(Protocol):
    @property
    def suite(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def salt(self) -> bytes: ...
    @property
    def mki(self) -> bytes: ...
    @property
    def lifetime(self) -> int: ...

class _StreamDetails(Protocol):
    @property
    def clock_rates(self) -> list[tuple[int, int]]: ...
    @property
    def expected_source(self) -> tuple[str, int] | None: ...
    @property
    def announced(self) -> bool: ...
    @property
    def srtp(self) -> Sequence[_SrtpKeys]: ...
    @property
    def srtp_own(self) -> _SrtpKeys | None: ...
    @property
    def srtp_indices(self) -> dict[int, int]: ...
    @property
    def mask(self) -> tuple[list[int], list[int], list[int]]: ...

@final
class Engine:
    def __new__(cls, settings: _MediaSettings) -> Engine: ...
    def open_log(self, path: str, section: tuple[str, str, str, str]) -> Log: ...
    def resume_log(self, path: str) -> tuple[Log, list[str]]: ...
    def shelter_fileno(self) -> int: ...
    def inherit(self, shelter: int) -> None: ...
    def settle(self) -> tuple[int, int, int]: ...
    def fileno(self) -> int: ...
    def drain_notices(self) -> list[tuple[str, str, str, int, int]]: ...
    def totals(self) -> _Totals: ...
    def close(self) -> None: ...

@final
class Log:
    def append_sip(
        self, data: bytes, way: tuple[tuple[str, int], tuple[str, int], bool, bool], time_ns: int
    ) -> None: ...
    def clock_shift_ns(self) -> int: ...
    def append_event(self, json: bytes) -> None: ...
    def open_stream(
        self,
        name: str,
        description: str,
        details: _StreamDetails,
        sockets: tuple[int, int] | None = None,
    ) -> Stream: ...
    def resume_stream(
        self, details: _StreamDetails, sockets: tuple[int, int], interface: int, paused: bool
    ) -> Stream: ...
    def descriptors(self) -> list[tuple[int, int, int]]: ...
    def status(self) -> tuple[int, int, int, bool]: ...
    def flush(self) -> None: ...
    def close(self, sync: bool) -> None: ...

@final
class Stream:
    @property
    def interface(self) -> int: ...
    @property
    def rtp_port(self) -> int: ...
    def stats(self) -> _Stats: ...
    def set_paused(self, paused: bool) -> None: ...
    def announce(self) -> None: ...
    def expect_source(self, source: tuple[str, int] | None) -> None: ...
    def set_keys(self, theirs: Sequence[_SrtpKeys], ours: _SrtpKeys | None) -> None: ...
    def srtp_indices(self) -> dict[int, int]: ...
    def set_clock_rates(self, rates: list[tuple[int, int]]) -> None: ...
    def set_mask(self, payload_types: tuple[list[int], list[int], list[int]]) -> None: ...
    def set_rtcp_target(self, target: tuple[str, int] | None, mux: bool) -> None: ...
    def close(self) -> None: ...

@final
class SrtpSender:
    """Protects packets under one key; raises MediaError for what it refuses."""

    def __new__(cls, keys: _SrtpKeys) -> SrtpSender: ...
    def protect_rtp(self, packet: bytes) -> bytes: ...
    def protect_rtcp(self, packet: bytes) -> bytes: ...

@final
class SrtpReceiver:
    """Opens packets under one key; raises MediaError for what it refuses."""

    def __new__(cls, keys: _SrtpKeys) -> SrtpReceiver: ...
    def unprotect_rtp(self, packet: bytes) -> bytes: ...
    def unprotect_rtcp(self, packet: bytes) -> bytes: ...

def floor_loop(
    sockets: list[int], folder: str, plan: tuple[int, int, float, bool], keys: _SrtpKeys | None
) -> tuple[int, int, float]: ...

# ---- reader: the capture log, batch and live ------------------------------------------------------

_Host = tuple[str, int]
_Item = (
    tuple[Literal["interface"], int, int, str, str]
    | tuple[Literal["event"], int, bytes]
    | tuple[Literal["sip"], int, bytes, str, _Host, _Host, bool | None]
    | tuple[Literal["packet"], int, int, _Host, _Host, bytes]
)

class ItemBatches:
    def __new__(cls, path: str | PathLike[str], packets: bool) -> ItemBatches: ...
    def batch(self, count: int, size: int) -> list[_Item]: ...
    def position(self) -> tuple[int, int, int]: ...

_LivePiece = tuple[int, int, int, int, int, int, int, int, bool, bytes]

class Follower:
    def __new__(cls, path: str | PathLike[str]) -> Follower: ...
    def read(self, size: int) -> tuple[list[_Item], str]: ...
    def position(self) -> int: ...
    def set_codecs(self, interface: int, named: Sequence[_CodecPlan], unit: int) -> None: ...
    def audio(self, flush: bool) -> list[_LivePiece]: ...

# ---- render: packets onto a time line --------------------------------------------------------------

_CodecPlan = tuple[int, str, int, int, int, int]

class AudioRenderer:
    def __new__(
        cls,
        path: str | PathLike[str],
        streams: Sequence[
            tuple[int, Sequence[_CodecPlan], Sequence[tuple[int, int, str]], Sequence[tuple[int, int, int]]]
        ],
    ) -> AudioRenderer: ...
    @property
    def rate(self) -> int: ...
    @property
    def origin(self) -> int: ...
    @property
    def plain(self) -> bool: ...
    def unit(self, channel: int) -> int: ...
    def rewind(self, channel: int) -> None: ...
    def packets(self, channel: int, count: int) -> list[tuple[int, int, int, int, int, int, bytes]]: ...
    def events(self, channel: int) -> list[tuple[int, int, int, int, bytes]]: ...
    @property
    def frames(self) -> int: ...
    @property
    def origin_ns(self) -> int: ...
    def read(self, frames: int) -> bytes: ...
    def reports(self) -> list[dict[str, Any]]: ...

def g711_decode(data: bytes, law: str) -> bytes: ...
def g711_encode(pcm: bytes, law: str) -> bytes: ...

class G722Decoder:
    def __new__(cls) -> G722Decoder: ...
    def decode(self, octets: bytes) -> bytes: ...

def amr_frames(payload: bytes, wideband: bool, octet_aligned: bool) -> list[bytes] | None: ...
def opus_ticks(packet: bytes) -> int | None: ...
def ogg_page(head: tuple[int, int, int, int], packets: Sequence[bytes]) -> bytes: ...

# ---- sender: real-time RTP ---------------------------------------------------------------------------

@final
class RtpClip:
    """Encoded audio that many streams may share."""

    def __new__(cls, payload: bytes, /) -> RtpClip: ...
    def __len__(self) -> int: ...

@final
class SendProgress:
    """How far a stream has come: packets the kernel took and refused, and whether more will follow."""

    @property
    def sent(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def done(self) -> bool: ...

@final
class RtpSender:
    """Many RTP streams, sent in real time by one thread of its own.

    It wakes at most once each `quantum` seconds; packets due in between leave together. Times are in seconds.
    Raises `MediaError` for what the system refuses, `ValueError` for arguments that make no sense.
    """

    def __new__(cls, quantum: float = 0.001) -> RtpSender: ...
    def bind(self, host: str, port: int = 0) -> tuple[int, int]:
        """Bind a pair of ports of the IP address `host`: `(number of the socket, its RTP port)`.

        `port` 0: any even port and the next one. They are free again when the sender is gone.
        """

    def add_streams(self, specs: Sequence[SendSpec]) -> list[int]:
        """Add streams that start together, now or at `start()`; give their numbers."""

    def start(self) -> None:
        """Start sending. A second call does nothing."""

    def stop_streams(self, numbers: Sequence[int]) -> None:
        """End these streams; numbers of none are left out."""

    def progress(self, numbers: Sequence[int] | None = None) -> list[SendProgress]:
        """Say how far these streams have come, or all, in the order in which they were added."""

    @property
    def lateness(self) -> float:
        """The most a packet left after its time, so far."""

    def lateness_counts(self) -> list[int]:
        """Count packets by how late they left: entry n has those less than 2**n microseconds late."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all streams are done, and say whether they are."""

    def stop(self) -> None:
        """End all streams and the thread."""

# ---- verification: a capture log beside what was sent --------------------------------------------------

def verify_capture(
    path: str | PathLike[str], streams: Sequence[SentStream]
) -> tuple[list[tuple[int, int, int, int]], int]: ...

# ---- merging: two logs of one call --------------------------------------------------------------------

@final
class CaptureMerge:
    def __new__(
        cls,
        first: str | PathLike[str],
        second: str | PathLike[str],
        pauses: tuple[Sequence[tuple[int, int, int]], Sequence[tuple[int, int, int]]],
    ) -> CaptureMerge: ...
    @property
    def streams(self) -> list[tuple[int, str, int, int, int, int, int]]: ...
    @property
    def unmatched(self) -> list[tuple[int, str, int, int]]: ...
    @property
    def partners(self) -> list[tuple[int, int]]: ...
    @property
    def offset(self) -> tuple[int, int]: ...
    def write(self, path: str | PathLike[str], events: Sequence[bytes]) -> None: ...

# ---- sharded map ---------------------------------------------------------------------------------------

@final
class ShardedMap(Generic[_V]):
    """A concurrent map from `str` to any object, cut into shards with a read-write lock each.

    The interface is that of Go's `sync.Map`. Every method may be called from any thread at any time,
    from a callback of `range` and from a value's destructor too. The FNV-1a hash of the key's UTF-8
    bytes chooses the shard. Raises `ValueError` if `shard_count` is not a power of two from 1 to 65536.
    """

    def __new__(cls, shard_count: int = 32) -> ShardedMap[_V]: ...
    @property
    def shard_count(self) -> int: ...
    def shard_of(self, key: str) -> int:
        """Say which shard holds `key`, from 0."""

    @overload
    def load(self, key: str, /) -> _V | None: ...
    @overload
    def load(self, key: str, default: _D, /) -> _V | _D:
        """Give the value of `key`, else `default` (`None`)."""

    def store(self, key: str, value: _V, /) -> None:
        """Set the value of `key`."""

    def load_or_store(self, key: str, value: _V, /) -> tuple[_V, bool]:
        """Give `(value of key, True)`, or set it to `value` and give `(value, False)`."""

    def load_and_delete(self, key: str, /) -> tuple[_V | None, bool]:
        """Take `key` out: `(its value, True)`, or `(None, False)` if it was not there."""

    def delete(self, key: str, /) -> None:
        """Take `key` out, if it is there."""

    def swap(self, key: str, value: _V, /) -> tuple[_V | None, bool]:
        """Set the value of `key`: `(previous value, True)`, or `(None, False)` if there was none."""

    def compare_and_swap(self, key: str, old: _V, new: _V, /) -> bool:
        """Set the value of `key` to `new` if it is `old` or equals it; say whether it did.

        `==` runs outside the lock, and anew if another thread changes the value meanwhile.
        """

    def compare_and_delete(self, key: str, old: _V, /) -> bool:
        """Take `key` out if its value is `old` or equals it; say whether it did."""

    def range(self, callback: Callable[[str, _V], object], /) -> None:
        """Call `callback(key, value)` for each entry until it returns False.

        Each shard is copied when its turn comes, so the callback may change the map.
        """

    def clear(self) -> None:
        """Empty the map, one shard after the other."""

    def keys(self) -> list[str]:
        """Copy the keys; their order means nothing."""

    def contention(self) -> list[int]:
        """Say for each shard how often a thread found it locked by another one."""

    def __len__(self) -> int: ...
    def __contains__(self, key: str, /) -> bool: ...
