"""What came of a call, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from siprecord.errors import SiprecordError


class CallError(SiprecordError):
    """A call can't be placed as asked: an unreadable audio file, a URI that makes no sense, no connection."""


class CallStatus(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    """Everything was sent, and we hung up."""
    REFUSED = "refused"
    """The recorder answered with a failure."""
    NO_ANSWER = "no_answer"
    """No final response came in time, or the connection broke."""
    UNREACHABLE = "unreachable"
    """The host was reached and refused: no recorder listens at that port."""
    CANCELLED = "cancelled"
    """We gave up before the answer."""
    HUNG_UP = "hung_up"
    """We hung up before everything was sent."""
    ENDED_BY_PEER = "ended_by_peer"
    """The recorder hung up."""
    UNUSABLE = "unusable"
    """The call was accepted, but no stream of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """One stream of a call. `address` and `port` are where it was sent; `refused` says why it was not."""

    label: str
    name: str
    codec: str
    packets: int
    """How many packets the audio fills."""
    packets_sent: int = 0
    srtp: str | None = None
    """Suite that protected it."""
    address: str | None = None
    port: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """What came of a call. `code` and `reason` are those of the final response, if one came."""

    status: CallStatus
    call_id: str
    uri: str
    transport: str
    code: int | None = None
    reason: str = ""
    setup_ms: float | None = None
    """From the INVITE to its final response."""
    streams: tuple[StreamReport, ...] = ()
    bye_failed: str = ""
    """How our BYE was answered, if not by a 2xx: the recorder may not know that the call is over."""
    remarks: tuple[str, ...] = ()
    """What was odd about the answer, in plain words."""

    @property
    def ok(self) -> bool:
        """Whether all audio was sent to a recorder that took every stream."""
        return self.status is CallStatus.COMPLETED and not any(each.refused for each in self.streams)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {**asdict(self), "ok": self.ok}
