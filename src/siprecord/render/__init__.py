"""From a capture log to what people want: a file that plays, and a true account of the call.

The names load on first use: the server needs the pool alone, and what renders costs a tenth of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siprecord.render.options import RenderOptions
    from siprecord.render.recording import RenderResult, render_recording

__all__ = ["RenderOptions", "RenderResult", "render_recording"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("siprecord.render.recording"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
