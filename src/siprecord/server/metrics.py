"""Figures for Prometheus, read when they are asked for. No label ever names a call or a peer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from siprecord.server.cluster_metrics import cluster_metrics
from siprecord.server.publisher import (
    CallRefused,
    DeviationNoted,
    RecordingEvent,
    RecordingFinished,
    RecordingResumed,
    RecordingStarted,
    StreamAlarm,
    StreamClosed,
    StreamOpened,
    TroubleNoted,
)
from siprecord.transcribe import Delays
from siprecord.transport import TransportCounters

GRADES = ("good", "fair", "poor", "unknown")
KINDS = ("one_way", "silent")
Keyed = dict[tuple[str, ...], int]


class Statistics:
    """What has become of the calls since the start; subscribes to the publisher."""

    def __init__(self) -> None:
        self.started = 0
        self.resumed = 0
        self.ended: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()
        self.deviations = 0
        self.troubles = 0
        self.alarms: Counter[str] = Counter()
        self.lost = 0
        self.overflowed = 0
        self._streams: Counter[str] = Counter()

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return self._streams.total()

    def take(self, event: RecordingEvent) -> None:
        """Count one event."""
        if isinstance(event, RecordingStarted):
            self.started += 1
        elif isinstance(event, RecordingResumed):
            self.resumed += 1
            self._streams[event.recording_id] += event.streams
        elif isinstance(event, StreamOpened):
            self._streams[event.recording_id] += 1
        elif isinstance(event, StreamClosed):
            self._streams[event.recording_id] -= 1
        elif isinstance(event, RecordingFinished):
            self.ended[event.outcome] += 1
            self.lost += event.lost
            self.overflowed += event.overflowed
            del self._streams[event.recording_id]
        elif isinstance(event, CallRefused):
            self.refused[event.status] += 1
        elif isinstance(event, DeviationNoted):
            self.deviations += 1
        elif isinstance(event, StreamAlarm):
            self.alarms[event.kind] += not event.over
        elif isinstance(event, TroubleNoted):
            self.troubles += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFigures:
    """What the media engine has done since the start."""

    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    late_ticks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All figures at one moment."""

    statistics: Statistics
    calls: int = 0
    media: MediaFigures = field(default_factory=MediaFigures)
    transport: TransportCounters = field(default_factory=TransportCounters)
    endpoint: Mapping[str, int] = field(default_factory=dict)
    messages: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """By direction (received, sent), kind (request, response) and method or status."""
    access: Mapping[str, int] = field(default_factory=dict)
    """Requests outside dialogs, by what became of them."""
    transport_messages: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """By direction and transport."""
    connections: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    """By transport and state."""
    render_queue: int = 0
    render_failed: int = 0
    repaired: int = 0
    gaps: Mapping[str, int] = field(default_factory=dict)
    """In the audio of what was rendered, by cause."""
    gap_seconds: Mapping[str, float] = field(default_factory=dict)
    live_delays: Delays | None = None
    alarmed: Mapping[str, int] = field(default_factory=dict)
    """Streams that something is wrong with, by what."""
    grades: Mapping[str, int] = field(default_factory=dict)
    """Streams by estimated opinion."""
    disk_free: int | None = None
    log_lines_dropped: int = 0
    ready: bool = True
    protected: bool = False
    uptime: float = 0.0
    cluster: Mapping[str, object] | None = None
    """As `siprecord cluster` shows it; None without one."""


class SnapshotCollector(Collector):
    """Turns a snapshot into metrics when Prometheus asks."""

    def __init__(self, take: Callable[[], Snapshot]) -> None:
        self._take = take

    def collect(self) -> Iterator[Metric]:
        """All metrics of this moment."""
        now = self._take()
        yield from _calls(now)
        yield from _media(now)
        yield from _signalling(now)
        yield from _process(now)
        if now.cluster is not None:
            yield from cluster_metrics(now.cluster)


def metrics_page(take: Callable[[], Snapshot]) -> Callable[[], bytes]:
    """A function that writes the page."""
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(take))
    return lambda: generate_latest(registry)


def _calls(now: Snapshot) -> Iterator[Metric]:
    stats = now.statistics
    yield _gauge("calls", "Calls being recorded.", now.calls)
    yield _counter("recordings_started", "Recordings begun.", stats.started)
    yield _counter("recordings_resumed", "Recordings that went on after a restart.", stats.resumed)
    yield _counters("recordings", "Recordings ended, by how they ended.", ("outcome",), _keys(stats.ended))
    yield _counters("calls_refused", "Calls refused, by status.", ("status",), _keys(stats.refused))
    yield _counter("deviations", "Departures of clients from the RFCs.", stats.deviations)
    yield _counter("media_troubles", "Failures of disk or media plane that a call survived.", stats.troubles)


def _media(now: Snapshot) -> Iterator[Metric]:
    media = now.media
    yield _gauge("streams", "Streams being captured.", now.statistics.streams)
    grades: Keyed = {(grade,): now.grades.get(grade, 0) for grade in GRADES}
    yield _gauges("streams_quality", "Streams by estimated opinion (E-model).", ("grade",), grades)
    alarmed: Keyed = {(kind,): now.alarmed.get(kind, 0) for kind in KINDS}
    yield _gauges("streams_alarmed", "Streams that bring nothing (audible) now.", ("kind",), alarmed)
    alarms: Keyed = {(kind,): now.statistics.alarms[kind] for kind in KINDS}
    yield _counters("stream_alarms", "Times that a stream brought nothing (audible).", ("kind",), alarms)
    yield _counter("media_packets", "RTP and RTCP packets taken from the sockets.", media.packets)
    yield _counter("media_bytes", "Bytes of these packets.", media.bytes)
    yield _counter(
        "rtp_packets_lost", "RTP packets that never came, of ended recordings.", now.statistics.lost
    )
    yield _counter(
        "media_packets_overflowed",
        "Packets that the kernel dropped as a media socket's buffer was full, of ended recordings.",
        now.statistics.overflowed,
    )
    yield _counter("media_packets_dropped", "Packets that came but could not be stored.", media.dropped)
    yield _counter(
        "media_late_ticks", "Rounds of the engine that took longer than they may.", media.late_ticks
    )


def _signalling(now: Snapshot) -> Iterator[Metric]:
    labels = ("direction", "kind", "name")
    yield _counters("sip_messages", "SIP messages, repeated ones included.", labels, now.messages)
    yield _counters("sip_endpoint", "What the SIP endpoint counted.", ("event",), _keys(now.endpoint))
    yield _counters(
        "sip_transport_messages",
        "The same by transport.",
        ("direction", "transport"),
        now.transport_messages,
    )
    access = _keys(now.access)
    yield _counters("access", "Requests outside dialogs, by what became of them.", ("outcome",), access)
    sums = {
        each.name: getattr(now.transport, each.name)
        for each in fields(now.transport)
        if each.name != "by_transport"
    }
    events: dict[tuple[str, ...], int] = dict(now.transport.by_transport.items())
    yield _counters("transport", "What happened on the SIP sockets.", ("event",), _keys(sums))
    yield _counters("connection_events", "The same of connections.", ("transport", "event"), events)
    yield _gauges("connections", "TCP and TLS connections.", ("transport", "state"), now.connections)


def _process(now: Snapshot) -> Iterator[Metric]:
    yield _gauge("render_queue", "Recordings waiting for their audio file.", now.render_queue)
    yield _counter("recordings_repaired", "Recordings of an earlier life that were closed.", now.repaired)
    yield _counter("render_failed", "Recordings whose audio file could not be made.", now.render_failed)
    yield _counters("gaps", "Gaps in the audio of what was rendered, by cause.", ("cause",), _keys(now.gaps))
    spans = _keys(now.gap_seconds)
    yield _counters("gap_seconds", "How long these gaps are together.", ("cause",), spans)
    if now.live_delays is not None:
        text = "From the arrival of live audio to its callback."
        buckets, total = now.live_delays.buckets(), now.live_delays.total
        yield HistogramMetricFamily("siprecord_live_audio_delay_seconds", text, buckets, total)
    if now.disk_free is not None:
        yield _gauge("disk_free_bytes", "Free space where recordings are kept.", now.disk_free)
    yield _counter("log_lines_dropped", "Log lines nobody took in time.", now.log_lines_dropped)
    yield _gauge("ready", "1 while new calls are taken.", int(now.ready))
    yield _gauge(
        "protected", "1 while running calls would survive a crash of the recorder.", int(now.protected)
    )
    yield _gauge("uptime_seconds", "Since the start.", now.uptime)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"siprecord_{name}", text, value=value)


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int]) -> Metric:
    family = GaugeMetricFamily(f"siprecord_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"siprecord_{name}", text, value=value)


def _counters(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]
) -> Metric:
    family = CounterMetricFamily(f"siprecord_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _keys(
    values: Mapping[str, int] | Mapping[int, int] | Mapping[str, float],
) -> dict[tuple[str, ...], float]:
    return {(str(name),): value for name, value in values.items()}
