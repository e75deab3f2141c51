"""How a holder that is started finds the recorder that lost its own, and makes sure to be the only holder."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from siprecord.holder.lives import Adopted, adopt
from siprecord.holder.place import Place, PlaceError, TakenError

Say = Callable[[str, str], object]
"""Takes the level and the text of a line for the log."""
ANSWER_SECONDS = 1.0
BUSY = "it ends its calls, or is kept by systemd; wait until it has ended, stop it, or set data_dir"


class SearchError(Exception):
    """There is a server, and it is not to be had; the text says why."""


class Search:
    """Looks into one data directory, None for nowhere, until `close`.

    Raises SearchError when another holder lives there. A place that can't be used costs no more than that
    nobody could take on what we start: one line says so.
    """

    def __init__(self, data_dir: str | None, say: Say) -> None:
        self._data_dir = data_dir
        self._say = say
        self._asked = False
        self._place: Place | None = None
        self.lock: int | None = None
        """As long as this descriptor is open, no other holder gets in; the caller's to close."""
        if data_dir is None:
            return
        try:
            self._place = Place(Path(data_dir))
            self.lock = self._place.lock()
        except TakenError as taken:
            self.close()
            who = f"a siprecord runs with {data_dir} already (holder: process {taken.pid})"
            raise SearchError(f"{who}: nothing is started") from None
        except PlaceError as error:
            self.close()
            say("error", f"{error}. Should this process die, nobody could take its recorder on")

    def running(self) -> str | None:
        """The process that records there; None where there is none, or we can't look."""
        return self._place.recorder() if self._place is not None else None

    def ask(self, process: str) -> tuple[Adopted, socket.socket] | None:
        """The recorder and the socket to it, as soon as it lets itself be taken on; raises SearchError."""
        assert self._place is not None, "a process was found there"
        if not self._asked:
            self._say("warning", f"process {process} records to {self._data_dir} already: asking for it")
            self._asked = True
        try:
            sock = self._place.connect()
        except PlaceError as error:
            raise SearchError(f"the recorder that runs can't be taken on: {error}") from error
        if sock is None:
            return None
        adopted = adopt(sock, ANSWER_SECONDS)
        if adopted is None:
            sock.close()
            return None
        return adopted, sock

    def close(self) -> None:
        """Look no more. The lock stays."""
        if self._place is not None:
            self._place.close()
        self._place = None
