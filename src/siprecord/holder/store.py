"""The recorder's side: one way to keep descriptors with whoever outlives us, and to get them back.

That is the holder where `siprecord serve` started one, systemd where it offers its store, or nobody. No
method raises for what the other side does: a recorder without a safety net still records.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import struct
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from typing import Protocol

from siprecord.holder import messages
from siprecord.holder.messages import FD_DONE, FD_FETCH, FD_NAME, FD_NAMES, FD_POLL, FD_REMOVE, FD_STORE

HOLDER_FD = "SIPRECORD_INTERNAL_HOLDER_FD"
FIRST_FD = 3
"""Where systemd puts descriptors (sd_listen_fds(3))."""
SEND_SECONDS = 0.5
"""How long a busy holder may keep the recorder waiting before it goes on without it."""
FETCH_SECONDS = 10.0
MAX_NAMES = 127 * 1024
"""systemd passes all names in one variable, of 128 KiB at most: with more the kernel would start nothing."""

_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ECONNREFUSED, errno.ENOTCONN, errno.EBADF)

Kept = list[tuple[str, int]]
"""Descriptors with the names they were kept under; two of one name are in the order they were stored."""
_log = logging.getLogger("siprecord.holder")


class FdStore(Protocol):
    """Where descriptors survive this process. Names are printable ASCII without colons, up to 255 long."""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""

    @property
    def watchdog_s(self) -> float | None:
        """`alive` must be called more often than this; None: nobody watches."""

    def take(self) -> Kept:
        """What an earlier life left; once, at the start. The store keeps its own duplicates."""

    def store(self, kept: Mapping[str, Sequence[int]]) -> bool:
        """Keep duplicates of these; False when that failed, for now or for good."""

    def remove(self, *names: str) -> None:
        """Close what is kept under these names."""

    def ready(self) -> None:
        """We serve."""

    def stopping(self) -> None:
        """We end on purpose: nobody need start us again."""

    def alive(self) -> None:
        """We are not stuck."""

    def status(self, text: str) -> None:
        """One line for people."""

    def ending(self, code: int) -> None:
        """We end with this exit code: told to who is not our parent."""


class NoStore:
    """Nobody keeps anything: what a library user has."""

    keeps = False
    watchdog_s: float | None = None

    def take(self) -> Kept:
        """Nothing."""
        return []

    def store(self, kept: Mapping[str, Sequence[int]]) -> bool:
        """Keeps nothing."""
        return False

    def remove(self, *names: str) -> None:
        """There is nothing to remove."""

    def ready(self) -> None:
        """Nobody asks."""

    def stopping(self) -> None:
        """Nobody asks."""

    def alive(self) -> None:
        """Nobody asks."""

    def status(self, text: str) -> None:
        """Nobody asks."""

    def ending(self, code: int) -> None:
        """Nobody asks."""


class _Notifier:
    """What both stores have in common: sd_notify over a connected socket."""

    keeps = True
    watched = False
    """Whether somebody notices by itself when the keeper is gone."""

    def __init__(self, sock: socket.socket, watchdog_s: float | None) -> None:
        self.watchdog_s = watchdog_s
        self._told = False
        self._put_off: list[tuple[Mapping[str, str], list[int]]] = []
        """What a busy keeper did not take, in order, with duplicates of the descriptors."""
        self._use(sock)

    def _use(self, sock: socket.socket) -> None:
        self._sock, self._gone = sock, False
        # SO_SNDTIMEO, not settimeout: the socket stays a blocking one, without a poll before each call.
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(SEND_SECONDS))

    def store(self, kept: Mapping[str, Sequence[int]]) -> bool:
        """Keep duplicates of these."""
        for name in kept:
            if not messages.is_name(name):
                _log.error("%r is no name that descriptors can be kept under", name)
                return False
        taken = True
        for fields, fds in self._storing(kept):
            taken &= self._send(fields, fds)
        return taken

    def remove(self, *names: str) -> None:
        """Close what is kept under these names."""
        for fields in self._removing(names):
            self._send(fields)

    def _storing(
        self, kept: Mapping[str, Sequence[int]]
    ) -> Iterator[tuple[Mapping[str, str], Sequence[int]]]:
        # Without FDPOLL=0 systemd forgets a socket as soon as an error is signalled on it.
        return (({FD_STORE: "1", FD_NAME: name, FD_POLL: "0"}, fds) for name, fds in kept.items())

    def _removing(self, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
        return ({FD_REMOVE: "1", FD_NAME: name} for name in names)

    def ready(self) -> None:
        """We serve."""
        self._send({messages.READY: "1"})

    def stopping(self) -> None:
        """We end on purpose."""
        self._send({messages.STOPPING: "1"})

    def alive(self) -> None:
        """We are not stuck."""
        self._send({messages.WATCHDOG: "1"})

    def status(self, text: str) -> None:
        """One line for people."""
        self._send({messages.STATUS: " ".join(text.split())})

    def ending(self, code: int) -> None:
        """We end with this exit code."""
        self._send({messages.EXIT_STATUS: str(code)})

    def close(self) -> None:
        """Say nothing any more."""
        self._sock.close()

    def _send(self, fields: Mapping[str, str], fds: Sequence[int] = ()) -> bool:
        """False when it was not taken. A keeper that is only busy gets what is about descriptors later."""
        if self._catch_up() and self._try(fields, fds):
            return True
        names = messages.names_in(fields)
        if FD_REMOVE in fields or self._gone:
            self._forget(names)
        if names and not self._gone:
            self._put_off.append((fields, [os.dup(fd) for fd in fds]))
        return False

    def _catch_up(self) -> bool:
        """Send what was put off; False while that can't be."""
        while self._put_off:
            fields, fds = self._put_off[0]
            if not self._try(fields, fds):
                return False
            messages.close_all(fds)
            self._put_off.pop(0)
        return True

    def _forget(self, names: Collection[str]) -> None:
        """What was to be kept under these names and never was; all of it when nobody keeps any more."""
        left = []
        for fields, fds in self._put_off:
            if self._gone or set(messages.names_in(fields)) <= set(names):
                messages.close_all(fds)
            else:
                left.append((fields, fds))
        self._put_off = left

    def _try(self, fields: Mapping[str, str], fds: Sequence[int]) -> bool:
        if self._gone:
            return False
        try:
            messages.send(self._sock, fields, fds)
        except OSError as error:
            # Once is enough: the next ones find out without waiting, for calls wait meanwhile.
            self._sock.setblocking(False)
            self._gone = error.errno in _GONE
            if not self._told and not (self._gone and self.watched):
                self._told = True
                _log.error(
                    "whoever keeps our sockets does not answer (%s): recording goes on, but calls would not "
                    "survive a crash of this process; restart siprecord when convenient",
                    error.strerror,
                )
            return False
        if not self._sock.getblocking():
            self._sock.setblocking(True)
            self._told = False
            _log.warning("whoever keeps our sockets answers again")
        return True


class HolderStore(_Notifier):
    """The holder at the other end of an inherited socket pair, or of a connection of the next one."""

    watched = True

    def fileno(self) -> int:
        """Readable when the holder has died: it says nothing unless it is asked."""
        return self._sock.fileno()

    def lost(self) -> None:
        """The holder has died: tell nobody anything, until there is another."""
        self._told, self._gone = True, True
        self._forget(())
        self._sock.close()

    def found(self, sock: socket.socket) -> None:
        """Talk to another holder from now on; it knows nothing yet. Raises OSError."""
        pidfd = os.pidfd_open(os.getpid())
        try:
            messages.send(sock, {messages.RECORDER: str(os.getpid())}, [pidfd])
        finally:
            os.close(pidfd)
        self._told = False
        self._use(sock)

    def _storing(
        self, kept: Mapping[str, Sequence[int]]
    ) -> Iterator[tuple[Mapping[str, str], Sequence[int]]]:
        named = [(name, fd) for name, fds in kept.items() for fd in fds]
        return (({FD_STORE: "1", FD_NAMES: names}, fds) for names, fds in messages.bundles(named))

    def _removing(self, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
        if names:
            yield {FD_REMOVE: "1", FD_NAMES: ":".join(names)}

    def wait_for_start(self) -> Mapping[str, str] | None:
        """As a spare: wait until the recorder is gone. Returns what is known of it; None when all is over."""
        self._send({messages.SPARE: "1"})
        try:
            while (message := messages.receive(self._sock)) is not None:
                messages.close_all(message.fds)
                if message.fields.get(messages.START) == "1":
                    return message.fields
        except OSError:
            pass
        return None

    def take(self) -> Kept:
        """Ask for what an earlier life left, and wait for it."""
        self._send({FD_FETCH: "1"})
        kept: Kept = []
        self._sock.settimeout(FETCH_SECONDS)
        try:
            while (message := messages.receive(self._sock)) is not None:
                names = messages.names_in(message.fields)
                if message.cut or len(names) != len(message.fds):
                    _log.error("some sockets could not be taken over: raise the limit of open files")
                kept.extend(zip(names, message.fds, strict=False))
                if FD_DONE in message.fields:
                    break
        except OSError as error:
            _log.error("the holder did not hand over what it keeps: %s", error)
        finally:
            self._sock.settimeout(None)
        return kept


class SystemdStore(_Notifier):
    """systemd's own store (FileDescriptorStoreMax= in the unit). Descriptors come back at the start.

    It tells nobody when it drops some, so we count: what would be too much for it is not stored at all.
    """

    def __init__(self, sock: socket.socket, watchdog_s: float | None, inherited: Kept, most: int) -> None:
        super().__init__(sock, watchdog_s)
        self._inherited = inherited
        self._room = _Room(most)
        for name, _ in inherited:
            self._room.take(name, 1)

    def take(self) -> Kept:
        """What systemd passed to this process."""
        inherited, self._inherited = self._inherited, []
        return inherited

    def _send(self, fields: Mapping[str, str], fds: Sequence[int] = ()) -> bool:
        if FD_STORE in fields and not self._room.take(fields[FD_NAME], len(fds)):
            return False
        if FD_REMOVE in fields:
            self._room.give_back(fields[FD_NAME])
        return super()._send(fields, fds)


class _Room:
    """How much systemd can keep: so many descriptors, and so many bytes of names."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[str, int] = {}
        self._fds = self._bytes = 0
        self._told = False

    def take(self, name: str, fds: int) -> bool:
        """Room for these under this name; False when there is none, which is told once."""
        size = fds * (len(name) + 1)
        if self._fds + fds > self._most or self._bytes + size > MAX_NAMES:
            if not self._told:
                self._told = True
                _log.error(
                    "systemd can keep no more than the %d sockets it has: all is recorded, but further calls "
                    "would not survive a crash; raise FileDescriptorStoreMax= (now %d), or leave it out and "
                    "siprecord keeps them itself",
                    self._fds,
                    self._most,
                )
            return False
        self._kept[name] = self._kept.get(name, 0) + fds
        self._fds, self._bytes = self._fds + fds, self._bytes + size
        return True

    def give_back(self, name: str) -> None:
        """What was kept under this name is let go."""
        fds = self._kept.pop(name, 0)
        self._fds, self._bytes = self._fds - fds, self._bytes - fds * (len(name) + 1)


def kept_by_systemd(environ: Mapping[str, str]) -> bool:
    """Whether systemd runs us and keeps descriptors, so that no holder is needed.

    From version 254 on it says so itself; before, the unit has to (Environment=FDSTORE=).
    """
    return (
        bool(environ.get("NOTIFY_SOCKET"))
        and environ.get("FDSTORE", "0").isdigit()
        and (int(environ.get("FDSTORE", "0")) > 0)
    )


def find_store(environ: MutableMapping[str, str]) -> FdStore:
    """Who keeps descriptors for this process. Takes its variables out, so that children don't have them."""
    fd = environ.pop(HOLDER_FD, "")
    if fd.isdigit():
        sock = socket.socket(fileno=int(fd))
        sock.set_inheritable(False)
        return HolderStore(sock, _watchdog(environ))
    if not kept_by_systemd(environ):
        return NoStore()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    address = environ.pop("NOTIFY_SOCKET")
    try:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError as error:
        sock.close()
        _log.error("systemd's notify socket %s can't be used: %s", address, error.strerror)
        return NoStore()
    return SystemdStore(sock, _watchdog(environ), _inherited(environ), int(environ.pop("FDSTORE")))


def _inherited(environ: MutableMapping[str, str]) -> Kept:
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    fds = range(FIRST_FD, FIRST_FD + int(count))
    for fd in fds:
        with contextlib.suppress(OSError):
            os.set_inheritable(fd, False)
    return list(zip(names, fds, strict=False))


def _watchdog(environ: MutableMapping[str, str]) -> float | None:
    value, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if not value.isdigit() or int(value) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(value) / 1e6


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))
