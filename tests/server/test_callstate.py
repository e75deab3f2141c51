from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.server.callstate import MAX_STATE, CallState, StateCell, StateError, decode, encode
from siprecord.server.continuity import call_state
from tests.support.fakes import VirtualServer
from tests.support.messages import METADATA, multipart, request, sdp

MOST_BYTES = 8 * 1024


@pytest.fixture
def cell() -> Iterator[StateCell]:
    made = StateCell()
    yield made
    os.close(made.fd)


async def running_call() -> tuple[VirtualServer, CallState]:
    server = await VirtualServer().start()
    server.receive(request("INVITE", "c1", body=multipart(sdp(), METADATA)))
    (runner,) = server.handler._running.calls.all()
    state = call_state(runner, server)
    assert state is not None
    return server, state


async def test_a_state_comes_back_as_it_was() -> None:
    _, state = await running_call()
    assert decode(encode(state)) == state


async def test_a_usual_call_takes_less_than_8_kb() -> None:
    _, state = await running_call()
    assert len(encode(state)) < MOST_BYTES


async def test_octets_that_are_no_utf8_become_question_marks_in_a_state() -> None:
    server = await VirtualServer().start()
    message = request("INVITE", "c1", body=multipart(sdp(), METADATA))
    server.receive(message.replace(b"<sip:src@", b"<sip:src\xff@"))
    (runner,) = server.handler._running.calls.all()
    state = call_state(runner, server)
    assert state is not None
    assert "\udcff" in state.session.identity.from_uri
    again = decode(encode(state))
    assert again.session.identity.from_uri == "sip:src?@example.com"
    assert msgspec.structs.replace(again, session=state.session, dialog=state.dialog) == state


async def test_an_unknown_version_is_named() -> None:
    _, state = await running_call()
    newer = msgspec.structs.replace(state, version=7)
    with pytest.raises(StateError, match="version 7; this siprecord knows version 1"):
        decode(encode(newer))


@given(st.binary(max_size=300))
def test_garbage_is_damaged(data: bytes) -> None:
    with pytest.raises(StateError):
        decode(data)


async def test_a_state_cut_anywhere_is_damaged() -> None:
    data = encode((await running_call())[1])
    for length in range(0, len(data), 37):
        with pytest.raises(StateError):
            decode(data[:length])


def test_the_newest_document_survives_in_its_memory(cell: StateCell) -> None:
    for text in (b"one", b"two", b"three"):
        assert cell.write(text)
    again = StateCell(os.dup(cell.fd))
    assert again.read() == b"three"
    again.write(b"four")
    assert cell.read() == b"four"
    os.close(again.fd)


def test_a_write_that_was_cut_short_leaves_the_one_before(cell: StateCell) -> None:
    cell.write(b"one")
    cell.write(b"two")
    os.pwrite(cell.fd, b"\xff", 24)  # the first byte of "two", which is in the first slot
    assert cell.read() == b"one"


def test_an_empty_memory_has_no_state(cell: StateCell) -> None:
    with pytest.raises(StateError, match="never written"):
        cell.read()


def test_what_is_too_large_is_not_written(cell: StateCell) -> None:
    assert not cell.write(bytes(MAX_STATE + 1))
    assert cell.size == 0


def test_times_keep_their_zone() -> None:
    now = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(now), type=datetime) == now
