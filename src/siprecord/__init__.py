"""Siprecord, a SIPREC session recording server.

The public names load on first use, so that `import siprecord` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siprecord.media import ShardedMap
    from siprecord.server.config import Config
    from siprecord.server.handler import Handler
    from siprecord.server.media_config import MediaConfig
    from siprecord.transcribe import LiveAudio
    from siprecord.transport import CustomSIPServer

__version__: str

__all__ = ["Config", "CustomSIPServer", "Handler", "LiveAudio", "MediaConfig", "ShardedMap", "__version__"]

_HOMES = {
    "Config": "siprecord.server.config",
    "CustomSIPServer": "siprecord.transport",
    "Handler": "siprecord.server.handler",
    "LiveAudio": "siprecord.transcribe",
    "MediaConfig": "siprecord.server.media_config",
    "ShardedMap": "siprecord.media",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("siprecord.version").own_version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
