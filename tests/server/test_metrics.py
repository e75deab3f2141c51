from __future__ import annotations

from datetime import UTC, datetime

from siprecord.server.metrics import MediaFigures, Snapshot, Statistics, metrics_page
from siprecord.server.publisher import (
    CallRefused,
    DeviationNoted,
    MetadataReceived,
    RecordingFinished,
    RecordingResumed,
    RecordingStarted,
    StreamClosed,
    StreamOpened,
    TroubleNoted,
)
from siprecord.transport import TransportCounters

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ABOUT = {"recording_id": "r1", "call_id": "secret-call"}


def finished(outcome: str, packets: int = 10, lost: int = 1) -> RecordingFinished:
    return RecordingFinished(
        **ABOUT, outcome=outcome, reason="x", started=NOW, ended=NOW, packets=packets, lost=lost, overflowed=0
    )


def opened(recording_id: str, mline: int) -> StreamOpened:
    return StreamOpened(
        recording_id=recording_id,
        call_id="secret-call",
        name=str(mline),
        label=None,
        mline=mline,
        kind="audio",
        rtp_port=20000,
        log_interface=1,
    )


def filled() -> Statistics:
    statistics = Statistics()
    statistics.take(
        RecordingStarted(
            **ABOUT, from_uri="sip:a", to_uri="sip:b", source="10.0.0.1:5060", transport="udp", started=NOW
        )
    )
    statistics.take(
        RecordingResumed(
            recording_id="r1",
            call_id="secret-call",
            from_uri="sip:a",
            to_uri="sip:b",
            source="10.0.0.1:5060",
            transport="udp",
            started=NOW,
            streams=0,
        )
    )
    for recording, streams in (("r1", 2), ("r2", 2)):
        for mline in range(streams):
            statistics.take(opened(recording, mline))
    statistics.take(StreamClosed(recording_id="r2", call_id="c2", name="1"))
    for outcome in ("complete", "complete", "interrupted"):
        statistics.take(finished(outcome))
    statistics.take(CallRefused(call_id="secret-call", source="10.0.0.1:5060", status=503, reason="full"))
    statistics.take(DeviationNoted(**ABOUT, text="t", reference="r"))
    statistics.take(TroubleNoted(**ABOUT, text="t"))
    statistics.take(MetadataReceived(**ABOUT, number=1))
    return statistics


def page(snapshot: Snapshot) -> list[str]:
    return metrics_page(lambda: snapshot)().decode().splitlines()


def test_figures_of_calls_media_and_signalling() -> None:
    transport = TransportCounters(framing_errors=7)
    transport.count("connections_timed_out", "tls")
    lines = page(
        Snapshot(
            statistics=filled(),
            calls=2,
            media=MediaFigures(packets=100, bytes=17200, dropped=3, late_ticks=4),
            transport=transport,
            endpoint={"malformed": 9},
            messages={("received", "request", "INVITE"): 3, ("sent", "response", "200"): 2},
            connections={("tcp", "open"): 5, ("tls", "opening"): 1},
            transport_messages={("received", "udp"): 8},
            render_queue=1,
            render_failed=2,
            repaired=3,
            gaps={"restart": 2, "hold": 1},
            gap_seconds={"restart": 0.25},
            disk_free=12345,
        )
    )
    expected = {
        "siprecord_calls 2.0",
        "siprecord_recordings_started_total 1.0",
        'siprecord_recordings_total{outcome="complete"} 2.0',
        'siprecord_recordings_total{outcome="interrupted"} 1.0',
        'siprecord_calls_refused_total{status="503"} 1.0',
        "siprecord_streams 1.0",
        "siprecord_media_packets_total 100.0",
        "siprecord_media_bytes_total 17200.0",
        "siprecord_media_packets_dropped_total 3.0",
        "siprecord_media_late_ticks_total 4.0",
        "siprecord_rtp_packets_lost_total 3.0",
        'siprecord_sip_messages_total{direction="received",kind="request",name="INVITE"} 3.0',
        'siprecord_sip_messages_total{direction="sent",kind="response",name="200"} 2.0',
        'siprecord_sip_endpoint_total{event="malformed"} 9.0',
        'siprecord_transport_total{event="framing_errors"} 7.0',
        'siprecord_connections{state="open",transport="tcp"} 5.0',
        'siprecord_connections{state="opening",transport="tls"} 1.0',
        'siprecord_sip_transport_messages_total{direction="received",transport="udp"} 8.0',
        'siprecord_connection_events_total{event="connections_timed_out",transport="tls"} 1.0',
        "siprecord_render_queue 1.0",
        "siprecord_render_failed_total 2.0",
        "siprecord_recordings_repaired_total 3.0",
        'siprecord_gaps_total{cause="restart"} 2.0',
        'siprecord_gaps_total{cause="hold"} 1.0',
        'siprecord_gap_seconds_total{cause="restart"} 0.25',
        "siprecord_recordings_resumed_total 1.0",
        "siprecord_disk_free_bytes 12345.0",
        "siprecord_ready 1.0",
        "siprecord_deviations_total 1.0",
        "siprecord_media_troubles_total 1.0",
    }
    assert expected - set(lines) == set()


def test_no_label_names_a_call_or_a_peer() -> None:
    text = "\n".join(page(Snapshot(statistics=filled())))
    assert "secret-call" not in text
    assert "10.0.0.1" not in text


def test_what_is_not_known_is_not_shown() -> None:
    assert not [line for line in page(Snapshot(statistics=Statistics())) if "disk_free" in line]
