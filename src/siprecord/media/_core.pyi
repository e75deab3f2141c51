"""The compiled media core. Everything here releases the GIL while it works."""

from collections.abc import Callable
from typing import Generic, TypeVar, final, overload

V = TypeVar("V")
D = TypeVar("D")

__version__: str

# ---- engine: sockets, drain threads, capture log -------------------------------------------------

# ---- reader: the capture log, batch and live ------------------------------------------------------

# ---- render: packets onto a time line --------------------------------------------------------------

# ---- sender: real-time RTP ---------------------------------------------------------------------------

# ---- sharded map ---------------------------------------------------------------------------------------

@final
class ShardedMap(Generic[V]):
    """A concurrent map from `str` to any object, cut into shards with a read-write lock each.

    The interface is that of Go's `sync.Map`. Every method may be called from any thread at any time,
    from a callback of `range` and from a value's destructor too. The FNV-1a hash of the key's UTF-8
    bytes chooses the shard. Raises `ValueError` if `shard_count` is not a power of two from 1 to 65536.
    """

    def __new__(cls, shard_count: int = 32) -> ShardedMap[V]: ...
    @property
    def shard_count(self) -> int: ...
    def shard_of(self, key: str) -> int:
        """Say which shard holds `key`, from 0."""

    @overload
    def load(self, key: str, /) -> V | None: ...
    @overload
    def load(self, key: str, default: D, /) -> V | D:
        """Give the value of `key`, else `default` (`None`)."""

    def store(self, key: str, value: V, /) -> None:
        """Set the value of `key`."""

    def load_or_store(self, key: str, value: V, /) -> tuple[V, bool]:
        """Give `(value of key, True)`, or set it to `value` and give `(value, False)`."""

    def load_and_delete(self, key: str, /) -> tuple[V | None, bool]:
        """Take `key` out: `(its value, True)`, or `(None, False)` if it was not there."""

    def delete(self, key: str, /) -> None:
        """Take `key` out, if it is there."""

    def swap(self, key: str, value: V, /) -> tuple[V | None, bool]:
        """Set the value of `key`: `(previous value, True)`, or `(None, False)` if there was none."""

    def compare_and_swap(self, key: str, old: V, new: V, /) -> bool:
        """Set the value of `key` to `new` if it is `old` or equals it; say whether it did.

        `==` runs outside the lock, and anew if another thread changes the value meanwhile.
        """

    def compare_and_delete(self, key: str, old: V, /) -> bool:
        """Take `key` out if its value is `old` or equals it; say whether it did."""

    def range(self, callback: Callable[[str, V], object], /) -> None:
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
