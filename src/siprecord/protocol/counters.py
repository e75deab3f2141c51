"""The names of what an endpoint counts. Values only rise; those not in `Endpoint.counters` are zero."""

from __future__ import annotations

from enum import StrEnum


class Counter(StrEnum):
    """What is counted."""

    REQUESTS = "requests_received"
    RESPONSES = "responses_received"
    MALFORMED = "malformed"
    """Messages that can't be read."""
    NOT_SIP = "not_sip"
    """Datagrams that are no SIP at all: keep-alives, STUN, zeros."""
    REFUSED = "requests_refused"
    """Requests the endpoint refused by itself."""
    FULL = "refused_full"
    """Requests refused because a bound was reached."""
    SHED = "shed"
    """Messages dropped without an answer, since their source sends too many."""
    TURNED_AWAY = "turned_away"
    """Requests the gate did not let in."""
    DUPLICATES = "requests_repeated"
    """Requests that came again."""
    RETRANSMITTED = "retransmitted"
    """Messages sent again."""
    STRAY_ACK = "acks_unmatched"
    STRAY_RESPONSE = "responses_unmatched"
    NO_ACK = "acks_missing"
    NO_PRACK = "pracks_missing"
    TIMED_OUT = "requests_timed_out"
    LATE_ANSWER = "answers_too_late"
    """Answers of the transaction user to a request that is no longer open."""
    UNEXPECTED = "inputs_without_effect"
    """Pairs that no state table knows."""
