"""What to call, and with what."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.client.ports import FRAME_SAMPLES, Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One participant of the recorded conversation, and what they say.

    `audio` is G.711 of the `codec`. `start` is how many seconds after the others they begin to send. `mark`
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
        return -(-len(self.audio) // FRAME_SAMPLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """A call to place. Parties are labelled 1, 2, ... in this order."""

    uri: str
    parties: tuple[Party, ...]
    linger: float = 0.1
    """Seconds between the last packet and the BYE, which could otherwise overtake it."""
    patience: float = 30.0
    """Seconds to wait for the answer before the call is cancelled."""
