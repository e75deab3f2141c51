"""The compiled media core. Everything here releases the GIL while it works."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypedDict, final

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
    def drain_interval_ms(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def receive_buffer(self) -> int: ...
    @property
    def max_pending_bytes(self) -> int: ...
    @property
    def datagram_bytes(self) -> int: ...

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
    jitter: int
    sources: int
    other_packets: int
    truncated: int
    dropped_kernel: int
    socket_errors: int
    paused: bool

@final
class Engine:
    def __new__(cls, settings: _MediaSettings) -> Engine: ...
    def open_log(self, path: str, section: tuple[str, str, str, str]) -> Log: ...
    def fileno(self) -> int: ...
    def drain_notices(self) -> list[tuple[str, str, str, int]]: ...
    def totals(self) -> _Totals: ...
    def close(self) -> None: ...

@final
class Log:
    def append_sip(
        self, data: bytes, way: tuple[tuple[str, int], tuple[str, int], bool, bool], time_ns: int
    ) -> None: ...
    def append_event(self, json: bytes) -> None: ...
    def open_stream(self, name: str, description: str, clock_rates: list[tuple[int, int]]) -> Stream: ...
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
    def close(self) -> None: ...

def floor_loop(
    sockets: list[int], folder: str, plan: tuple[int, int, float, bool]
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

# ---- render: packets onto a time line --------------------------------------------------------------

class AudioRenderer:
    def __new__(
        cls,
        path: str | PathLike[str],
        streams: Sequence[tuple[int, Sequence[tuple[int, str]], Sequence[tuple[int, int, str]]]],
    ) -> AudioRenderer: ...
    @property
    def frames(self) -> int: ...
    @property
    def origin_ns(self) -> int: ...
    def read(self, frames: int) -> bytes: ...
    def reports(self) -> list[dict[str, Any]]: ...

def g711_decode(data: bytes, law: str) -> bytes: ...
def g711_encode(pcm: bytes, law: str) -> bytes: ...

# ---- sender: real-time RTP ---------------------------------------------------------------------------

# ---- sharded map ---------------------------------------------------------------------------------------
