"""Whose dialog it is, told by the end of our tags: a node knows by it a call that it may take over."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

LENGTH = 8


@lru_cache(maxsize=1024)
def node_mark(cluster: str, node: str) -> str:
    """The end of all tags of a node: letters and digits that tell nothing but whether two are the same."""
    return blake2b(f"{cluster}\n{node}".encode(), digest_size=LENGTH // 2).hexdigest()
