"""What `make chaos` shows of two nodes: the tests of the cluster, played once more and told in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import test_floating_address as floating
from tests.chaos.proof import Scale
from tests.support.cluster import Phone, cluster, end, node, start_all, until
from tests.support.redis_server import RedisServer
from tests.support.server import RunningServer
from tests.system import test_cluster as played

Both = tuple[RunningServer, RunningServer]


def floating_address(scale: Scale, directory: Path) -> str:
    """R5: both machines lose their network, one after the other."""
    assert not floating.WHY_NOT, floating.WHY_NOT
    calls = min(scale.calls, 20)
    with floating.a_site(directory) as site:
        a, b = site.nodes
        first = floating.lose_network(site, a, b, calls)
        second = floating.lose_network(site, b, a, calls, "--srtp")
    return (
        f"network namespaces, cable of a pulled: {first}; then that of b: {second}; lease 1 s, Redis over TLS"
    )


def linked_continuation(scale: Scale, directory: Path) -> str:
    """R6: a node is killed, its client calls the other one."""
    _play(directory, played.test_R6_a_new_call_of_the_same_session_is_the_continuation)
    return "kill -9 of a node; a new INVITE of the session at the other: linked, gap with its cause shown"


def redis_down(scale: Scale, directory: Path) -> str:
    """R8, as far as it is about Redis."""
    phone = Phone()
    try:
        played.test_R8_redis_may_die_be_full_or_slow(phone, directory)
    finally:
        phone.close()
    return "Redis full, killed, slow: three calls recorded, told once each, caught up each time"


def partition(scale: Scale, directory: Path) -> str:
    """R13: a node that only seemed dead."""
    _play(directory, played.test_R13_a_node_that_only_seemed_dead_keeps_its_calls)
    return "a frozen node: the other takes over and leaves it again, nothing lost; a cut link: see R5"


def _play(directory: Path, test: Callable[[Both, Phone], None]) -> None:
    phone = Phone()
    try:
        with _pair(directory) as both:
            test(both, phone)
    finally:
        phone.close()


def _known(server: RunningServer) -> bool:
    return len(cluster(server)["nodes"]) == 2


@contextmanager
def _pair(directory: Path) -> Iterator[Both]:
    redis = RedisServer(directory / "redis").start()
    a, b = (node(directory, name, redis.settings()) for name in ("a", "b"))
    try:
        start_all(a, b)
        until(lambda: _known(a) and _known(b), "the nodes know one another")
        yield a, b
    finally:
        end(a, b)
        redis.stop()
