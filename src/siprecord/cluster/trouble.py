"""What is wrong with the cluster as one node sees it, told once when it begins and once when it is over."""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from siprecord.cluster.store import ClusterError, NameTaken

_log = structlog.stdlib.get_logger("siprecord.cluster")


@dataclass(frozen=True, slots=True)
class _One:
    text: str
    since: float
    duplicate: bool


class Trouble:
    """Troubles by what they stop: beats or snapshots."""

    def __init__(self) -> None:
        self._now: dict[str, _One] = {}

    def note(self, what: str, error: ClusterError) -> None:
        """This stops `what`."""
        known = self._now.get(what)
        if known is None and not self._now:
            _log.error("the cluster has trouble; recording goes on", reason=str(error))
        since = known.since if known else time.monotonic()
        self._now[what] = _One(str(error), since, isinstance(error, NameTaken))

    def over(self, what: str) -> bool:
        """`what` works; answers whether it did not before."""
        known = self._now.pop(what, None)
        if known is not None and not self._now:
            _log.info("the cluster is well again", after_s=round(time.monotonic() - known.since, 1))
        return known is not None

    @property
    def text(self) -> str:
        """A sentence; "" when all is well."""
        return next((one.text for one in self._now.values()), "")

    @property
    def duplicate(self) -> bool:
        """Whether another process uses our name."""
        return any(one.duplicate for one in self._now.values())
