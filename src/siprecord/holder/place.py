"""Where a holder finds the recorder that lost its own: the directory `holder` below the data directory.

Whoever gets in there gets every socket. So it belongs to our user, nobody else may enter, and each side asks
the kernel who is at the other end. Paths go through an open descriptor: nobody can exchange the directory
between check and use, and a long path does no harm (a socket's may have 107 bytes).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import struct
from pathlib import Path

NAME = "holder"
LOCK_NAME = "siprecord.lock"
"""In the data directory: held by the recorder."""
_LOCK, _SOCKET = "lock", "socket"
_CREDENTIALS = struct.Struct("3i")
"""struct ucred of unix(7): process, user, group."""


class PlaceError(Exception):
    """The place can't be used, or is not ours alone; the text says what to do."""


class TakenError(Exception):
    """Another process holds the lock. `pid` is what it has written of itself."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


class Place:
    """The directory, open. Makes it where it is missing; raises PlaceError when others may enter it."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / NAME
        self._data_dir = data_dir
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
            self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise PlaceError(f"{self.path} can't be used: {error.strerror}") from error
        about = os.fstat(self._fd)
        if about.st_uid != os.geteuid() or about.st_mode & 0o077:
            os.close(self._fd)
            raise PlaceError(
                f"{self.path} has user {about.st_uid} and mode {stat.S_IMODE(about.st_mode):o}, and must "
                f"have user {os.geteuid()} and 700: set it right, or remove it"
            )

    def lock(self) -> int:
        """Be the only holder, as long as the descriptor is open; raises TakenError or PlaceError."""
        try:
            return take_lock(_LOCK, at=self._fd)
        except OSError as error:
            raise PlaceError(f"{self.path / _LOCK} can't be used: {error.strerror}") from error

    def recorder(self) -> str | None:
        """The process that records here, as it has written itself down; None: there is none."""
        with contextlib.suppress(OSError), (self._data_dir / LOCK_NAME).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _pid(file.fileno())
        return None

    def listen(self) -> socket.socket:
        """As a recorder: be found. What an earlier one has left is removed. Raises PlaceError."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            os.fchmod(sock.fileno(), 0o600)
            self.clear()
            sock.bind(self._through())
            sock.listen(1)
        except OSError as error:
            sock.close()
            raise PlaceError(f"{self.path / _SOCKET} can't be opened: {error.strerror}") from error
        sock.setblocking(False)
        return sock

    def leads_to_us(self) -> bool:
        """Whether who follows the path finds the socket that was opened here."""
        try:
            found = (self.path / _SOCKET).stat()
            return os.path.samestat(found, os.stat(_SOCKET, dir_fd=self._fd))
        except OSError:
            return False

    def clear(self) -> None:
        """Remove the socket."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_SOCKET, dir_fd=self._fd)

    def connect(self) -> socket.socket | None:
        """As a holder: reach a recorder; None where none listens. Raises PlaceError when it is not ours."""
        try:
            about = os.stat(_SOCKET, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if about.st_uid != os.geteuid() or not stat.S_ISSOCK(about.st_mode):
            raise PlaceError(f"{self.path / _SOCKET} is no socket of ours (user {about.st_uid}): remove it")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        try:
            sock.connect(self._through())
        except OSError:  # nobody is there, or somebody was faster
            sock.close()
            return None
        if (uid := peer(sock)[1]) != os.geteuid():
            sock.close()
            raise PlaceError(f"{self.path / _SOCKET} was opened by another user ({uid}): remove it")
        return sock

    def close(self) -> None:
        """Close the directory."""
        os.close(self._fd)

    def _through(self) -> str:
        return f"/proc/self/fd/{self._fd}/{_SOCKET}"


def peer(sock: socket.socket) -> tuple[int, int]:
    """Process and user at the other end."""
    pid, uid, _ = _CREDENTIALS.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return pid, uid


def take_lock(path: str | Path, *, at: int | None = None) -> int:
    """Lock a file and write our process into it, until the descriptor is closed or we die.

    Raises TakenError when another process has it, OSError when the file can't be had.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644, dir_fd=at)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = _pid(fd)
        os.close(fd)
        if isinstance(error, BlockingIOError):
            raise TakenError(pid) from None
        raise
    with contextlib.suppress(OSError):  # on a full disk nobody learns who we are, and that is all
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _pid(fd: int) -> str:
    return os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
