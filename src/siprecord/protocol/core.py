"""What all parts of one endpoint share: settings, deadlines, output, counters. No behaviour of SIP."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from hashlib import blake2b

from siprecord.protocol.dialog import Dialog
from siprecord.protocol.events import Event
from siprecord.protocol.flow import Address, Flow, Transmit
from siprecord.protocol.settings import EndpointSettings
from siprecord.protocol.timers import DeadlineQueue, Wakeup
from siprecord.syntax.sip import format_host_port

MAX_LOST_CONNECTIONS = 4096
"""How many broken connections are remembered. Ours: the driver finds out about the others by itself."""

MAX_ENDED_DIALOGS = 4096
"""How many dialogs that are over are remembered: who wants to replace one of them gets another answer."""


class Core:
    """The shared state of an endpoint. One for each `Endpoint`, handed to its parts."""

    def __init__(self, settings: EndpointSettings, token: Callable[[], str]) -> None:
        self.settings = settings
        self.timers = settings.timers
        self.token = token
        self.deadlines: DeadlineQueue[Wakeup] = DeadlineQueue()
        self.output: deque[Transmit | Event] = deque()
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.dialogs: dict[str, Dialog] = {}
        self.advertised: dict[tuple[str, str, int], Address] = {}
        self.ended: dict[str, None] = {}
        """The last dialogs that are over, oldest first."""
        self._lost: dict[int, None] = {}
        self._secret = token().encode()[:64]

    def send(self, data: bytes, flow: Flow, call_id: str) -> None:
        """Queue bytes for the driver."""
        self.output.append(Transmit(data, flow, call_id))

    def tell(self, event: Event) -> None:
        """Queue an event for the transaction user."""
        self.output.append(event)

    def count(self, name: str) -> None:
        """Count one occurrence of `name`; the names are listed in `counters.py`."""
        self.counters[name] += 1

    def tag(self, *parts: str) -> str:
        """64 bits that depend on `parts` and on this endpoint's secret, and the mark of this endpoint.

        The same request gets the same To tag whether or not it is remembered, and nobody can guess another
        one's.
        """
        return self._digest(*parts) + self.settings.tag_mark

    def _digest(self, *parts: str) -> str:
        text = "\n".join(parts).encode("utf-8", "replace")
        return blake2b(text, key=self._secret, digest_size=8).hexdigest()

    def below(self, bound: int) -> int:
        """A number in 0 .. bound-1 that peers can't foresee."""
        return int(self._digest(self.token()), 16) % bound

    def lose(self, connection: int) -> None:
        """Remember that a connection is gone; its number is never used again."""
        if connection:
            self._lost[connection] = None
            if len(self._lost) > MAX_LOST_CONNECTIONS:
                del self._lost[next(iter(self._lost))]

    def end(self, dialog: str) -> None:
        """Take a dialog out."""
        del self.dialogs[dialog]
        self.ended[dialog] = None
        if len(self.ended) > MAX_ENDED_DIALOGS:
            del self.ended[next(iter(self.ended))]

    def is_lost(self, flow: Flow) -> bool:
        """True when the connection of `flow` is known to be gone."""
        return flow.connection in self._lost

    def sent_by(self, flow: Flow) -> Address:
        """The address of ours that a peer on `flow` should use."""
        local, port = flow.local
        everywhere = "::" if ":" in local else "0.0.0.0"
        known = self.advertised.get((flow.transport, local, port))
        host, known_port = known or self.advertised.get((flow.transport, everywhere, port)) or ("", 0)
        return (host or self.settings.advertised_host or local, known_port or port)

    def contact(self, flow: Flow, *, secure: bool = False) -> str:
        """Our Contact value on `flow`: an address of ours that a peer there can reach (section 8.1.1.8)."""
        settings = self.settings
        user = f"{settings.contact_user}@" if settings.contact_user else ""
        host = format_host_port(*self.sent_by(flow))
        if secure:
            uri = f"sips:{user}{host}"
        else:
            uri = f"sip:{user}{host}" + (f";transport={flow.transport}" if flow.reliable else "")
        parameters = f";{settings.contact_parameters}" if settings.contact_parameters else ""
        return f"<{uri}>{parameters}"
