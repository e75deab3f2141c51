"""Which version this is."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version


@cache
def own_version() -> str:
    """The version of the installed package; of the compiled core in a source tree that isn't installed."""
    try:
        return version("siprecord")
    except PackageNotFoundError:
        core: str = import_module("siprecord.media._core").__version__
        return core
