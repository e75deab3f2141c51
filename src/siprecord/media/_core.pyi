"""The compiled media core. Everything here releases the GIL while it works."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

__version__: str

# ---- engine: sockets, drain threads, capture log -------------------------------------------------

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

class Follower:
    def __new__(cls, path: str | PathLike[str]) -> Follower: ...
    def read(self, size: int) -> tuple[list[_Item], bool]: ...
    def set_codecs(self, interface: int, named: Sequence[tuple[int, str]]) -> None: ...
    def audio(self, flush: bool) -> list[tuple[int, int, int, bytes]]: ...

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
