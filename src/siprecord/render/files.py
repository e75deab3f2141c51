"""Files that appear whole or not at all, also when the machine dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(destination: Path) -> Iterator[Path]:
    """Give a temporary name beside `destination`; after the block, sync the file and put it in its place."""
    part = destination.with_name(f".{destination.name}.part")
    try:
        yield part
        _sync(part)
        part.replace(destination)
        _sync(destination.parent)
    finally:
        part.unlink(missing_ok=True)


def write_whole(destination: Path, data: bytes) -> None:
    """Write `data` to `destination` in one piece."""
    with replacing(destination) as part:
        part.write_bytes(data)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
