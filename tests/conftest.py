"""What must be the same on every machine that runs the tests."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

import pytest

WAITING = (
    "interop/test_sipp_glare.py",
    "chaos",
    "interop",
    "system",
    "examples",
    "scripts",
    "cluster",
    "holder",
)
"""Rooms whose tests wait for servers and timers: they begin first, so that others fill the time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are handed to the workers; within a file nothing moves."""
    items.sort(key=lambda item: _turn(item.path.relative_to(Path(__file__).parent)))


def _turn(path: Path) -> int:
    return next((turn for turn, room in enumerate(WAITING) if path.is_relative_to(room)), len(WAITING))


def pytest_configure() -> None:
    """The caller's settings, umask, proxy and small limit of open files are none of the tests' business."""
    for name in [name for name in os.environ if name.startswith("SIPRECORD_")]:
        del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # some hundred processes read the same source
    os.umask(0o022)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
