"""Every state with every input, for all machines."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.protocol.client_machine import ClientAction, ClientInput, ClientState
from siprecord.protocol.invite_client import INVITE_CLIENT
from siprecord.protocol.invite_server import INVITE_SERVER
from siprecord.protocol.machine import step
from siprecord.protocol.other_client import OTHER_CLIENT
from siprecord.protocol.other_server import OTHER_SERVER
from siprecord.protocol.reliable import RELIABLE, ReliableAction, ReliableInput, ReliableState
from siprecord.protocol.server_machine import ServerAction, ServerInput, ServerState

MACHINES: dict[str, tuple[Any, Any, Any, Any]] = {
    "invite server": (INVITE_SERVER, ServerState, ServerInput, ServerState.PROCEEDING),
    "other server": (OTHER_SERVER, ServerState, ServerInput, ServerState.TRYING),
    "invite client": (INVITE_CLIENT, ClientState, ClientInput, ClientState.CALLING),
    "other client": (OTHER_CLIENT, ClientState, ClientInput, ClientState.TRYING),
}
TERMINATED = {ServerState.TERMINATED, ClientState.TERMINATED}
FORGET = {ServerAction.FORGET, ClientAction.FORGET}

machines = pytest.mark.parametrize("name", MACHINES)


def reachable(table: Any, start: Any) -> set[Any]:
    found, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for (source, _), (_, target) in table.items():
            if source == state and target not in found:
                found.add(target)
                todo.append(target)
    return found


def pairs(name: str) -> Iterable[tuple[Any, Any]]:
    _, states, inputs, _ = MACHINES[name]
    return product(states, inputs)


@machines
def test_each_state_takes_each_input(name: str) -> None:
    table, states, _, _ = MACHINES[name]
    for state, given_input in pairs(name):
        actions, after, known = step(table, state, given_input)
        assert after in states
        assert known == ((state, given_input) in table)
        if not known:
            assert (actions, after) == ((), state)


@machines
def test_terminated_is_left_by_nothing_and_entered_by_forgetting(name: str) -> None:
    table, _, _, _ = MACHINES[name]
    for (state, _), (actions, after) in table.items():
        assert state not in TERMINATED
        assert (after in TERMINATED) == bool(FORGET & set(actions))


@machines
def test_every_state_is_reachable_and_its_limit_leads_to_the_end(name: str) -> None:
    table, _, inputs, start = MACHINES[name]
    states = reachable(table, start)
    assert {state for state, _ in table} <= states
    for state in states - TERMINATED:
        actions, after, known = step(table, state, inputs.LIMIT)
        assert known
        if after not in TERMINATED:
            # The owner answers for a silent user; a call that rings too long is cancelled first.
            assert {ServerAction.REPORT_NO_ANSWER, ClientAction.CANCEL} & set(actions)


@machines
def test_duplicates_never_change_the_state_of_a_server(name: str) -> None:
    table, states, inputs, _ = MACHINES[name]
    if inputs is not ServerInput:
        return
    for state in states:
        assert step(table, state, ServerInput.REQUEST)[1] == state


@machines
@given(data=st.data())
def test_a_final_answer_is_given_at_most_once(name: str, data: st.DataObject) -> None:
    table, _, inputs, state = MACHINES[name]
    finals = 0
    for given_input in data.draw(st.lists(st.sampled_from(list(inputs)), max_size=30)):
        actions, state, _ = step(table, state, given_input)
        final = given_input.name in ("SUCCESS", "FAILURE")
        finals += final and bool({ServerAction.SEND, ClientAction.DELIVER} & set(actions))
    assert finals <= 1


@given(st.lists(st.sampled_from(list(ReliableInput)), max_size=30))
def test_REL_05_at_most_one_reliable_response_is_on_its_way(inputs: list[ReliableInput]) -> None:
    state, on_its_way = ReliableState.QUIET, False
    for given_input in inputs:
        actions, state, known = step(RELIABLE, state, given_input)
        if ReliableAction.SEND in actions:
            assert not on_its_way
            on_its_way = True
        if given_input is ReliableInput.PRACK and known:
            on_its_way = False
        assert on_its_way == (state in (ReliableState.UNACKNOWLEDGED, ReliableState.LATE)) or (
            ReliableAction.GIVE_UP in actions or state is ReliableState.OVER
        )
