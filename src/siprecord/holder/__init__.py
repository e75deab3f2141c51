"""Keeps the recorder's sockets open across its death. Standard library only: this process must stay small."""

from siprecord.holder.store import FdStore, HolderStore, NoStore, SystemdStore, find_store, kept_by_systemd

__all__ = ["FdStore", "HolderStore", "NoStore", "SystemdStore", "find_store", "kept_by_systemd"]
