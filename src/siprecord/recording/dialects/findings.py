"""What a message tells beside its metadata: ids to find the call elsewhere, parties, direction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Side = Literal["caller", "callee"]
Direction = Literal["inbound", "outbound"]
MAX_FACTS = 64
MAX_PARTIES = 32
MAX_VALUE = 512
"""Characters of one value. Ours, like the other two: what is longer is no id."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One value, what kind it is of, and where it stood: a header, or an element of the metadata."""

    kind: str
    value: str
    source: str


class Party(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody in the call, as far as it was told; what is None was not.

    `participant` is the id of the metadata participant this is said of. `mline` is the m-line it sends on.
    """

    source: str
    aor: str | None = None
    name: str | None = None
    side: Side | None = None
    participant: str | None = None
    mline: int | None = None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `vendor` is "generic" when nothing gave one away; `evidence` is what did.

    `ids` name the call in other systems too (see `LINKING` in `recording.story`); `facts` are other things
    worth keeping, such as diversions.
    """

    vendor: str = "generic"
    product: str = ""
    evidence: tuple[str, ...] = ()
    ids: tuple[Fact, ...] = ()
    facts: tuple[Fact, ...] = ()
    parties: tuple[Party, ...] = ()
    direction: Direction | None = None

    def joined(self, later: Findings) -> Findings:
        """These together with those of a later message, which adds and takes nothing away."""
        known = self if self.vendor != "generic" else later
        return Findings(
            vendor=known.vendor,
            product=known.product or self.product or later.product,
            evidence=known.evidence,
            ids=each_once((*self.ids, *later.ids)),
            facts=each_once((*self.facts, *later.facts)),
            parties=tuple(dict.fromkeys((*self.parties, *later.parties)))[:MAX_PARTIES],
            direction=later.direction or self.direction,
        )

    @property
    def telling(self) -> bool:
        """Whether there is anything worth a line in the log."""
        return self.vendor != "generic" or bool(self.ids or self.facts or self.parties or self.direction)


def each_once(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Each kind and value once, with the source that said it first."""
    known: dict[tuple[str, str], Fact] = {}
    for fact in facts:
        known.setdefault((fact.kind, fact.value), fact)
    return tuple(known.values())[:MAX_FACTS]
