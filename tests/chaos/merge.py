"""R7: two copies of a call, each with its own losses, clock and numbers, become one recording."""

from __future__ import annotations

import json
from pathlib import Path

from siprecord.render.merging import merge_recordings
from tests.chaos.proof import Scale
from tests.support.capture_builder import CaptureBuilder, Sender, codes

PACKETS = 3_000
LOSS = 0.05


def copies(scale: Scale, directory: Path) -> str:
    """What is lost in the end is what both lost; the account says what came from where."""
    seed, chance = scale.seed, scale.chance("merge")
    sound = codes(seed, PACKETS)
    lost = [{number for number in range(1, PACKETS - 1) if chance.random() < LOSS} for _ in range(2)]
    senders = (
        Sender(ssrc=1),
        Sender(ssrc=2, sequence=65_000, timestamp=4_294_000_000, at_ms=chance.randrange(5_000)),
    )
    copies = []
    for name, gone, sender in zip("ab", lost, senders, strict=True):
        builder = CaptureBuilder()
        builder.started(name)
        packets = sender.send(sound)
        builder.rtp(builder.stream("1"), [one for at, one in enumerate(packets) if at not in gone])
        builder.ended(packets[-1].at_ms + 100)
        copies.append(builder.write(directory / f"{name}.pcapng"))
    merge_recordings(copies[0], copies[1], directory / "both")
    document = json.loads((directory / "both" / "metadata.json").read_text())
    (stream,) = document["streams"]
    both = len(lost[0] & lost[1])
    assert stream["packets_lost"] == both, (seed, stream["packets_lost"], both)
    assert stream["packets_unique"] == PACKETS - both, seed
    return (
        f"{PACKETS} packets; one copy lost {len(lost[0])}, the other {len(lost[1])}, "
        f"the merged one the {both} that both lost (seed {seed})"
    )
