from __future__ import annotations

import asyncio
from typing import cast

import pytest

from siprecord.protocol import Answer, Endpoint, Event, RequestReceived, Transmit
from siprecord.transport import EndpointControl, TransportCounters
from siprecord.transport.driver import Driver
from tests.support.patience import PATIENCE
from tests.transport.fakes import FLOW, FakeApplication, FakeEndpoint, answer_all, received, rejected


class Wire:
    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, transmit: Transmit) -> None:
        self.sent.append(transmit.data)


def build(endpoint: FakeEndpoint, application: FakeApplication) -> tuple[Driver, Wire]:
    driver, wire = Driver(application, cast(Endpoint, endpoint), TransportCounters()), Wire()
    driver.attach(wire)
    application.control = driver
    return driver, wire


async def test_what_the_endpoint_says_is_delivered_in_order() -> None:
    endpoint = FakeEndpoint(lambda data: [rejected("a"), Transmit(b"OPTIONS x", FLOW, "c"), rejected("b")])
    application = FakeApplication()
    driver, wire = build(endpoint, application)
    driver.receive(b"INVITE x", FLOW)
    assert application.events == [rejected("a"), rejected("b")]
    assert wire.sent == [b"OPTIONS x"]
    assert [transmit.data for transmit in application.sent] == [b"OPTIONS x"]
    assert (driver.received.requests, driver.sent.requests) == ({"INVITE": 1}, {"OPTIONS": 1})


async def test_an_answer_given_while_handling_is_sent_after_the_running_call() -> None:
    order: list[str] = []

    def on_event(control: EndpointControl, event: Event, now: float) -> None:
        order.append("begin")
        answer_all(control, event, now)
        order.append(f"end, {len(wire.sent)} sent")

    driver, wire = build(FakeEndpoint(lambda data: [received("t1")]), FakeApplication(on_event))
    driver.receive(b"INVITE x", FLOW)
    assert order == ["begin", "end, 0 sent"]
    assert wire.sent == [b"SIP/2.0 200 x\r\n"]


async def test_a_bug_in_the_application_ends_the_call_and_not_the_server() -> None:
    def on_event(control: EndpointControl, event: Event, now: float) -> None:
        raise RuntimeError("bug")

    endpoint = FakeEndpoint(lambda data: [received("t1"), rejected("b")])
    application = FakeApplication(on_event)
    driver, wire = build(endpoint, application)
    driver.receive(b"x", FLOW)
    assert wire.sent == [b"SIP/2.0 500 x\r\n"]
    assert application.failures == ["bug", "bug"]
    assert driver.counters.failures_contained == 2
    driver.receive(b"y", FLOW)
    assert endpoint.asked[-2:] == [("receive", b"y"), ("respond", "t1", 500)]


async def test_a_bug_in_the_report_of_a_bug_is_contained_too() -> None:
    class Hopeless(FakeApplication):
        def handle(self, event: Event, now: float) -> None:
            raise RuntimeError("one")

        def failed(self, event: Event, error: Exception, now: float) -> None:
            raise RuntimeError("two")

        def transmitted(self, transmit: Transmit, now: float) -> None:
            raise RuntimeError("three")

    driver, wire = build(FakeEndpoint(lambda data: [received("t1")]), Hopeless())
    driver.receive(b"x", FLOW)
    assert wire.sent == [b"SIP/2.0 500 x\r\n"]
    assert driver.counters.failures_contained == 3


async def test_a_bug_in_the_endpoint_is_contained(caplog: pytest.LogCaptureFixture) -> None:
    def say(data: bytes) -> list[Event | Transmit]:
        raise RuntimeError("bug in the endpoint")

    driver, _ = build(FakeEndpoint(say), FakeApplication())
    driver.receive(b"x", FLOW)
    assert driver.counters.failures_contained == 1
    assert "bug in the endpoint" in caplog.text


async def test_one_timer_serves_the_endpoint_and_the_application() -> None:
    endpoint = FakeEndpoint(lambda data: [])
    driver, _ = build(endpoint, FakeApplication())
    fired: asyncio.Queue[str] = asyncio.Queue()
    now = driver.now()
    endpoint.due = now
    driver.set_deadline(now, lambda at: fired.put_nowait("first"))
    driver.set_deadline(now, lambda at: fired.put_nowait("cancelled")).cancel()
    driver.set_deadline(now + 0.001, lambda at: fired.put_nowait("second"))
    assert [await asyncio.wait_for(fired.get(), PATIENCE) for _ in range(2)] == ["first", "second"]
    assert fired.empty()
    assert ("expire",) in endpoint.asked


async def test_a_stopped_driver_fires_nothing() -> None:
    driver, _ = build(FakeEndpoint(lambda data: []), FakeApplication())
    fired: list[str] = []
    driver.set_deadline(driver.now(), lambda at: fired.append("x"))
    driver.stop()
    driver.set_deadline(driver.now(), lambda at: fired.append("y"))
    for _ in range(3):
        await asyncio.sleep(0)
    assert fired == []


async def test_a_timer_with_a_bug_does_not_spin() -> None:
    class Broken(FakeEndpoint):
        def expire(self, now: float) -> None:
            super().expire(now)
            self.due = now
            raise RuntimeError("bug")

    endpoint = Broken(lambda data: [])
    driver, _ = build(endpoint, FakeApplication())
    fired = asyncio.Event()
    endpoint.due = driver.now()
    driver.set_deadline(driver.now(), lambda at: fired.set())
    await asyncio.wait_for(fired.wait(), PATIENCE)
    for _ in range(20):
        await asyncio.sleep(0)
    assert endpoint.asked == [("expire",)]
    driver.stop()


async def test_responding_outside_of_an_event_is_sent_at_once() -> None:
    endpoint = FakeEndpoint(lambda data: [received("t1")])
    application = FakeApplication()
    driver, wire = build(endpoint, application)
    driver.receive(b"x", FLOW)
    assert wire.sent == []
    event = application.events[0]
    assert isinstance(event, RequestReceived)
    driver.respond(event.transaction, Answer(486), driver.now())
    assert wire.sent == [b"SIP/2.0 486 x\r\n"]
