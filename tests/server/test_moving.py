"""The state of a call on its way between nodes: clocks, addresses, ports."""

from __future__ import annotations

import pytest

from siprecord.protocol import Flow
from siprecord.server.callstate import CallState
from siprecord.server.continuity import call_state
from siprecord.server.moving import Clocks, Home, moved, readdressed
from siprecord.transport import ListenerInfo
from tests.support.fakes import VirtualServer
from tests.support.messages import METADATA, multipart, request, sdp

NO_TIME = Clocks(0, 0, 0, 0)
PEER = ("192.0.2.50", 5060)


async def state_of_a_call() -> CallState:
    server = await VirtualServer().start()
    server.receive(request("INVITE", "c1", body=multipart(sdp(), METADATA)))
    (runner,) = server.handler._running.calls.all()
    state = call_state(runner, server)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("clocks", "here"),
    [
        (Clocks(1000, 50, 1000, 7), 17),
        (Clocks(1000, 50, 1004, 7), 13),
        (Clocks(1000, 50, 990, 7), 17),
    ],
)
def test_a_moment_of_another_machine(clocks: Clocks, here: float) -> None:
    assert clocks.here(60) == here
    assert clocks.here(None) is None


@pytest.mark.parametrize(
    ("listener", "floating", "local"),
    [
        (("192.0.2.100", 5060), (), ("192.0.2.100", 5060)),
        (("192.0.2.12", 5062), (), ("192.0.2.12", 5062)),
        (("0.0.0.0", 5060), ("192.0.2.100",), ("192.0.2.100", 5060)),
    ],
)
def test_a_flow_leaves_from_a_listener_of_ours(
    listener: tuple[str, int], floating: tuple[str, ...], local: tuple[str, int]
) -> None:
    home = Home((ListenerInfo("tcp", "192.0.2.12", 5060), ListenerInfo("udp", *listener)), floating)
    flow = home.flow(Flow("udp", ("192.0.2.100", 5060), PEER))
    assert (flow.local, flow.remote, flow.connection) == (local, PEER, 0)


def test_a_connection_of_the_dead_node_is_none_of_ours() -> None:
    home = Home((ListenerInfo("tcp", "192.0.2.12", 5060),))
    flow = home.flow(Flow("tcp", ("192.0.2.11", 5060), PEER, connection=4711))
    assert (flow.local, flow.connection) == (("192.0.2.12", 5060), 0)


async def test_only_streams_whose_ports_are_here_go_on() -> None:
    state = await state_of_a_call()
    home = Home((ListenerInfo("udp", "192.0.2.12", 5060),))
    here = moved(state, NO_TIME, home, {1})
    exchange = here.session.exchange
    assert [plan.mline for plan in exchange.streams] == [1]
    assert set(exchange.ports) == {1}
    assert exchange.names == (exchange.streams[0].name,)
    assert [stream.mline for stream in here.streams] == [1]
    assert here.dialog is not None
    assert here.dialog.flow.local == here.flow.local == ("192.0.2.12", 5060)
    assert readdressed(here, "192.0.2.12").session.exchange.address == "192.0.2.12"
