"""The session timer of RFC 4028: what is agreed, who refreshes it, when it runs out. All pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from siprecord.errors import ParseError
from siprecord.protocol.actions import HeaderItems
from siprecord.protocol.refusal import Refusal
from siprecord.protocol.settings import SessionTimerSettings
from siprecord.syntax.sip import Request, Response, has_option, parse_params, parse_seconds

Refresher = Literal["uac", "uas"]

ABSOLUTE_MINIMUM = 90
"""Seconds; no Min-SE may be lower (section 5)."""
LATEST_BYE = 32.0
"""Seconds before the end when a side without refresh gives up; a third of short intervals (section 10)."""


class Session(msgspec.Struct, frozen=True):
    """An agreed session timer."""

    interval: int
    """Seconds from one refresh to the end of the session."""
    ours: bool
    """We send the refreshes."""

    @property
    def refresh_after(self) -> float:
        """When to refresh, if that is our task: at half the interval."""
        return self.interval / 2

    @property
    def give_up_after(self) -> float:
        """When to end the dialog, if the peer's refresh does not come."""
        return self.interval - min(LATEST_BYE, self.interval / 3)


class Agreement(msgspec.Struct, frozen=True):
    """What a 2xx of ours says: the timer (None: there is none) and the headers that tell the peer."""

    session: Session | None
    headers: HeaderItems = ()


def refuse(request: Request, settings: SessionTimerSettings) -> Refusal | None:
    """422 for an interval below our minimum, when the peer can understand it (section 9)."""
    interval, _ = _wanted(request)
    minimum = _minimum(settings)
    if not settings.refuse_short or interval is None or interval >= minimum or not _supports(request):
        return None
    return Refusal(422, f"session interval of {interval} s is too short", (("Min-SE", str(minimum)),))


def answer(request: Request, settings: SessionTimerSettings) -> Agreement:
    """The timer to put in a 2xx to an INVITE or UPDATE (section 9, table 2).

    The peer's interval is taken as it is, and so is its choice of who refreshes; without one the peer does,
    because some peers answer no requests of a recorder. A peer that does not know timers is refreshed by
    us, if it must be.
    """
    interval, refresher = _wanted(request)
    capable = _supports(request)
    if interval is None:
        if not settings.interval:
            return Agreement(None)
        interval = max(settings.interval, _least_of(request), _minimum(settings))
    refresher = (refresher or "uac") if capable else "uas"
    interval = max(interval, ABSOLUTE_MINIMUM)
    headers: HeaderItems = (("Session-Expires", f"{interval};refresher={refresher}"),)
    if capable:
        headers += (("Require", "timer"),)
    return Agreement(Session(interval, ours=refresher == "uas"), headers)


def request_headers(session: Session | None, settings: SessionTimerSettings) -> HeaderItems:
    """What an INVITE or UPDATE of ours says (section 7.1).

    A running session is told as it is, with its refresher seen from this request; a new one is asked for
    when the settings name an interval.
    """
    if session is not None:
        refresher = "uac" if session.ours else "uas"
        return (("Session-Expires", f"{session.interval};refresher={refresher}"),)
    if settings.interval:
        return (("Session-Expires", str(max(settings.interval, _minimum(settings)))),)
    return ()


def agreed(response: Response) -> Session | None:
    """The timer that a 2xx to an INVITE or UPDATE of ours has set; None turns it off (section 7.2)."""
    interval, refresher = _wanted(response)
    if interval is None:
        return None
    return Session(max(interval, ABSOLUTE_MINIMUM), ours=refresher != "uas")


def _wanted(message: Request | Response) -> tuple[int | None, Refresher | None]:
    """Interval and refresher of Session-Expires; a malformed header is as good as none."""
    value = message.headers.get("Session-Expires")
    if value is None:
        return None, None
    interval = parse_seconds(value)
    try:
        name = (parse_params(value.partition(";")[2]).get("refresher") or "").lower()
    except ParseError:
        name = ""
    if name == "uac":
        return interval, "uac"
    return interval, "uas" if name == "uas" else None


def _supports(request: Request) -> bool:
    return has_option(request.headers, "Supported", "timer") or has_option(
        request.headers, "Require", "timer"
    )


def _least_of(request: Request) -> int:
    return parse_seconds(request.headers.get("Min-SE") or "") or 0


def _minimum(settings: SessionTimerSettings) -> int:
    return max(settings.minimum, ABSOLUTE_MINIMUM)
