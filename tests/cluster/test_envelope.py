from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.cluster.envelope import MAX_BYTES, DamagedSnapshot, Snapshot, seal, unseal

USUAL = Snapshot(b"the state of a call " * 200, 1_763_700_000.25, 4711.5)


def sealed(snapshot: Snapshot = USUAL) -> bytes:
    data = seal(snapshot)
    assert data is not None
    return data


@given(st.binary(max_size=3000), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_snapshot_comes_back_as_it_was(document: bytes, wall: float, monotonic: float) -> None:
    snapshot = Snapshot(document, wall, monotonic)
    assert unseal(sealed(snapshot)) == snapshot


def test_what_repeats_itself_is_stored_small() -> None:
    assert len(sealed()) < len(USUAL.document) / 10


def test_what_is_too_large_is_not_stored() -> None:
    assert seal(Snapshot(os.urandom(MAX_BYTES), 0, 0)) is None
    assert seal(Snapshot(bytes(2 << 20), 0, 0)) is None


def test_a_snapshot_cut_anywhere_is_damaged() -> None:
    data = sealed()
    for length in range(len(data)):
        with pytest.raises(DamagedSnapshot):
            unseal(data[:length])


def test_each_wrong_byte_is_found() -> None:
    data = sealed()
    for place in range(len(data)):
        wrong = bytearray(data)
        wrong[place] ^= 0x55
        with pytest.raises(DamagedSnapshot):
            unseal(bytes(wrong))


def test_an_unknown_version_is_named() -> None:
    data = sealed()
    with pytest.raises(DamagedSnapshot, match="version 9; this siprecord knows version 1"):
        unseal(data[:4] + b"\x09" + data[5:])


@given(st.binary(max_size=200))
def test_garbage_is_no_snapshot(data: bytes) -> None:
    with pytest.raises(DamagedSnapshot):
        unseal(data)
