"""The holder: starts the recorder, keeps duplicates of its sockets, and starts it again when it dies.

One thread, one loop. It knows nothing of SIP: descriptors have names, and the names mean nothing to it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence

from siprecord.holder import messages
from siprecord.holder.deaths import OUTSIDE, Deaths, HolderSettings
from siprecord.holder.lives import Adopted, Recorder, how
from siprecord.holder.messages import FD_DONE, FD_FETCH, FD_NAMES, FD_REMOVE, FD_STORE, Message
from siprecord.holder.renewal import Estate, become_new, left_by_the_old
from siprecord.holder.search import BUSY, Say, Search, SearchError
from siprecord.holder.store import HOLDER_FD, SEND_SECONDS

DATA_DIR = "SIPRECORD_INTERNAL_DATA_DIR"
"""Where a recorder may run that lost its holder. Without it nobody looks for one."""
HOLDER_PID = "SIPRECORD_INTERNAL_HOLDER_PID"
DIED_AT = "SIPRECORD_INTERNAL_DIED_AT"
"""For a recorder that is started again: when the last one that served ended, in nanoseconds since 1970."""
FRESH = "SIPRECORD_INTERNAL_FRESH"
"""Set when the recorder keeps dying: it is to close the calls that an earlier life left, not to go on."""
WAITING = "SIPRECORD_INTERNAL_SPARE"
"""Set for a spare: it is to load everything and wait."""
STOP = (signal.SIGTERM, signal.SIGINT)
FORWARDED = (*STOP, signal.SIGHUP)
WOKEN_BY = (*FORWARDED, signal.SIGUSR2, signal.SIGCHLD)
HANDED_OVER = 75
"""Exit code of a recorder that was asked, by SIGUSR2, to leave its calls to the next one."""
AS_IT_WAS = "it goes on as it was configured, and `siprecord upgrade` brings what has changed since"
POLL_SECONDS = 0.05
RELAYED = (messages.READY, messages.STOPPING, messages.WATCHDOG, messages.STATUS)


class Holder:
    """Runs `command` as the recorder until it ends on purpose. `run` may be called once."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        say: Say,
        settings: HolderSettings | None = None,
    ) -> None:
        self.kept: dict[str, list[int]] = {}
        self._command = command
        self._environ = dict(environ)
        self._estate = left_by_the_old(self._environ)
        self._notify = self._environ.pop("NOTIFY_SOCKET", "")
        self._say = say
        self._settings = settings or HolderSettings()
        self._systemd = _notify_socket(self._notify)
        self._deaths = Deaths(self._settings)
        self._was_ready = False
        self._stopping = False
        self._at_once = False
        """Told to stop twice."""
        self._recorder: Recorder | None = None
        self._spare: Recorder | None = None
        self._upgrading = False
        self._renewing = False
        """The next recorder that serves is of another version than we are."""
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._code: int | None = None
        self._data_dir = self._environ.get(DATA_DIR)
        self._lock: int | None = None

    def run(self) -> int:
        """Until the recorder has ended for good; returns the exit code, its own where it gave one."""
        for end in (self._woken, self._waker):
            end.setblocking(False)
        previous = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, lambda *_: None) for number in WOKEN_BY}
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WOKEN_BY)
        try:
            if self._estate is not None:
                self._inherit(self._estate)
            else:
                self._begin()
            while self._code is None:
                self._turn()
            return self._code
        finally:
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._close()

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._woken:
                self._take_signals()
            if isinstance(key.fileobj, Adopted):
                self._reap()
            for recorder in (self._recorder, self._spare):
                if recorder is not None and key.fileobj is recorder.sock:
                    self._take_messages(recorder)
        self._watch()
        self._renew()
        self._prepare()

    # The beginning

    def _begin(self) -> None:
        """Take on the recorder that lost its holder; where none runs, start one."""
        try:
            with contextlib.closing(Search(self._data_dir, self._say)) as search:
                self._lock = search.lock
                self._look(search)
        except SearchError as error:
            self._say("fatal", str(error))
            self._code = 1

    def _look(self, search: Search) -> None:
        end = time.monotonic() + self._settings.find
        while self._code is None and self._recorder is None:
            if (running := search.running()) is None:
                self._start()
            elif (found := search.ask(running)) is not None:
                self._take_on(*found)
            elif time.monotonic() > end:
                raise SearchError(f"process {running} does not let itself be taken on: {BUSY}")
            else:
                self._sleep(POLL_SECONDS)

    def _take_on(self, process: Adopted, sock: socket.socket) -> None:
        self._recorder = Recorder(process, sock)
        self._selector.register(sock, selectors.EVENT_READ)
        self._selector.register(process, selectors.EVENT_READ)

    def _renew(self) -> None:
        """Once the recorder of an upgrade serves, become the holder of that version."""
        recorder = self._recorder
        if not self._renewing or self._stopping or recorder is None or not recorder.ready:
            return
        self._renewing = False
        if self._spare is not None:
            self._dismiss(self._spare)
        estate = Estate(self.kept, recorder.process.pid, recorder.sock.fileno(), self._lock)
        environ = {**self._environ, "NOTIFY_SOCKET": self._notify} if self._notify else self._environ
        try:
            become_new(estate, environ, WOKEN_BY)
        except OSError as error:
            self._say("error", f"the holder stays as it is, until it is started anew: {error}")

    def _inherit(self, estate: Estate) -> None:
        """Go on where the version before this one has left off."""
        self.kept, self._lock, self._was_ready = estate.kept, estate.lock, True
        sock = socket.socket(fileno=estate.sock)
        sock.setblocking(False)
        self._take_on(Adopted(estate.recorder, os.pidfd_open(estate.recorder)), sock)
        assert self._recorder is not None, "it was just taken on"
        self._recorder.ready = time.monotonic()
        self._say("warning", "upgrade: the holder is of the installed version too")

    # The recorder's life

    def _start(self) -> None:
        """The spare, if it is there; else a new process, which takes longer."""
        self._upgrading = False
        spare, self._spare = self._spare, None
        if spare is not None and spare.process.poll() is None:
            with contextlib.suppress(OSError):
                messages.send(spare.sock, {messages.START: "1", **self._news()})
                spare.heard = time.monotonic()
                self._recorder = spare
                return
        if spare is not None:
            self._drop(spare)
        self._recorder = self._spawn(self._news())

    def _spawn(self, news: Mapping[str, str]) -> Recorder:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            process = subprocess.Popen(
                self._command,
                env=self._recorder_environ(theirs.fileno(), news),
                pass_fds=(theirs.fileno(),),
                # Ctrl-C goes to a whole process group. The recorder hears of it from us, once.
                process_group=0,
            )
        self._selector.register(ours, selectors.EVENT_READ)
        return Recorder(process, ours)

    def _recorder_environ(self, fd: int, news: Mapping[str, str]) -> dict[str, str]:
        own = {HOLDER_FD: str(fd), HOLDER_PID: str(os.getpid()), **news}
        if self._settings.watchdog:
            own["WATCHDOG_USEC"] = str(int(self._settings.watchdog * 1e6))
        return {**self._environ, **own}

    def _news(self) -> dict[str, str]:
        """What a recorder has to know of the one before it."""
        news = {DIED_AT: str(self._deaths.first_ns)} if self._deaths.first_ns else {}
        if self._deaths.fresh:
            news[FRESH] = "1"
        return news

    def _prepare(self) -> None:
        """Load a spare, once the recorder has served for a while."""
        recorder, wait = self._recorder, self._settings.spare_after
        if self._spare is not None or self._stopping or wait < 0 or recorder is None or not recorder.ready:
            return
        if self._upgrading or time.monotonic() - recorder.ready >= wait:
            self._spare = self._spawn({WAITING: "1"})

    def _upgrade(self) -> None:
        """Load a spare from what is installed now; when it has loaded, the recorder hands over to it."""
        if self._recorder is None or not self._recorder.ready or self._stopping:
            return
        self._say("warning", "upgrade: loading the recorder that is installed now")
        if self._spare is not None:
            self._dismiss(self._spare)
        self._upgrading = True

    def _dismiss(self, spare: Recorder) -> None:
        self._spare = None
        spare.process.kill()
        spare.process.wait()
        self._drop(spare)

    def _reap(self) -> None:
        spare = self._spare
        if spare is not None and spare.process.poll() is not None:
            self._spare = None
            self._drop(spare)
            if self._recorder is not None:
                self._recorder.ready = time.monotonic()  # the next one not at once
            if self._upgrading:
                self._upgrading = False
                self._say("error", "upgrade: the new recorder does not start; the old one goes on")
        recorder = self._recorder
        if recorder is None or recorder.process.poll() is None:
            return
        self._take_messages(recorder)  # what it stored before it died, and what it said of its end
        code = recorder.process.poll() or 0
        self._deaths.ended(served=bool(recorder.ready), time_ns=time.time_ns())
        self._drop(recorder)
        if self._upgrading and code == HANDED_OVER:
            self._renewing = True
            self._start()
            return
        if self._ended_on_purpose(recorder, code):
            self._code = code if code >= 0 else 128 - code
            return
        self._plan_restart(recorder, code)

    def _ended_on_purpose(self, recorder: Recorder, code: int) -> bool:
        """Told to stop, or done, or never able to serve: a fault that a restart would only repeat.

        One that dies while its calls end is started again for their sake, unless that is to be at once.
        """
        if code == 0 or self._at_once:
            return True
        if code < 0:
            return self._stopping and -code in STOP
        return self._stopping or recorder.stopping or not self._was_ready

    def _plan_restart(self, recorder: Recorder, code: int) -> None:
        deaths = self._deaths
        fault = recorder.stuck or code not in OUTSIDE
        deaths.add(fault=fault, handed=recorder.handed, ready=recorder.ready, now=time.monotonic())
        what = f"recorder {recorder.process.pid} {how(code)}"
        if deaths.too_many:
            text = f"{what}; it died {len(deaths)} times within {self._settings.within:g} s: giving up"
            self._say("error", text)
            self._code = code if code > 0 else 128 - code
            return
        fds = sum(len(fds) for fds in self.kept.values())
        when = f"in {deaths.delay:g} s" if deaths.delay else "at once"
        self._say("error", f"{what}; {fds} sockets and states are kept, starting it again {when}")
        self._sleep(deaths.delay)
        if self._code is None:
            self._start()

    def _sleep(self, seconds: float) -> None:
        """Wait, but for a signal to stop."""
        end = time.monotonic() + seconds
        while self._code is None and (left := end - time.monotonic()) > 0:
            if self._selector.select(left):
                self._take_signals()

    def _watch(self) -> None:
        recorder, limit = self._recorder, self._limit()
        if recorder is None or not limit:
            return
        if time.monotonic() - recorder.heard > limit:
            self._say("error", f"recorder {recorder.process.pid} was stuck for {limit:g} s: killing it")
            recorder.heard, recorder.stuck = time.monotonic(), True
            recorder.process.kill()

    def _limit(self) -> float:
        """How long the recorder may be silent now."""
        serves = self._recorder is not None and self._recorder.ready
        return self._settings.watchdog if serves else self._settings.start

    def _patience(self) -> float | None:
        """How long to wait for something to happen."""
        recorder, settings, limit = self._recorder, self._settings, self._limit()
        if recorder is None:
            return None
        due = [recorder.heard + limit] if limit else []
        if recorder.ready and self._spare is None and settings.spare_after >= 0 and not self._stopping:
            due.append(recorder.ready + (0.0 if self._upgrading else settings.spare_after))
        return max(0.0, min(due) - time.monotonic()) + 0.01 if due else None

    def _drop(self, recorder: Recorder) -> None:
        if recorder is self._recorder:
            self._recorder = None
        with contextlib.suppress(KeyError):
            self._selector.unregister(recorder.sock)
        recorder.sock.close()
        if isinstance(recorder.process, Adopted):
            self._selector.unregister(recorder.process)
            recorder.process.close()

    # Signals and messages

    def _take_signals(self) -> None:
        try:
            numbers = self._woken.recv(4096)
        except BlockingIOError:
            return
        for number in numbers:
            if number == signal.SIGUSR2:
                self._upgrade()
            elif number in FORWARDED:
                self._forward(number)
        self._reap()

    def _forward(self, number: int) -> None:
        recorder, again = self._recorder, self._stopping
        self._at_once = self._at_once or (self._stopping and number in STOP)
        self._stopping = self._stopping or number in STOP
        if self._stopping and self._spare is not None:
            self._dismiss(self._spare)
        if recorder is None:
            self._code = 0 if self._stopping else None
        elif recorder.ready or again or not self._was_ready:
            recorder.process.send_signal(number)
        # Else it is taking calls over, and a signal would kill it: it is told when it serves.

    def _take_messages(self, recorder: Recorder) -> None:
        try:
            while (message := messages.receive(recorder.sock)) is not None:
                self._take(recorder, message)
            with contextlib.suppress(KeyError):  # it is gone; how, its exit will tell
                self._selector.unregister(recorder.sock)
        except BlockingIOError:
            pass
        except OSError as error:
            self._say("error", f"messages of the recorder can't be read: {error.strerror}")

    def _take(self, recorder: Recorder, message: Message) -> None:
        fields = message.fields
        recorder.heard = time.monotonic()
        if message.cut:
            self._say("error", "not all sockets could be kept: raise the limit of open files (ulimit -n)")
        names = messages.names_in(fields)
        if fields.get(FD_STORE) == "1" and len(names) == len(message.fds):
            for name, fd in zip(names, message.fds, strict=True):
                self.kept.setdefault(name, []).append(fd)
        else:
            messages.close_all(message.fds)
        if fields.get(FD_REMOVE) == "1":
            for name in names:
                messages.close_all(self.kept.pop(name, ()))
        if fields.get(FD_FETCH) == "1":
            self._hand_over(recorder)
        self._note(recorder, fields)

    def _note(self, recorder: Recorder, fields: Mapping[str, str]) -> None:
        recorder.stopping = recorder.stopping or fields.get(messages.STOPPING) == "1"
        if fields.get(messages.READY) == "1" and not recorder.ready:
            recorder.ready, self._was_ready = time.monotonic(), True
            if isinstance(recorder.process, Adopted):
                fds = sum(len(fds) for fds in self.kept.values())
                self._say(
                    "warning",
                    f"took on recorder {recorder.process.pid} with {fds} sockets and states: {AS_IT_WAS}",
                )
            elif self._deaths.first_ns:
                took = (time.time_ns() - self._deaths.first_ns) / 1e9
                self._say("warning", f"recorder {recorder.process.pid} took over {took:.2f} s later")
            if self._stopping:
                recorder.process.send_signal(signal.SIGTERM)
        if isinstance(recorder.process, Adopted) and fields.get(messages.EXIT_STATUS, "").isdigit():
            recorder.process.told = int(fields[messages.EXIT_STATUS])
        if fields.get(messages.SPARE) == "1":
            recorder.spare = True
            if self._upgrading and self._recorder is not None:
                self._recorder.process.send_signal(signal.SIGUSR2)
        told = {key: value for key, value in fields.items() if key in RELAYED}
        if told and self._systemd is not None:
            with contextlib.suppress(OSError):
                messages.send(self._systemd, told)

    def _hand_over(self, recorder: Recorder) -> None:
        recorder.handed = True
        kept = [(name, fd) for name, fds in self.kept.items() for fd in fds]
        recorder.sock.settimeout(SEND_SECONDS)
        try:
            for names, fds in messages.bundles(kept):
                messages.send(recorder.sock, {FD_NAMES: names}, fds)
            messages.send(recorder.sock, {FD_DONE: "1"})
        except OSError as error:
            self._say("error", f"the recorder does not take its sockets back: {error}")
        finally:
            recorder.sock.setblocking(False)

    def _close(self) -> None:
        if self._spare is not None:
            self._dismiss(self._spare)
        if self._recorder is not None:
            self._drop(self._recorder)
        for fds in self.kept.values():
            messages.close_all(fds)
        self.kept.clear()
        self._selector.close()
        if self._lock is not None:
            os.close(self._lock)
        for sock in (self._woken, self._waker, *filter(None, [self._systemd])):
            sock.close()


def _notify_socket(address: str) -> socket.socket | None:
    """systemd's, when it runs us but keeps no descriptors: it is told that we are ready all the same."""
    if not address:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        sock.close()
        return None
    return sock
