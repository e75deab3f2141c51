"""Calls that outlive the recorder: what it takes to go on with each is kept, and taken up at the next start.

The media sockets and the state of a call lie with the holder (or systemd), under names that tell which call
they belong to. Both are there before the answer to the SRC leaves, so the SRC never knows of a call that we
could forget. Everything here may fail without costing the running call anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from siprecord.errors import MediaError
from siprecord.holder import FdStore
from siprecord.media import CaptureLog, MediaEngine
from siprecord.media.reader import CaptureReader, PacketSummary, SipMessage
from siprecord.recording import ports
from siprecord.recording.plan import StreamPlan
from siprecord.server.archive import log_path, stream_spec
from siprecord.server.callstate import (
    CallState,
    StateCell,
    StateError,
    StreamState,
    decode,
    encode,
    reason_of,
)
from siprecord.server.runner import CallRunner
from siprecord.server.shelters import KeptShelters
from siprecord.server.streams import OpenStream
from siprecord.store import spooled
from siprecord.transport import EndpointControl

STATE, MEDIA = "s", "m"
"""Short, and followed by the call's key: systemd passes all names in one string of at most 128 KiB."""
UNANSWERED_BYTES = 4 * 1024 * 1024
"""Ours: a log with more than that is read by nobody at the start; it holds more than an INVITE."""
_KEY = re.compile(r"[0-9a-f]{1,12}")
_FINAL = re.compile(rb"SIP/2\.0 [2-6]")
_log = structlog.stdlib.get_logger("siprecord.server")


@dataclass(slots=True)
class Resumed:
    """A call of an earlier life, its log and its streams open again."""

    state: CallState
    log: ports.CaptureLog
    streams: dict[int, OpenStream]


@dataclass(slots=True)
class _Left:
    """What an earlier life left of one call: descriptors."""

    state: int | None = None
    media: dict[int, list[int]] = field(default_factory=dict)

    def fds(self) -> Iterable[int]:
        """All of them."""
        yield from () if self.state is None else (self.state,)
        for pair in self.media.values():
            yield from pair


class Replica(Protocol):
    """Where the states of calls are kept for other nodes. Never blocks and never fails."""

    def put(self, recording_id: str, document: bytes) -> None:
        """This is the state of a call from now on."""

    def drop(self, recording_id: str) -> None:
        """The call is over."""


@dataclass(slots=True)
class _KeptCall:
    """What is kept of a running call."""

    key: str
    """Stands for it in the names of its descriptors; no other call that is kept has it."""
    cell: StateCell
    log: ports.CaptureLog
    told: bytes = b""
    """What other nodes know of it."""
    media: set[int] = field(default_factory=set)


class Continuity:
    """Keeps running calls with a store, and takes those of an earlier life up again."""

    def __init__(
        self, store: FdStore, spool: Path, *, died_ns: int | None = None, fresh: bool = False
    ) -> None:
        self.resumed: list[Resumed] = []
        """Filled by `resume`, to be taken out by the handler."""
        self.replica: Replica | None = None
        """For other nodes, where there are any."""
        self._store = store
        self._spool = spool
        self.died_ns = died_ns
        """When the earlier life ended; None without one."""
        self.fresh = fresh
        """The calls of the earlier life are to be closed: one of them may be what kills us."""
        self._calls: dict[str, _KeptCall] = {}
        self._left: dict[str, _Left] = {}
        """By key."""
        self._last_key = 0
        self._shelters = KeptShelters(store)

    # An earlier life

    def inherit(self, name: str, fd: int) -> bool:
        """Take a descriptor that the store handed over; False when it is none of ours."""
        kind, _, rest = name.partition(".")
        if self._shelters.inherit(name, fd):
            return True
        key, _, interface = rest.partition(".")
        if kind not in (STATE, MEDIA) or not _KEY.fullmatch(key):
            return False
        left = self._left.get(key) or _Left()
        if kind == STATE and not interface and left.state is None:
            left.state = fd
        elif kind == MEDIA and interface.isdigit():
            left.media.setdefault(int(interface), []).append(fd)
        else:
            return False
        self._left[key] = left
        self._last_key = max(self._last_key, int(key, 16))
        return True

    def resume(self, engine: MediaEngine) -> frozenset[str]:
        """Open the logs and streams of all calls that can go on, tell each log of it, and return their ids.

        What the earlier life had received and not written is written first. Reads and writes files: call it
        on a thread. The holder may ask to give all calls up, since one of them may be what kills us.
        """
        left, self._left = self._left, {}
        self._shelters.begin(engine, fresh=self.fresh)
        event = {"event": "recorder.restarted", "died_ns": self.died_ns}
        for key, one in left.items():
            recording_id, spent = None, list(one.fds())
            try:
                cell, state = _kept_state(one)
                recording_id = state.recording_id
                if self.fresh:
                    raise StateError("the recorder kept dying")
                resumed = self._resume_one(engine, state, one, event)
                media = {stream.interface for stream in state.streams}
                self._calls[recording_id] = _KeptCall(key, cell, resumed.log, media=media)
                self.resumed.append(resumed)
                spent.remove(cell.fd)
            except Exception as error:  # noqa: BLE001 - whatever a state says must cost no other call
                reason = reason_of(error)
                _log.error("a call can't go on", recording_id=recording_id, kept_as=key, reason=reason)
                self._forget(key, one.media)
            finally:
                for fd in spent:
                    os.close(fd)
        self._shelters.end(engine)
        running = frozenset(one.state.recording_id for one in self.resumed)
        if self.died_ns is not None:
            discard_unanswered(self._spool, running)
        return running

    def _resume_one(
        self, engine: MediaEngine, state: CallState, left: _Left, event: Mapping[str, object]
    ) -> Resumed:
        if state.recording_id in self._calls:
            raise StateError("it was kept twice")
        log = engine.resume_log(log_path(self._spool, state.recording_id))
        try:
            log.append_event(_by_its_clock(event, log))
            plans = {plan.mline: plan for plan in state.session.exchange.streams}
            streams = {
                one.mline: _resume_stream(log, plans[one.mline], one, left.media.get(one.interface, []))
                for one in state.streams
            }
        except Exception:
            log.close(sync=False)
            raise
        return Resumed(state, log, streams)

    def take_resumed(self) -> list[Resumed]:
        """The calls that can go on; once."""
        resumed, self.resumed = self.resumed, []
        return resumed

    # This life

    def keep(self, runner: CallRunner, control: EndpointControl) -> None:
        """After each event of a call: keep what is new, let go what is over."""
        if runner.over:
            self._end(runner.recording_id)
            return
        state = call_state(runner, control)
        if state is None or runner.log is None:
            return
        kept = self._calls.get(runner.recording_id)
        new: dict[str, Sequence[int]] = {}
        if kept is None:
            kept = self._begin(runner.recording_id, runner.log)
            if kept is None:
                return
            new[state_name(kept.key)] = [kept.cell.fd]
        new.update(self._changed_media(kept, state))
        if new:
            self._store.store(new)
        document = encode(state)
        if not kept.cell.write(document):
            _log.warning("too much is known of a call to keep it", recording_id=runner.recording_id)
        elif self.replica is not None and document != kept.told:
            kept.told = document
            self.replica.put(runner.recording_id, document)

    def kept(self) -> dict[str, Sequence[int]]:
        """All that is kept now, for a store that knows nothing of it."""
        kept: dict[str, Sequence[int]] = {**self._shelters.kept()}
        for call in self._calls.values():
            kept[state_name(call.key)] = [call.cell.fd]
            kept.update(_media_sockets(call, call.media))
        return kept

    def _begin(self, recording_id: str, log: ports.CaptureLog) -> _KeptCall | None:
        """Memory for a new call; None when there is none: the call goes on, but would not outlive us."""
        try:
            kept = _KeptCall(f"{self._last_key + 1:x}", StateCell(), log)
        except OSError as error:
            _log.error("a call can't be kept safe", recording_id=recording_id, error=error.strerror)
            return None
        self._last_key += 1
        self._calls[recording_id] = kept
        return kept

    def give_up(self, recording_id: str) -> None:
        """Keep nothing of this call any more."""
        self._end(recording_id)

    @property
    def waiting(self) -> bool:
        """Whether an earlier life has left calls that are not taken up yet."""
        return bool(self._left)

    @property
    def running(self) -> Collection[str]:
        """The recordings of all calls that are kept."""
        return self._calls.keys()

    def bytes_kept(self) -> int:
        """Bytes of state of all calls."""
        return sum(kept.cell.size for kept in self._calls.values())

    def _changed_media(self, kept: _KeptCall, state: CallState) -> Mapping[str, Sequence[int]]:
        """Let go the sockets of streams that are no more; returns those of new ones, by name."""
        wanted = {stream.interface for stream in state.streams}
        gone, new, kept.media = kept.media - wanted, wanted - kept.media, wanted
        if gone:
            self._store.remove(*(media_name(kept.key, interface) for interface in gone))
        return _media_sockets(kept, new)

    def _end(self, recording_id: str) -> None:
        kept = self._calls.pop(recording_id, None)
        if kept is not None:
            os.close(kept.cell.fd)
            self._forget(kept.key, kept.media)
            if self.replica is not None:
                self.replica.drop(recording_id)

    def _forget(self, key: str, interfaces: Iterable[int]) -> None:
        self._store.remove(state_name(key), *(media_name(key, interface) for interface in interfaces))


def state_name(key: str) -> str:
    """The name that the state of a call is kept under."""
    return f"{STATE}.{key}"


def media_name(key: str, interface: int) -> str:
    """The name that the two sockets of a stream are kept under, by its interface in the capture log."""
    return f"{MEDIA}.{key}.{interface}"


def _kept_state(left: _Left) -> tuple[StateCell, CallState]:
    if left.state is None:
        raise StateError("its state was not kept")
    cell = StateCell(left.state)
    return cell, decode(cell.read())


def _by_its_clock(event: Mapping[str, object], log: CaptureLog) -> Mapping[str, object]:
    """When the recorder died was told by the machine's clock."""
    died = event.get("died_ns")
    return {**event, "died_ns": died + log.clock_shift_ns} if isinstance(died, int) else event


def _media_sockets(call: _KeptCall, interfaces: Set[int]) -> Mapping[str, Sequence[int]]:
    """The sockets of these streams, as far as they are open, by the name to keep them under."""
    with contextlib.suppress(MediaError):
        sockets = call.log.filenos() if interfaces and isinstance(call.log, CaptureLog) else {}
        return {media_name(call.key, each): sockets[each] for each in interfaces & sockets.keys()}
    return {}


def discard_unanswered(spool: Path, running: Collection[str]) -> None:
    """Delete the logs of calls that the recorder died on before it answered: the SRC will ask again."""
    for log in spooled(spool)[0]:
        if log.stem in running:
            continue
        with contextlib.suppress(MediaError, OSError):
            if log.stat().st_size <= UNANSWERED_BYTES and not was_answered(log):
                log.unlink()
                _log.info("a call that was never answered is forgotten", recording_id=log.stem)


def was_answered(log: Path) -> bool:
    """Whether a capture log holds a final answer of ours, or a packet. Raises MediaError."""
    return any(
        isinstance(item, PacketSummary)
        or (isinstance(item, SipMessage) and not item.inbound and _FINAL.match(item.data) is not None)
        for item in CaptureReader(log, packets=True)
    )


def call_state(runner: CallRunner, control: EndpointControl) -> CallState | None:
    """The call as it is now; None while there is nothing to go on with."""
    session = runner.session.snapshot()
    if session is None or runner.dialog is None:
        return None
    return CallState(
        recording_id=runner.recording_id,
        started=runner.started,
        flow=runner.flow,
        deviations=runner.deviations,
        session=session,
        dialog=control.snapshot(runner.dialog),
        answered=control.answered(runner.last_request) if runner.last_request else None,
        streams=tuple(
            StreamState(mline, stream.media.interface, stream.paused, _srtp_indices(stream))
            for mline, stream in runner.streams.items()
        ),
    )


def _srtp_indices(stream: OpenStream) -> dict[int, int]:
    if stream.plan.security is None:
        return {}
    with contextlib.suppress(MediaError):
        return dict(stream.media.srtp_indices())
    return {}


def _resume_stream(log: CaptureLog, plan: StreamPlan, state: StreamState, sockets: list[int]) -> OpenStream:
    if len(sockets) != 2:
        raise StateError(f"the sockets of stream {plan.name} were not kept")
    spec = replace(stream_spec(plan, announced=True), srtp_indices=state.srtp_indices)
    rtp, rtcp = sorted(sockets, key=_port)  # systemd gives them back in another order than it got them
    media = log.resume_stream(spec, rtp, rtcp, state.interface, paused=state.paused)
    media.set_rtcp_target(plan.reports, mux=plan.mux)
    return OpenStream(plan, media, state.paused)


def _port(fd: int) -> int:
    """Of a socket's own address. Raises OSError for what is no socket."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        return int(sock.getsockname()[1])
