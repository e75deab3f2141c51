"""What `make chaos` shows of two nodes: the tests of the cluster, played once more and told in a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from siprecord.render.merging import merge_recordings
from tests.chaos import test_floating_address as floating
from tests.chaos.proof import Scale, need
from tests.support import messages
from tests.support.cluster import (
    Phone,
    Talk,
    cluster,
    document,
    end,
    found,
    node,
    packets,
    running,
    start_all,
    until,
)
from tests.support.redis_server import RedisServer, SlowWire
from tests.support.server import RunningServer
from tests.system import test_cluster as played

ALONE, TOGETHER, AFTER = 20, 10, 5
"""Packets of each stream: to the first node, to both, to the second."""
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


def failover_gap(scale: Scale, directory: Path) -> str:
    """R12, the one gap that takes two nodes."""
    _play(directory, played.test_R5_R14_the_other_node_goes_on_with_dialogs_and_ports)
    return "kill -9 of a node: its gap has the cause failover in metadata.json, in the API and in /metrics"


def partition(scale: Scale, directory: Path) -> str:
    """R13: a node that only seemed dead."""
    _play(directory, played.test_R13_a_node_that_only_seemed_dead_keeps_its_calls)
    return "a frozen node: the other takes over and leaves it again, nothing lost"


def cut_off(scale: Scale, directory: Path) -> str:
    """R13: a node sees neither Redis nor the other node, but its client sees both."""
    phone = Phone()
    try:
        with _pair(directory) as (a, b, wire):
            paths = _record_twice(phone, a, b, wire)
    finally:
        phone.close()
    merge_recordings(*paths, directory / "both")
    streams = document(directory / "both")["streams"]
    counts = [(row["packets_unique"], row["packets_lost"]) for row in streams]
    need(counts == [(ALONE + TOGETHER + AFTER, 0)] * 2, counts)
    return (
        f"the link of a to Redis cut: a records on ({ALONE + TOGETHER} packets a stream), b takes over and "
        f"records too ({TOGETHER + AFTER}); both stay, linked; merged they are all {ALONE + TOGETHER + AFTER}"
    )


def _record_twice(phone: Phone, a: RunningServer, b: RunningServer, wire: SlowWire) -> tuple[Path, Path]:
    """A client that sends to both while they can't see one another; the capture logs of both."""
    talk = phone.call(a.sip_port, "cut")
    talk.speak(ALONE)
    until(lambda: packets(a) == 2 * ALONE and played.replicated(a), "a records, and Redis knows it")
    wire.cut = True
    until(lambda: len(running(b)) == 1, "b takes it over")
    need(len(running(a)) == 1, "a has given it up")
    body = messages.multipart(messages.sdp())
    answer = phone.ask(b.sip_port, "INVITE", "cut", number=2, body=body, to_tag=talk.tag)
    need((answer.status, answer.to.tag) == (200, talk.tag), answer.status)
    other = Talk(phone, "cut", answer, ("127.0.0.1", b.sip_port))
    other.sequences = list(talk.sequences)
    for _ in range(TOGETHER):
        talk.speak()
        other.speak()
    other.speak(AFTER)
    until(lambda: packets(a) == 2 * (ALONE + TOGETHER), "a records on")
    until(lambda: packets(b) == 2 * (TOGETHER + AFTER), "b records too")
    wire.cut = False
    until(lambda: [row["state"] for row in cluster(a)["nodes"]] == ["up", "up"], "a is back")
    for server, one in ((a, talk), (b, other)):
        need(one.bye(server.sip_port, number=3).status == 200, "BYE")
    until(lambda: found(a, "cut") and found(b, "cut"), "both are finished")
    ((first,), (second,)) = found(a, "cut"), found(b, "cut")
    need((first["outcome"], second["outcome"]) == ("complete", "complete"), "not complete")
    need(second["continues"]["recording_id"] == first["recording_id"], second["continues"])
    return a.recordings()[0] / "capture.pcapng", b.recordings()[0] / "capture.pcapng"


def _play(directory: Path, test: Callable[[Both, Phone], None]) -> None:
    phone = Phone()
    try:
        with _pair(directory) as (a, b, _):
            test((a, b), phone)
    finally:
        phone.close()


def _known(server: RunningServer) -> bool:
    return len(cluster(server)["nodes"]) == 2


@contextmanager
def _pair(directory: Path) -> Iterator[tuple[RunningServer, RunningServer, SlowWire]]:
    """Two nodes, and the wire between the first one and Redis."""
    redis = RedisServer(directory / "redis").start()
    wire = SlowWire(redis.port)
    a = node(directory, "a", {"SIPRECORD_CLUSTER__SERVERS": f'["127.0.0.1:{wire.port}"]'})
    b = node(directory, "b", redis.settings())
    try:
        start_all(a, b)
        until(lambda: _known(a) and _known(b), "the nodes know one another")
        yield a, b, wire
    finally:
        end(a, b)
        wire.close()
        redis.stop()
