"""How long dialogs live: their session timers and their end (RFC 4028 sections 7 to 10)."""

from __future__ import annotations

from collections.abc import Callable

from siprecord.protocol.core import Core
from siprecord.protocol.dialog import Dialog
from siprecord.protocol.events import (
    DialogEnd,
    DialogEnded,
    RequestTimedOut,
    SessionExpired,
    SessionRefreshed,
)
from siprecord.protocol.session_timer import Session, agreed
from siprecord.syntax.sip import Response

Send = Callable[[Dialog, float], None]


class Lifespan:
    """Runs the session timer of each dialog and takes dialogs out when they are over.

    It sends nothing: `hang_up` and `send_refresh` are set by the client side.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.hang_up: Callable[[Dialog, DialogEnd, float], None]
        self.send_refresh: Send

    def end(self, dialog: Dialog, cause: DialogEnd) -> None:
        """The dialog is over. Told once, however often it ends."""
        if self._core.dialogs.get(dialog.id) is not dialog:
            return
        self._core.end(dialog.id)
        self.drop_waiting(dialog)
        self._core.deadlines.cancel(dialog.wakeup)
        self._core.tell(DialogEnded(dialog.id, cause))

    def drop_waiting(self, dialog: Dialog) -> None:
        """What waited to be sent never will be."""
        for waiting in dialog.waiting:
            self._core.tell(RequestTimedOut(waiting.transaction, dialog.id))
        dialog.waiting.clear()

    def agreed(self, dialog: Dialog, response: Response, now: float) -> None:
        """A 2xx to an INVITE or UPDATE of ours came: it restarts the timer, or turns it off."""
        self.restart(dialog, agreed(response), now)

    def restart(self, dialog: Dialog, session: Session | None, now: float) -> None:
        """Start the timer anew; None turns it off."""
        self._core.deadlines.cancel(dialog.wakeup)
        dialog.wakeup = None
        dialog.session = session
        if session is None:
            return
        if session.ours:
            self._refresh_after(dialog, session.refresh_after, now)
        else:
            self._expire_after(dialog, session.give_up_after, now)
        self._core.tell(SessionRefreshed(dialog.id, session.interval))

    def resume(self, dialog: Dialog, session: Session | None, due: float | None, now: float) -> None:
        """Go on with the timer of a restored dialog.

        What was due at a time of this clock stays so. Else we refresh at once, or wait for a whole interval.
        """
        self.restart(dialog, session, now)
        if session is None or dialog.wakeup is None:
            return
        if session.ours:
            latest = session.refresh_after
            self._refresh_after(dialog, 0.0 if due is None else min(max(due - now, 0.0), latest), now)

    def postpone(self, dialog: Dialog, now: float) -> None:
        """Our refresh was refused or had to wait. The peer lives: try again after half an interval."""
        if dialog.session is not None and dialog.session.ours:
            self._refresh_after(dialog, dialog.session.refresh_after, now)

    def _refresh_after(self, dialog: Dialog, seconds: float, now: float) -> None:
        self._core.deadlines.cancel(dialog.wakeup)
        dialog.wakeup = self._core.deadlines.schedule(now + seconds, lambda at: self.send_refresh(dialog, at))

    def _expire_after(self, dialog: Dialog, seconds: float, now: float) -> None:
        def expire(at: float) -> None:
            self._core.tell(SessionExpired(dialog.id))
            self.hang_up(dialog, DialogEnd.EXPIRED, at)

        dialog.wakeup = self._core.deadlines.schedule(now + seconds, expire)
