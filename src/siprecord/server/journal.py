"""What a recording tells: to its capture log, while that is open, and to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from siprecord.errors import MediaError
from siprecord.protocol import Flow
from siprecord.recording.ports import CaptureLog
from siprecord.recording.session import RecordingSession
from siprecord.server import publisher as news
from siprecord.server.services import Services
from siprecord.syntax.digits import blank_digits
from siprecord.syntax.sdp import blank_keys
from siprecord.syntax.sip import blank_credentials

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Journal:
    """The capture log of a recording and its news. Nothing here fails: what the log refuses becomes news."""

    def __init__(self, recording_id: str, session: RecordingSession, services: Services) -> None:
        self.log: CaptureLog | None = None
        self._recording_id = recording_id
        self._session = session
        self._services = services
        self._shift = timedelta()

    def wall(self) -> datetime:
        """The time of day by the recording's own clock: as if nobody had set the machine's since it began."""
        if self.log is not None:
            self._shift = timedelta(microseconds=self.log.clock_shift_ns // 1000)
        return self._services.wall() + self._shift

    @property
    def call_id(self) -> str:
        """Call-ID of the dialog."""
        identity = self._session.identity
        return identity.call_id if identity is not None else ""

    def about(self) -> dict[str, str]:
        """What each piece of news begins with."""
        return {"recording_id": self._recording_id, "call_id": self.call_id}

    def publish(self, event: news.RecordingEvent) -> None:
        """Tell whoever listens."""
        self._services.publish(event)

    def append(self, event: str, /, **fields: object) -> None:
        """Append an event, without the fields that are None. Before the log is open nothing is kept."""
        self.record(event, fields)

    def record(self, event: str, fields: Mapping[str, object]) -> None:
        """The same, with the fields as they are."""
        log = self.log
        if log is not None:
            told: dict[str, object] = {"event": event, "time_ns": _nanoseconds(self.wall())}
            told.update([row for row in fields.items() if row[1] is not None])
            self.attempt(lambda: log.append_event(told))

    def append_message(self, data: bytes, flow: Flow, *, inbound: bool) -> None:
        """Append a SIP message of this call, its secrets blanked. Before the log is open nothing is kept."""
        log = self.log
        if log is None or not data:
            return
        told = blank_credentials(blank_keys(data))
        if self._session.exchange.masks_digits:
            told = blank_digits(told)
        self.attempt(lambda: log.append_sip(told, flow.local, flow.remote, flow.transport, inbound))

    def attempt(self, work: Callable[[], object]) -> None:
        """Do what may fail without costing the call: a full disk, a port that is gone."""
        try:
            work()
        except MediaError as error:
            self.publish(news.TroubleNoted(**self.about(), text=str(error)))


def _nanoseconds(time: datetime) -> int:
    """Exact, unlike a float of seconds."""
    since = time - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
