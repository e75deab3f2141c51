"""One call to a recorder: INVITE, audio in real time, BYE."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable

from siprecord.client.answer import Accepted, Verdict, read_answer
from siprecord.client.codecs import FRAME_SECONDS
from siprecord.client.driver import ClientDriver
from siprecord.client.invitation import Line, build_invite, lines_of, utc_now
from siprecord.client.plan import CallPlan
from siprecord.client.ports import Played, Player, Track
from siprecord.client.report import CallReport, CallStatus, StreamReport
from siprecord.client.target import Target, read_target
from siprecord.protocol import (
    DialogEnded,
    Event,
    Flow,
    OutgoingRequest,
    RequestTimedOut,
    ResponseReceived,
    Transport,
    reliable_number,
)
from siprecord.syntax.sip import Response

POLL_SECONDS = 0.02
MAX_POLL_SECONDS = 1.0
CANCEL_SECONDS = 2.0
"""How long the end of a call that was given up is waited for; a dead peer never answers."""
BYE_SECONDS = 5.0
"""How long the answer to our BYE is waited for."""


class SrcCall:
    """Places one call with the audio of its plan. `run` may be called once, `hang_up` at any time.

    Raises `CallError` when made, if the URI makes no sense.
    """

    def __init__(self, plan: CallPlan, driver: ClientDriver, player: Player) -> None:
        self.plan = plan
        self.target: Target = read_target(plan.uri)
        self.call_id = uuid.uuid4().hex
        self._driver = driver
        self._player = player
        self._changed = asyncio.Event()
        self._given_up = False
        self._impatient = False
        self._timed_out = False
        self._refused = False
        self._over = False
        self._bye_failed = ""
        self._response: Response | None = None
        self._described: Response | None = None
        self._transport: Transport = self.target.transport
        self._dialog: str | None = None
        self._lines: tuple[Line, ...] = ()
        self._sockets: tuple[int, ...] = ()
        self._tracks: dict[int, int] = {}
        self._verdict = Verdict(())
        self._setup_ms: float | None = None

    async def run(self) -> CallReport:
        """Place the call and see it through. Raises `CallError` if it can't even be tried."""
        flow = await self._driver.open(self.target)
        response = await self._invite(flow)
        if response is None or response.status >= 300:
            return self._report(self._failure())
        try:
            # The answer may have come reliably before the 200 (RFC 3262 section 5).
            self._verdict = read_answer(
                response if response.body else self._described or response, self._lines
            )
            self._play()
            status = await self._accompany()
        finally:
            self._player.stop(list(self._tracks.values()))
            await self._bye()
        return self._report(status)

    def hang_up(self) -> None:
        """Give up: CANCEL before the answer, BYE after it. `run` returns soon after."""
        self._given_up = True
        self._changed.set()

    def progress(self) -> list[Played]:
        """How far each stream has come, in the plan's order."""
        return [self._played(number) for number in range(len(self.plan.parties))]

    @property
    def answered(self) -> bool:
        """Whether the recorder has taken the call."""
        return self._dialog is not None

    # The three parts of a call

    async def _invite(self, flow: Flow) -> Response | None:
        """Ask, and wait for the final response; None when there is none."""
        bound = [self._player.bind(flow.local[0]) for _ in self.plan.parties]
        self._sockets = tuple(socket for socket, _ in bound)
        self._lines = lines_of(self.plan, [port for _, port in bound], os.urandom)
        spec = build_invite(self.target.uri, self.call_id, self._lines, flow, utc_now())
        # The loop's clock stands still while the loop is busy, and may count whole milliseconds only.
        before = time.perf_counter()
        transaction = self._driver.invite(spec, self._listen)
        self._impatient = not await self._until(lambda: self._settled or self._given_up, self.plan.patience)
        if not self._settled:
            self._driver.cancel(transaction)
            await self._until(lambda: self._settled, CANCEL_SECONDS)
        if self._response is not None:
            self._setup_ms = round((time.perf_counter() - before) * 1000, 3)
        return self._response

    async def _accompany(self) -> CallStatus:
        """Wait until everything is sent, or the call ends before that."""
        if not self._tracks:
            return self._untalked()
        if await self._until(self._interrupted, self._seconds()):
            return self._interruption()
        while (left := self._left()) is not None:
            # A player that is late is asked less often, the more it has to send: asking costs it time too.
            pause = min(max(left / 2, POLL_SECONDS), MAX_POLL_SECONDS)
            if await self._until(self._interrupted, pause):
                return self._interruption()
        await self._until(self._interrupted, self.plan.linger)
        return CallStatus.COMPLETED

    async def _bye(self) -> None:
        if self._dialog is not None and not self._over:
            self._bye_failed = "no answer"
            self._driver.request(self._dialog, OutgoingRequest("BYE"))
            await self._until(lambda: self._over, BYE_SECONDS)

    # What they need

    def _play(self) -> None:
        if self._given_up or self._impatient:
            return
        numbers, tracks = [], []
        for number, verdict in enumerate(self._verdict.lines):
            if isinstance(verdict, Accepted):
                numbers.append(number)
                tracks.append(self._track(number, verdict))
        self._tracks = dict(zip(numbers, self._player.play(tracks), strict=True))

    def _track(self, number: int, accepted: Accepted) -> Track:
        party, crypto = self.plan.parties[number], self._lines[number].crypto
        return Track(
            socket=self._sockets[number],
            destination=(accepted.host, accepted.port),
            audio=party.audio,
            payload_type=accepted.payload_type,
            codec=party.codec,
            start_delay=party.start,
            mark=party.mark,
            srtp=crypto.keys[0] if crypto is not None else None,
        )

    def _seconds(self) -> float:
        parties = [self.plan.parties[number] for number in self._tracks]
        return max(party.start + party.packets * FRAME_SECONDS for party in parties)

    def _left(self) -> float | None:
        """Seconds of audio still to be sent, at most; None when all is sent."""
        played = self._player.played(list(self._tracks.values()))
        parties = [self.plan.parties[number] for number in self._tracks]
        left = [
            party.packets - each.packets for party, each in zip(parties, played, strict=True) if not each.done
        ]
        return max(left) * FRAME_SECONDS if left else None

    @property
    def _settled(self) -> bool:
        return self._response is not None or self._timed_out

    def _interrupted(self) -> bool:
        return self._given_up or self._over

    def _interruption(self) -> CallStatus:
        return CallStatus.ENDED_BY_PEER if self._over else CallStatus.HUNG_UP

    def _listen(self, event: Event) -> None:
        match event:
            case ResponseReceived(response=response, dialog=dialog) if self._response is None:
                if response.status >= 200:
                    self._response, self._dialog = response, dialog
                    self._transport = event.flow.transport
                elif reliable_number(response) is not None and response.body:
                    self._described = response
            case ResponseReceived(response=response) if self._bye_failed and response.status >= 200:
                self._bye_failed = "" if response.status < 300 else f"{response.status} {response.reason}"
            case RequestTimedOut(refused=refused):
                self._timed_out, self._refused = True, refused
            case DialogEnded():
                self._over = True
        self._changed.set()

    async def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until `done()`, at most `seconds`; says whether it is."""
        end = self._driver.now() + seconds
        while not done():
            self._changed.clear()
            try:
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            except TimeoutError:
                return done()
        return True

    def _untalked(self) -> CallStatus:
        """The call was taken, and yet nothing was sent."""
        if self._given_up:
            return CallStatus.HUNG_UP
        return CallStatus.NO_ANSWER if self._impatient else CallStatus.UNUSABLE

    def _failure(self) -> CallStatus:
        if self._given_up:
            return CallStatus.CANCELLED
        if self._refused:
            return CallStatus.UNREACHABLE
        if self._impatient or self._response is None:
            return CallStatus.NO_ANSWER
        return CallStatus.REFUSED

    def _played(self, number: int) -> Played:
        track = self._tracks.get(number)
        return Played(0, False) if track is None else self._player.played([track])[0]

    def _report(self, status: CallStatus) -> CallReport:
        response = self._response
        return CallReport(
            status=status,
            call_id=self.call_id,
            uri=self.target.uri,
            transport=self._transport,
            code=None if response is None else response.status,
            reason="" if response is None else response.reason,
            setup_ms=self._setup_ms,
            streams=tuple(self._stream_report(number, line) for number, line in enumerate(self._lines)),
            bye_failed=self._bye_failed,
            remarks=self._verdict.remarks + self._warnings(),
        )

    def _warnings(self) -> tuple[str, ...]:
        """What a refusal says of its reasons (RFC 3261 section 20.43)."""
        response = self._response
        if response is None or response.status < 300:
            return ()
        return tuple(response.headers.get_all("Warning"))

    def _stream_report(self, number: int, line: Line) -> StreamReport:
        verdicts = self._verdict.lines
        verdict = verdicts[number] if number < len(verdicts) else None
        accepted = verdict if isinstance(verdict, Accepted) else None
        return StreamReport(
            label=line.label,
            name=line.party.name,
            codec=line.party.codec,
            srtp=self.plan.srtp,
            packets=line.party.packets,
            packets_sent=self._played(number).packets,
            address=accepted.host if accepted else None,
            port=accepted.port if accepted else None,
            refused=verdict if isinstance(verdict, str) else None,
        )
