"""Requests of dialogs that are not here yet: another node has died, and we may be about to have its dialogs.

A 481 would end the call for the peer (RFC 3261 section 12.2.1.2). So such a request waits, and is looked at
again until its dialog is here, or nobody expects it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from siprecord.protocol.core import Core
from siprecord.protocol.dialog import request_dialog_id
from siprecord.protocol.flow import Flow
from siprecord.syntax.sip import Request

AGAIN_S = 0.25
MAX_WAITING = 4096
"""Requests that wait at a time. Ours; one more is answered at once."""

Again = Callable[[Request, str, Flow, float], None]


class Awaited:
    """`again` is called with a request, its key and flow, and the time, when it is to be looked at again."""

    def __init__(self, core: Core, again: Again) -> None:
        self._core = core
        self._again = again
        self._since: dict[str, float] = {}
        """Of each request that waits, when it came first."""
        self._waiting: dict[str, str] = {}
        """Which request each is: a proxy that gets no answer sends the same one again under another key."""
        self._newest: dict[str, str] = {}
        """Of each such request the key that its sender still waits for."""

    def holds(self, request: Request, key: str, flow: Flow, now: float) -> bool:
        """Whether this request without a dialog waits, once however often it is repeated."""
        if key in self._waiting:
            return True
        since = self._since.get(key, now)
        if len(self._waiting) >= MAX_WAITING:
            return False
        if not self._core.settings.gate.awaits(request.to.tag or "", now - since):
            return False
        same = f"{request_dialog_id(request)} {request.cseq.number} {request.method}"
        self._since[key] = since
        self._waiting[key] = same
        if since == now:
            self._newest[same] = key
        self._core.deadlines.schedule(now + AGAIN_S, partial(self._look, request, key, flow))
        return True

    def _look(self, request: Request, key: str, flow: Flow, now: float) -> None:
        same = self._waiting.pop(key)
        if self._newest.get(same) == key:
            self._again(request, key, flow, now)
        if key not in self._waiting:
            self._since.pop(key, None)
            if self._newest.get(same) == key:
                del self._newest[same]
