"""The state of a call as another node wrote it, made fit for this one: clocks, addresses, ports."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from siprecord.protocol import Flow
from siprecord.server.callstate import CallState
from siprecord.transport import ListenerInfo, source_towards

ANYWHERE = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Clocks:
    """When the state was written, by the clocks of its writer, and now, by ours; in seconds."""

    written_wall: float
    written_monotonic: float
    wall: float
    monotonic: float

    def here(self, due: float | None) -> float | None:
        """A moment of the writer's monotonic clock by ours."""
        if due is None:
            return None
        passed = max(0.0, self.wall - self.written_wall)
        return self.monotonic + (due - self.written_monotonic) - passed


@dataclass(frozen=True, slots=True)
class Home:
    """Where this node is reached: its listeners, and the floating addresses of the cluster."""

    listeners: Sequence[ListenerInfo]
    floating: Collection[str] = ()

    def flow(self, flow: Flow) -> Flow:
        """A flow of another node as it is here: from a listener of ours, on a connection yet to be made.

        A listener at the very address the peer knows stays what it is: the address has moved with the call.
        """
        own = [each for each in self.listeners if each.transport == flow.transport]
        host, port = flow.local
        if any((each.host, each.port) == (host, port) for each in own):
            return dataclasses.replace(flow, connection=0)
        same_family = [each for each in own if (":" in each.host) == (":" in host)]
        for each in sorted(same_family, key=lambda one: one.port != port):
            return dataclasses.replace(flow, local=(self._address(each.host, flow), each.port), connection=0)
        return dataclasses.replace(flow, connection=0)

    def _address(self, listener: str, flow: Flow) -> str:
        if listener not in ANYWHERE:
            return listener
        if flow.local[0] in self.floating:
            return flow.local[0]
        return source_towards(flow.remote[0]) or flow.local[0]


def moved(state: CallState, clocks: Clocks, home: Home, bound: Collection[int]) -> CallState:
    """The state for this node. Of its streams only those of the m-lines in `bound` go on.

    The others are opened anew when the SRC sends an offer.
    """
    dialog, answered, exchange = state.dialog, state.answered, state.session.exchange
    if dialog is not None:
        dialog = replace(
            dialog,
            flow=home.flow(dialog.flow),
            due=clocks.here(dialog.due),
            accepted=tuple(replace(one, flow=home.flow(one.flow)) for one in dialog.accepted),
        )
    if answered is not None:
        answered = replace(answered, flow=home.flow(answered.flow))
    streams = tuple(plan for plan in exchange.streams if plan.mline in bound)
    kept = replace(
        exchange,
        streams=streams,
        ports={mline: ports for mline, ports in exchange.ports.items() if mline in bound},
        names=tuple(plan.name for plan in streams),
    )
    return replace(
        state,
        flow=home.flow(state.flow),
        dialog=dialog,
        answered=answered,
        session=replace(state.session, exchange=kept),
        streams=tuple(one for one in state.streams if one.mline in bound),
    )


def readdressed(state: CallState, address: str) -> CallState:
    """The state with another address for our SDP."""
    exchange = replace(state.session.exchange, address=address)
    return replace(state, session=replace(state.session, exchange=exchange))
