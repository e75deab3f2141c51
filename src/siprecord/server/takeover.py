"""Goes on with calls of a node that has died, each in a recording of its own that is linked to the first.

The dialog goes on as it was: its BYE and re-INVITE are answered. Its streams go on where their address and
ports can be had here; else they are opened anew when the SRC sends an offer. An SRC that comes back by
itself, with a new INVITE for the same conversation, is linked in the same way, and what was taken over for
nothing is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from siprecord.errors import MediaError
from siprecord.recording import events
from siprecord.recording.outcome import Ending, Outcome
from siprecord.recording.ports import Inherited
from siprecord.recording.succession import Continuation
from siprecord.server import translation
from siprecord.server.callstate import CallState, decode, reason_of
from siprecord.server.config import Config
from siprecord.server.floating import bind_pair
from siprecord.server.lost import LostCall, LostCalls, candidate_of
from siprecord.server.making import RunnerMaker
from siprecord.server.moving import Clocks, Home, moved, readdressed
from siprecord.server.publisher import RecordingEvent, RecordingFinished
from siprecord.server.runner import CallRunner
from siprecord.server.supervisor import Supervisor
from siprecord.transport import EndpointControl, ListenerInfo

if TYPE_CHECKING:
    from siprecord.cluster import Claim, Snapshot

UNREACHED = Ending(Outcome.LOST, "Its node died, and no media came to the node that took it over.")
FAILOVER, RESTART = "failover", "restart"

_log = structlog.stdlib.get_logger("siprecord.server")


@dataclass(frozen=True, slots=True)
class _Moving:
    """One call on its way to us."""

    state: CallState
    snapshot: Snapshot
    node: str
    seen: float
    cause: str


class Takeover:
    """`listeners` and `linked` are set by whoever knows them. `linked` is told of links that new calls bring:
    the node that died, its recording, and ours.
    """

    def __init__(
        self, config: Config, maker: RunnerMaker, supervisor: Supervisor, control: EndpointControl
    ) -> None:
        self.listeners: Callable[[], Sequence[ListenerInfo]] = tuple
        self.linked: Callable[[str, str, str], object] = lambda node, lost, ours: None
        self._config = config
        self._maker = maker
        self._supervisor = supervisor
        self._control = control
        self._lost = LostCalls()
        supervisor.goes_on_with_lost = self.consider

    async def take(self, claim: Claim) -> Mapping[str, str]:
        """Go on with all calls of a claim, one after the other; answers recordings, theirs to ours."""
        links: dict[str, str] = {}
        came = self._came_since(claim.seen)
        cause = RESTART if claim.node == self._maker.node else FAILOVER
        for recording_id, snapshot in claim.calls.items():
            await asyncio.sleep(0)  # the calls that run here come first
            try:
                state = decode(snapshot.document)
                links[recording_id] = self._take_one(
                    _Moving(state, snapshot, claim.node, claim.seen, cause), recording_id
                )
            except Exception as error:  # noqa: BLE001 - whatever a state says must cost no other call
                _log.error("a call can't go on here", recording_id=recording_id, reason=reason_of(error))
        for runner in came:
            if not runner.over and (lost := self.consider(runner)) is not None:
                links[lost] = runner.recording_id
        failed = len(claim.calls) - len(links)
        _log.warning("calls were taken over", of=claim.node, calls=len(links), failed=failed)
        return links

    def _came_since(self, seen: float) -> list[CallRunner]:
        """The calls that clients have placed here since then; not those that we took over ourselves."""
        taken = self._lost.here
        return [
            each
            for each in self._supervisor.calls.all()
            if each.started.timestamp() >= seen and each.recording_id not in taken
        ]

    def consider(self, runner: CallRunner) -> str | None:
        """A new call: if it goes on with one whose node has died, say so, and drop what we hold of that.

        Answers the recording of the node that has died.
        """
        if not self._lost:
            return None
        found = self._lost.find(runner)
        if found is None:
            return None
        lost, link = found
        _tell(runner, lost, link)
        self._drop(lost)
        self.linked(lost.node, lost.recording_id, runner.recording_id)
        return lost.recording_id

    def hear(self, event: RecordingEvent) -> None:
        """News of recordings: a lost call whose client has hung up here is over, and has no successor."""
        if isinstance(event, RecordingFinished) and event.outcome == Outcome.COMPLETE:
            self._lost.over(event.recording_id)

    def release(self, recording_id: str) -> bool:
        """The node of this call lives after all: drop ours if nothing came. Answers whether it is gone."""
        lost = self._lost.pop(recording_id)
        return lost is not None and self._drop(lost)

    def share(self, recording_id: str, other: str, node: str) -> None:
        """A call that runs here is recorded by another node too, which took us for dead."""
        runner = self._supervisor.calls.get(recording_id)
        if runner is not None:
            runner.note_continued(other, node=node, cause=FAILOVER)

    def _drop(self, lost: LostCall) -> bool:
        runner = self._supervisor.calls.get(lost.here)
        if runner is None or not runner.empty:
            return runner is None
        if runner.dialog:
            self._control.forget(runner.dialog)
        runner.withdraw()
        self._supervisor.settle(runner)
        return True

    def _take_one(self, moving: _Moving, recording_id: str) -> str:
        """Go on with one call; answers our recording. A state that makes no sense may raise anything."""
        now = self._control.now()
        with ExitStack() as stack:
            sockets = self._sockets(moving, stack)
            state = self._moved(moving, sockets)
            runner = self._maker.moved(state, self._control, now)
            try:
                self._begin(runner, state, sockets)
                self._link(runner, moving, recording_id)
            except Exception as error:
                self._lost.pop(recording_id)
                self._supervisor.give_up(runner, error, now)
                raise
        return runner.recording_id

    def _link(self, runner: CallRunner, moving: _Moving, recording_id: str) -> None:
        candidate = candidate_of(recording_id, runner)
        lost = LostCall(candidate, moving.node, moving.seen, moving.cause, runner.recording_id)
        self._lost.add(lost, time.time())
        dialog = Continuation(recording_id, "dialog", runner.call_id, max(0.0, time.time() - moving.seen))
        _tell(runner, lost, dialog)
        if moving.state.dialog is not None and runner.session.ending is not None:
            runner.hang_up_again(self._control.now())
        self._supervisor.settle(runner)

    def _begin(self, runner: CallRunner, state: CallState, inherited: Mapping[int, Inherited]) -> None:
        now, patience = self._control.now(), self._config.recording.media_timeout_s
        self._supervisor.go_on(runner)
        try:
            runner.begin_elsewhere(inherited)
            for stream in state.streams:
                if stream.paused:
                    held = runner.session.streams[stream.mline].held
                    runner.silence(stream.mline, "hold" if held else "pause")
        except MediaError as error:
            # Without a recording the call is still answered: its BYE must not meet a 481.
            _log.error("nothing more is recorded of a call", of=state.recording_id, reason=str(error))
        if not inherited and patience:
            self._control.set_deadline(now + patience, lambda at: self._end_unreached(runner, at))

    def _end_unreached(self, runner: CallRunner, now: float) -> None:
        if not runner.over and not runner.streams:
            self._supervisor.tell(runner, events.StopRequested(UNREACHED), now)

    def _moved(self, moving: _Moving, sockets: Collection[int]) -> CallState:
        snapshot = moving.snapshot
        clocks = Clocks(snapshot.wall, snapshot.monotonic, time.time(), self._control.now())
        home = Home(self.listeners(), self._config.cluster.addresses)
        state = moved(moving.state, clocks, home, sockets)
        if sockets:
            return state
        return readdressed(state, translation.media_address(self._config, state.flow))

    def _sockets(self, moving: _Moving, stack: ExitStack) -> dict[int, Inherited]:
        """The ports of its streams, as far as they can be had here; the sockets live as long as `stack`."""
        exchange, media = moving.state.session.exchange, self._config.media
        addresses = [exchange.address]
        if moving.cause == RESTART or exchange.address == media.advertised_address:
            addresses.append(
                media.bind_address
            )  # what the SRC was told is not what the sockets were bound to
        found = {}
        for stream in moving.state.streams:
            ports = exchange.ports[stream.mline]
            pair = bind_pair(addresses, self._config.cluster.addresses, ports.rtp, ports.rtcp)
            if pair is not None:
                rtp, rtcp = (stack.enter_context(sock) for sock in pair)
                found[stream.mline] = Inherited((rtp.fileno(), rtcp.fileno()), stream.srtp_indices)
        return found


def _tell(runner: CallRunner, lost: LostCall, link: Continuation) -> None:
    """The recording goes on with another one: that belongs into its log."""
    runner.note_continuation(link, node=lost.node, cause=lost.cause, last_seen_ns=int(lost.seen * 1e9))
