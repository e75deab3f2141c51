"""The holder may die: then recording goes on as before, and whoever starts a holder again finds us."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from siprecord.aio import Wakeup
from siprecord.holder import HolderStore
from siprecord.holder.place import Place, PlaceError, peer

WHAT_TO_DO = (
    "start `siprecord serve` again with the same data_dir, it takes this recorder on and no call notices"
)
LOOK_SECONDS = 10.0
"""So often a recorder that is alone looks whether it can be found."""
_log = structlog.stdlib.get_logger("siprecord.server")


class HolderWatch:
    """Notices the death of the holder, and hands all that is `kept` to the next one, from `begin` to `end`.

    `pid` is the holder's process; None while there is none, or where the kernel does not tell.
    """

    def __init__(
        self,
        store: HolderStore,
        data_dir: Path,
        kept: Callable[[], Mapping[str, Sequence[int]]],
        pid: int | None,
    ) -> None:
        self.pid = pid
        self.lost = False
        """Whether nobody holds us."""
        self.trouble = ""
        """Why no holder could take us on, if one came."""
        self._store = store
        self._data_dir = data_dir
        self._kept = kept
        self._wakeup: Wakeup | None = None
        self._place: Place | None = None
        self._listener: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ending = False

    def begin(self) -> None:
        """Watch the holder there is, on the running loop."""
        self._wakeup = Wakeup(self._store.fileno(), self._died)

    def stay_alone(self) -> None:
        """We are about to end: no holder takes us on any more."""
        self._ending = True
        self._stop_looking()
        self._close_door()

    def end(self) -> None:
        """Watch no more."""
        self.stay_alone()
        if self._wakeup is not None:
            self._wakeup.close()

    def _died(self) -> None:
        """The holder says nothing, so what can be read is its end."""
        assert self._wakeup is not None, "this is its callback"
        self._wakeup.close()
        self._store.lost()
        self.pid, self.lost = None, True
        if not self._ending:
            _log.error("the holder has died: all is recorded as before, but a crash would end the calls now")
            self._look_after_door()

    def _look_after_door(self) -> None:
        """Open the door, and again when somebody has removed it or what was wrong with its place."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look_after_door)
        if self._place is not None and self._place.leads_to_us():
            return
        self._close_door()
        before = self.trouble
        try:
            self._open_door()
        except PlaceError as error:
            self.trouble = str(error)
            if before != self.trouble:
                _log.error("no other holder can take this recorder on", reason=self.trouble)
            return
        self.trouble = ""
        _log.warning(WHAT_TO_DO, data=str(self._data_dir))

    def _open_door(self) -> None:
        self._place = Place(self._data_dir)
        try:
            self._listener = self._place.listen()
        except PlaceError:
            self._place.close()
            self._place = None
            raise
        self._wakeup = Wakeup(self._listener.fileno(), self._welcome)

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _close_door(self) -> None:
        if self._place is None or self._listener is None:
            return
        if self._wakeup is not None:
            self._wakeup.close()
        self._listener.close()
        self._place.clear()
        self._place.close()
        self._place = self._listener = None

    def _welcome(self) -> None:
        """Somebody has connected: if it is a process of ours, it is the holder from now on."""
        assert self._listener is not None, "it is being watched"
        try:
            sock, _ = self._listener.accept()
        except OSError:  # it has thought better of it
            return
        pid, uid = peer(sock)
        if uid != os.geteuid():
            _log.error("a process of another user asked for our sockets: refused", process=pid, user=uid)
            sock.close()
            return
        try:
            self._store.found(sock)
        except OSError as error:
            _log.error("a new holder could not be told of us", process=pid, reason=error.strerror)
            sock.close()
            return
        self._stop_looking()
        self._close_door()
        self.pid, self.lost = pid or None, False
        self.begin()
        self._store.store(self._kept())
        self._store.ready()
        _log.warning("a new holder has taken this recorder on", process=pid)
