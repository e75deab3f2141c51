"""What the HTTP API shows, as it wants it offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from siprecord.control.steering import CallSteering

Row = Mapping[str, object]
"""One thing as JSON shows it."""


class HealthSource(Protocol):
    """Reasons are rows with `code` and `text`; none means well."""

    def live_reasons(self) -> Sequence[Row]:
        """Why the process should be started again."""

    def ready_reasons(self) -> Sequence[Row]:
        """Why no new call is taken."""

    def warnings(self) -> Sequence[Row]:
        """What is wrong and keeps nobody from recording."""


class RecordingSource(Protocol):
    """Finished recordings. The methods may block: they are called on a thread."""

    def list(self, limit: int) -> Sequence[Row]:
        """The newest first."""

    def get(self, recording_id: str) -> Row | None:
        """All that is known of one; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything the API reads. The functions are called on the loop and must not block."""

    version: str
    health: HealthSource
    recordings: RecordingSource
    status: Callable[[], Row]
    calls: Callable[[], Sequence[Row]]
    connections: Callable[[], Sequence[Row]]
    """TCP and TLS connections of SIP."""
    cluster: Callable[[], Row | None]
    """Other nodes; None without a cluster."""
    metrics: Callable[[], bytes]
    """The page for Prometheus, in its text format."""
    token: str = field(default="", repr=False)
    """What a request must show; empty: nothing is asked for."""
    steering: CallSteering | None = None
    """Acts on running calls; without it they can only be looked at."""
