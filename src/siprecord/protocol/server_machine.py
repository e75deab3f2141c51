"""The words the two server transaction machines share.

Each transaction owns two timers at most, and what they mean depends on the state:

- the *repeating* one: the 100 that is due after 200 ms, news each minute, timer G, or the retransmission of
  a 2xx;
- the *limit*: our own patience with the transaction user, or timers H, I, J and L.
"""

from __future__ import annotations

from enum import StrEnum, auto


class ServerState(StrEnum):
    """States of both machines."""

    TRYING = auto()
    """Non-INVITE: nothing sent."""
    PROCEEDING = auto()
    """No final response yet."""
    WAITING = auto()
    """INVITE: a provisional response was sent. RFC 3261 has this within Proceeding."""
    ACCEPTED = auto()
    """INVITE: 2xx sent, no ACK yet (RFC 6026)."""
    ACKNOWLEDGED = auto()
    """INVITE: 2xx sent and acknowledged. RFC 6026 has this within Accepted."""
    COMPLETED = auto()
    """Final response sent that is not an INVITE's 2xx."""
    CONFIRMED = auto()
    """INVITE: the ACK of that response came."""
    TERMINATED = auto()
    """Forgotten."""


class ServerInput(StrEnum):
    """What may happen to a server transaction."""

    REQUEST = auto()
    """The request again."""
    ACK = auto()
    PROVISIONAL = auto()
    """The transaction user answers 1xx."""
    SUCCESS = auto()
    """The transaction user answers 2xx."""
    FAILURE = auto()
    """The transaction user answers 3xx to 6xx."""
    REPEAT = auto()
    """The repeating timer fired."""
    LIMIT = auto()
    """The limit timer fired."""


class ServerAction(StrEnum):
    """What the owner of a server transaction does for it."""

    SEND = auto()
    """Send the response that was the input, and keep it."""
    SEND_AGAIN = auto()
    """Send the last response again, if there is one."""
    SEND_TRYING = auto()
    START_REPEAT = auto()
    """Arm the repeating timer with T1, on every transport."""
    START_REPEAT_IF_UNRELIABLE = auto()
    BACK_OFF = auto()
    """Arm the repeating timer with twice its last interval, T2 at most."""
    START_REMINDER = auto()
    """Arm the repeating timer with how long an INVITE may stay without news."""
    STOP_REPEAT = auto()
    START_LIMIT = auto()
    """Arm the limit timer with 64*T1."""
    START_LINGER = auto()
    """Arm the limit timer with how long a duplicate may come: 0 on reliable transports."""
    REPORT_ACK = auto()
    REPORT_NO_ACK = auto()
    REPORT_NO_NEWS = auto()
    """The transaction user has said nothing for a minute."""
    REPORT_NO_ANSWER = auto()
    """The transaction user did not answer in time."""
    FORGET = auto()
