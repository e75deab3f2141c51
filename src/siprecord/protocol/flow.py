"""Where messages come from and go to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from siprecord.syntax.quiet import Quiet

Address = tuple[str, int]
"""Host (an IP address without brackets, or a name) and port."""
Transport = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True)
class Flow:
    """A way between this node and a peer.

    `local` is the address the message arrived at or leaves from. `connection` numbers the stream connection
    (never reused by the driver); 0 stands for UDP, and for a stream connection that is yet to be made.
    `identity` holds the names of the peer that its TLS certificate proves (RFC 5922 section 7.1).
    """

    transport: Transport
    local: Address
    remote: Address
    connection: int = 0
    identity: tuple[str, ...] = field(default=(), compare=False)

    @property
    def reliable(self) -> bool:
        """True when the transport itself repeats what was lost."""
        return self.transport != "udp"


class Transmit(Quiet, frozen=True, gc=False):
    """Bytes to send on `flow`.

    UDP: from `flow.local` to `flow.remote`. Stream: on `flow.connection` while that is open, else on a new
    connection to `flow.remote`. `call_id` says which call's log the message belongs to; "" when unknown.
    """

    data: bytes
    flow: Flow
    call_id: str
