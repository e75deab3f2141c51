"""Keeps the running calls: brings events to them, sets their timers, and lets go those that are over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from siprecord.protocol import RequestReceived
from siprecord.recording import events
from siprecord.recording.outcome import Ending, Outcome
from siprecord.recording.refusal import Refusal
from siprecord.recording.rules import Rule
from siprecord.server.continuity import Continuity
from siprecord.server.registry import Registry
from siprecord.server.relations import Relations
from siprecord.server.runner import CallRunner
from siprecord.server.translation import takeover_event
from siprecord.transport import Deadline, EndpointControl


class Supervisor:
    """All calls that run. A fault of ours ends the call it happened in, and no other."""

    def __init__(
        self,
        calls: Registry,
        control: EndpointControl,
        continuity: Continuity | None = None,
    ) -> None:
        self.calls = calls
        self._relations = Relations(calls)
        self.timers: dict[str, tuple[float, Deadline]] = {}
        """When each call is to be woken, by recording id."""
        self.goes_on_with_lost: Callable[[CallRunner], object] = lambda runner: None
        """Asked of each new call: whether it goes on with one of a node that has died."""
        self._control = control
        self._continuity = continuity
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, runner: CallRunner, transaction: str, first: events.InviteReceived, now: float) -> None:
        """A new call, whose INVITE is to be answered."""
        self.calls.add(runner, transaction, first.identity)
        self._idle.clear()
        runner.receive(first, now)
        self.calls.answered(runner)
        if not runner.over:
            self._look_for_predecessor(runner)
        self.settle(runner)

    def _look_for_predecessor(self, runner: CallRunner) -> None:
        lost = self.goes_on_with_lost(runner)
        found = self._relations.relate(runner)
        if found is not None and lost is None:
            runner.note_continuation(found)

    def take_over(self, event: RequestReceived, now: float, rules: Sequence[Rule] = ()) -> Refusal | None:
        """An INVITE that replaces the dialog of a call (RFC 3891). It needs no room: that call has it."""
        runner = self._relations.replaced(event)
        if isinstance(runner, Refusal):
            return runner
        before = runner.dialog or ""
        runner.log_message(event.request.raw, event.flow, inbound=True)
        runner.receive(takeover_event(event, rules), now)
        if runner.dialog != before:
            self.calls.moved(runner, before)
        self.settle(runner)
        return None

    def go_on(self, runner: CallRunner) -> None:
        """A call of an earlier life. It is to be settled when all is said about it."""
        self.calls.restore(runner)
        self._relations.relate(runner)
        self._idle.clear()

    def tell(self, runner: CallRunner | None, event: events.Event, now: float) -> bool:
        """Bring an event to a call. False: there is no such call."""
        if runner is None:
            return False
        runner.receive(event, now)
        self.settle(runner)
        return True

    def settle(self, runner: CallRunner) -> None:
        """After each event: keep its state, set the timer of this call, or forget it when it is over."""
        if self._continuity is not None:
            self._continuity.keep(runner, self._control)
        if runner.over:
            self._set_timer(runner, None)
            self.calls.remove(runner)
            if not len(self.calls):
                self._idle.set()
        else:
            self._set_timer(runner, runner.deadline())

    def give_up(self, runner: CallRunner, error: Exception, now: float) -> None:
        """A fault of ours: the recording is closed with what it has, and the SRC is told by a BYE."""
        self.abandon(runner, Ending(Outcome.FAILED, f"The recorder failed: {type(error).__name__}"), now)

    def abandon(self, runner: CallRunner, ending: Ending, now: float) -> None:
        """Close a recording as it is."""
        try:
            runner.abandon(ending, now)
        finally:
            self.settle(runner)

    async def wait_idle(self, seconds: float) -> bool:
        """Wait so long for the last call to end; whether it did."""
        if not self._idle.is_set() and seconds > 0:
            try:
                await asyncio.wait_for(self._idle.wait(), seconds)
            except TimeoutError:
                return False
        return self._idle.is_set()

    def _set_timer(self, runner: CallRunner, at: float | None) -> None:
        known = self.timers.get(runner.recording_id)
        if known is not None:
            if known[0] == at:
                return
            known[1].cancel()
            del self.timers[runner.recording_id]
        if at is not None:
            deadline = self._control.set_deadline(at, lambda now: self._expire(runner, now))
            self.timers[runner.recording_id] = (at, deadline)

    def _expire(self, runner: CallRunner, now: float) -> None:
        self.timers.pop(runner.recording_id, None)
        try:
            runner.expire(now)
        except Exception as error:
            self.give_up(runner, error, now)
            raise
        self.settle(runner)
