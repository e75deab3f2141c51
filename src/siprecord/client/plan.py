"""What to call, and with what."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.client.codecs import CODECS, Codec

LINGER_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One participant of the recorded conversation, and what they say.

    `audio` is encoded by the `codec`. `start` is how many seconds after the others they begin to send. `mark`
    is the stream's number in a load test; the player knows what it stands for.
    """

    name: str
    aor: str
    audio: bytes
    codec: Codec = "pcmu"
    start: float = 0.0
    mark: int | None = None

    @property
    def packets(self) -> int:
        """How many packets the audio fills."""
        return -(-len(self.audio) // CODECS[self.codec].octets)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """A call to place. Parties are labelled 1, 2, ... in this order."""

    uri: str
    parties: tuple[Party, ...]
    linger: float = LINGER_SECONDS
    """Seconds between the last packet and the BYE, which could otherwise overtake it."""
    patience: float = 30.0
    """Seconds to wait for the answer before the call is cancelled."""
    srtp: str | None = None
    """Suite that protects all streams, each with a key of its own; none sends them in the clear."""
