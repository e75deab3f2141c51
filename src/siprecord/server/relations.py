"""Which of the running calls a new INVITE belongs to, asked of `recording.succession`."""

from __future__ import annotations

from siprecord.protocol import RequestReceived
from siprecord.recording.refusal import Refusal
from siprecord.recording.story import Key
from siprecord.recording.succession import (
    Candidate,
    Continuation,
    Newcomer,
    Takeover,
    find_predecessor,
    linking_keys,
)
from siprecord.server.registry import Registry
from siprecord.server.runner import CallRunner


class Relations:
    """Knows the running calls by the ids that join them to others."""

    def __init__(self, calls: Registry) -> None:
        self._calls = calls

    def replaced(self, event: RequestReceived) -> CallRunner | Refusal:
        """The call that an INVITE with Replaces takes over, or why it may not."""
        runner = self._calls.of_dialog(event.replaces)
        candidates = [] if runner is None else [_candidate(runner, frozenset())]
        client = event.flow.remote[0]
        found = find_predecessor(
            Newcomer(trunk=event.principal, client=client, replaces=event.replaces), candidates
        )
        if isinstance(found, Takeover) and runner is not None:
            return runner
        return found if isinstance(found, Refusal) else Refusal(481)

    def relate(self, runner: CallRunner) -> Continuation | None:
        """Make a new call known by its ids; says which one it continues."""
        keys = _keys(runner)
        related = self._calls.related(keys).values()
        before = [_candidate(each, known) for each, known in related]
        self._calls.relate(runner, keys)
        if not before:
            return None
        newcomer = Newcomer(trunk=_trunk(runner), client=_client(runner), keys=keys)
        found = find_predecessor(newcomer, before)
        return found if isinstance(found, Continuation) else None


def _candidate(runner: CallRunner, keys: frozenset[Key]) -> Candidate:
    return Candidate(
        recording_id=runner.recording_id,
        trunk=_trunk(runner),
        client=_client(runner),
        dialog=runner.dialog or "",
        keys=keys,
        silent_s=_silent(runner),
    )


def _silent(runner: CallRunner) -> float:
    """Seconds without a packet; 0 while nothing is to be heard, as on hold."""
    streams = [stream for stream in runner.streams.values() if not stream.paused]
    if not streams:
        return 0.0
    last = max(stream.media.stats().last_arrival_ns for stream in streams) / 1e9
    return max(0.0, runner.wall().timestamp() - (last or runner.started.timestamp()))


def _keys(runner: CallRunner) -> frozenset[Key]:
    knowledge = runner.session.knowledge
    return linking_keys(knowledge.model, knowledge.findings, _client(runner))


def _trunk(runner: CallRunner) -> str:
    identity = runner.session.identity
    return identity.trunk if identity is not None else ""


def _client(runner: CallRunner) -> str:
    identity = runner.session.identity
    return identity.source.rpartition(":")[0] if identity is not None else ""
