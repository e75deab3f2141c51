"""The streams of running calls are looked at: in the log, in the news, and to whoever asks."""

from __future__ import annotations

from siprecord.recording.listening import Patience
from siprecord.server.config import Config
from siprecord.server.listening import Listening
from siprecord.server.metrics import Snapshot, Statistics, metrics_page
from siprecord.server.publisher import RecordingFinished, StreamAlarm
from tests.support.fakes import Client, VirtualServer
from tests.support.recorder import TWO, body, sdp


async def test_Q74_a_one_way_call_is_told_of_while_it_runs_and_in_its_log() -> None:
    server = await VirtualServer(Config()).start()
    client = Client(server)
    client.call(body(sdp(*TWO)))
    listening = Listening(Patience(30, 120), server.handler.runners)
    speaking, mute = (stream.counted for stream in server.log.streams)
    for _ in range(10):
        server.clock += 5
        speaking.packets, speaking.expected, speaking.last_arrival_ns = (
            9,
            9,
            int(server.wall().timestamp() * 1e9),
        )
        await listening.look()
    news = [event for event in server.news if isinstance(event, StreamAlarm)]
    assert [(event.name, event.kind, event.over) for event in news] == [("2", "one_way", False)]
    (info,) = server.handler.calls()
    assert [stream.alarm for stream in info.streams] == [None, "one_way"]
    assert (listening.alarms["one_way"], listening.grades["good"], listening.grades["unknown"]) == (1, 1, 1)
    mute.packets, mute.last_arrival_ns = 1, int(server.wall().timestamp() * 1e9)
    await listening.look()
    assert [stream.alarm for stream in server.handler.calls()[0].streams] == [None, None]
    assert [entry for entry in server.log.order if "alarm" in entry] == ["stream.alarm", "stream.alarm_over"]
    client.request("BYE")
    server.wait(1)
    await listening.look()
    assert (listening.alarms, listening.grades) == ({}, {})


async def test_what_was_measured_stands_in_the_end_of_the_log() -> None:
    server = await VirtualServer(Config()).start()
    client = Client(server)
    client.call(body(sdp(*TWO)))
    stats = server.log.streams[0].counted
    stats.packets, stats.lost, stats.expected, stats.jitter, stats.clock_rate = 95, 5, 100, 40, 8000
    stats.dropped_kernel = 4
    assert [stream.overflowed for stream in server.handler.calls()[0].streams] == [4, 0]
    client.request("BYE")
    server.wait(1)
    (ended,) = [event for event in server.log.events if event["event"] == "recording.ended"]
    first = ended["streams"][0]["quality"]
    assert (first["loss_percent"], first["jitter_ms"]) == (5.0, 5.0)
    assert 1 < first["mos"] < 3
    assert [stream.get("overflowed") for stream in ended["streams"]] == [4, None]
    (finished,) = [event for event in server.news if isinstance(event, RecordingFinished)]
    assert finished.overflowed == 4


def test_streams_are_counted_for_prometheus_without_naming_a_call() -> None:
    statistics = Statistics()
    about = {"recording_id": "r1", "call_id": "secret-call", "name": "2", "text": "x"}
    statistics.take(StreamAlarm(**about, kind="silent", over=False))
    statistics.take(StreamAlarm(**about, kind="silent", over=True))
    page = metrics_page(lambda: Snapshot(statistics=statistics, alarmed={"one_way": 2}, grades={"good": 7}))()
    assert b'siprecord_stream_alarms_total{kind="silent"} 1.0' in page
    assert b'siprecord_streams_alarmed{kind="one_way"} 2.0' in page
    assert b'siprecord_streams_quality{grade="good"} 7.0' in page
    assert b"secret-call" not in page
