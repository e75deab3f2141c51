"""Keeps the recorder's sockets open across its death. Standard library only: this process must stay small."""

from siprecord.holder.store import (
    FdStore,
    HolderStore,
    Kept,
    NoStore,
    SystemdStore,
    find_store,
    kept_by_systemd,
)

__all__ = ["FdStore", "HolderStore", "Kept", "NoStore", "SystemdStore", "find_store", "kept_by_systemd"]
