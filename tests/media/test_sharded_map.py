from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from siprecord.media.sharded_map import ShardedMap
from tests.support.patience import PATIENCE


def fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def test_there_are_32_shards_by_default() -> None:
    calls: ShardedMap[int] = ShardedMap()
    assert calls.shard_count == 32
    assert len(calls.contention()) == 32


@pytest.mark.parametrize(
    ("count", "nearest"),
    [(33, "the nearest are 32 and 64"), (3, "2 and 4"), (0, "is 1"), (-1, "is 1"), (65537, "is 65536")],
)
def test_the_number_of_shards_is_a_power_of_two(count: int, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"power of two from 1 to 65536, and {count} is not; .*{nearest}"):
        ShardedMap(count)


@pytest.mark.parametrize(
    "key", ["", "a", "foobar", "a84b4c76e66710@example.com", "größe", "通話", "\U0001f4de"]
)
def test_fnv_1a_of_the_utf8_bytes_chooses_the_shard(key: str) -> None:
    calls: ShardedMap[int] = ShardedMap(64)
    assert calls.shard_of(key) == fnv1a(key.encode()) & 63


def test_known_answers_of_fnv_1a() -> None:
    calls: ShardedMap[int] = ShardedMap(65536)
    assert calls.shard_of("") == 0x2325
    assert calls.shard_of("a") == 0xEC8C
    assert calls.shard_of("foobar") == 0x67E8


def test_load_store_delete() -> None:
    calls: ShardedMap[str] = ShardedMap()
    assert calls.load("a") is None
    assert calls.load("a", 7) == 7
    calls.store("a", "x")
    assert calls.load("a") == "x"
    assert "a" in calls
    assert len(calls) == 1
    calls.delete("a")
    calls.delete("a")
    assert "a" not in calls
    assert not calls


def test_load_or_store_says_whether_it_was_there() -> None:
    calls: ShardedMap[str] = ShardedMap()
    assert calls.load_or_store("a", "x") == ("x", False)
    assert calls.load_or_store("a", "y") == ("x", True)


def test_a_stored_none_is_not_an_absent_key() -> None:
    calls: ShardedMap[None] = ShardedMap()
    calls.store("a", None)
    assert calls.load("a", 7) is None
    assert calls.load_and_delete("a") == (None, True)
    assert calls.load_and_delete("a") == (None, False)


def test_swap_gives_the_previous_value() -> None:
    calls: ShardedMap[int] = ShardedMap()
    assert calls.swap("a", 1) == (None, False)
    assert calls.swap("a", 2) == (1, True)


def test_compare_and_swap_goes_by_equality() -> None:
    calls: ShardedMap[tuple[int, ...]] = ShardedMap()
    assert not calls.compare_and_swap("a", (1, 2), (3,))
    calls.store("a", (1, 2))
    assert calls.compare_and_swap("a", tuple([1, 2]), (3,))  # noqa: C409  equal, another object
    assert not calls.compare_and_swap("a", (1, 2), (4,))
    assert calls.load("a") == (3,)
    assert not calls.compare_and_delete("a", (1, 2))
    assert calls.compare_and_delete("a", (3,))
    assert not calls


def test_identity_is_enough_to_be_the_same() -> None:
    calls: ShardedMap[float] = ShardedMap()
    nan = float("nan")
    calls.store("a", nan)
    assert calls.compare_and_swap("a", nan, 1.0)


@dataclass(eq=False)
class Meddler:
    """Does something to the map while it is compared."""

    action: Callable[[], object]
    answer: bool = True

    def __eq__(self, other: object) -> bool:
        self.action()
        return self.answer

    __hash__ = None  # type: ignore[assignment]


def test_a_value_that_changes_during_the_comparison_is_compared_anew() -> None:
    calls: ShardedMap[object] = ShardedMap()
    calls.store("a", Meddler(lambda: calls.store("a", "changed")))
    assert not calls.compare_and_swap("a", "old", "new")
    assert calls.load("a") == "changed"
    calls.store("a", Meddler(lambda: calls.delete("a")))
    assert not calls.compare_and_delete("a", "old")


def test_an_error_in_the_comparison_reaches_the_caller() -> None:
    calls: ShardedMap[object] = ShardedMap()
    calls.store("a", Meddler(lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        calls.compare_and_swap("a", "old", "new")
    assert "a" in calls


def test_range_visits_all_until_false() -> None:
    calls: ShardedMap[int] = ShardedMap(4)
    for number in range(10):
        calls.store(str(number), number)
    seen: dict[str, int] = {}
    calls.range(seen.__setitem__)
    assert seen == {str(number): number for number in range(10)}
    visits: list[str] = []

    def third_is_last(key: str, _: int) -> bool:
        visits.append(key)
        return len(visits) < 3

    calls.range(third_is_last)
    assert len(visits) == 3


def test_range_allows_changes_and_passes_errors_on() -> None:
    calls: ShardedMap[int] = ShardedMap(1)
    for number in range(10):
        calls.store(str(number), number)
    calls.range(lambda key, _: calls.delete(key))
    assert not calls
    calls.store("a", 0)
    with pytest.raises(ZeroDivisionError):
        calls.range(lambda _, value: 1 // value)


def test_keys_and_clear() -> None:
    calls: ShardedMap[int] = ShardedMap()
    for key in ("a", "b", "ü"):
        calls.store(key, 0)
    assert sorted(calls.keys()) == ["a", "b", "ü"]
    calls.clear()
    assert calls.keys() == []


def test_keys_are_text() -> None:
    calls: ShardedMap[int] = ShardedMap()
    with pytest.raises(TypeError):
        calls.store(7, 0)  # type: ignore[arg-type]
    with pytest.raises(UnicodeEncodeError):
        calls.store("\ud800", 0)


class Mourner:
    """Uses the map while it is destroyed."""

    def __init__(self, calls: ShardedMap[object]) -> None:
        self.calls = calls

    def __del__(self) -> None:
        length = len(self.calls)
        self.calls.store("mourned", length)


@pytest.mark.parametrize(
    "action",
    [
        lambda calls: calls.store("a", 1),
        lambda calls: calls.swap("a", 1),
        lambda calls: calls.delete("a"),
        lambda calls: calls.load_and_delete("a"),
        lambda calls: calls.compare_and_swap("a", calls.load("a"), 1),
        lambda calls: calls.compare_and_delete("a", calls.load("a")),
        lambda calls: calls.clear(),
    ],
)
def test_a_destructor_may_use_the_map(action: Callable[[ShardedMap[object]], object]) -> None:
    calls: ShardedMap[object] = ShardedMap(1)
    calls.store("a", Mourner(calls))
    action(calls)
    assert "mourned" in calls


def test_values_are_neither_leaked_nor_freed_early() -> None:
    calls: ShardedMap[object] = ShardedMap()
    value = object()
    before = sys.getrefcount(value)
    calls.store("a", value)
    calls.load_or_store("a", value)
    calls.compare_and_swap("a", value, value)
    calls.compare_and_swap("a", object(), value)
    calls.range(lambda *_: None)
    assert sys.getrefcount(value) == before + 1
    calls.clear()
    assert sys.getrefcount(value) == before


def test_a_cycle_through_the_map_is_collected() -> None:
    class Node:
        calls: ShardedMap[object]

    node = Node()
    node.calls = ShardedMap()
    node.calls.store("self", node)
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("frequent_switches")
def test_threads_neither_lose_counts_nor_deadlock() -> None:
    calls: ShardedMap[int] = ShardedMap(2)
    rounds, threads = 1500, 4

    def add(key: str) -> None:
        while True:
            value, present = calls.load_or_store(key, 1)
            if not present or calls.compare_and_swap(key, value, value + 1):
                return

    def work() -> None:
        for step in range(rounds):
            add(str(step % 5))
            if step % 100 == 0:
                calls.range(lambda key, _: key in calls)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=PATIENCE)
        assert not worker.is_alive()
    stored = calls.keys()
    total = sum(calls.load(key, 0) for key in stored)
    assert total == rounds * threads


keys = st.sampled_from(["a", "b", "c", "ü"])
values = st.integers(0, 3)


class AgainstDict(RuleBasedStateMachine):
    """The map does what a dict does."""

    @initialize(count=st.sampled_from([1, 2, 32]))
    def start(self, count: int) -> None:
        self.calls: ShardedMap[int] = ShardedMap(count)
        self.model: dict[str, int] = {}

    @rule(key=keys, value=values)
    def swap(self, key: str, value: int) -> None:
        assert self.calls.swap(key, value) == (self.model.get(key), key in self.model)
        self.model[key] = value

    @rule(key=keys, value=values)
    def load_or_store(self, key: str, value: int) -> None:
        present = key in self.model
        assert self.calls.load_or_store(key, value) == (self.model.setdefault(key, value), present)

    @rule(key=keys)
    def load_and_delete(self, key: str) -> None:
        present = key in self.model
        assert self.calls.load_and_delete(key) == (self.model.pop(key, None), present)

    @rule(key=keys, old=values, new=values)
    def compare_and_swap(self, key: str, old: int, new: int) -> None:
        equal = self.model.get(key) == old
        assert self.calls.compare_and_swap(key, old, new) == equal
        if equal:
            self.model[key] = new

    @rule(key=keys, old=values)
    def compare_and_delete(self, key: str, old: int) -> None:
        equal = self.model.get(key) == old
        assert self.calls.compare_and_delete(key, old) == equal
        if equal:
            del self.model[key]

    @rule()
    def clear(self) -> None:
        self.calls.clear()
        self.model.clear()

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "calls"):
            stored = self.calls.keys()
            assert {key: self.calls.load(key) for key in stored} == self.model
            assert len(self.calls) == len(self.model)


TestAgainstDict = AgainstDict.TestCase
TestAgainstDict.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
