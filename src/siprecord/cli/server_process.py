"""What the server's process uses while it is under load, if it runs on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siprecord.cli.asking import ask, server_at
from siprecord.errors import SiprecordError

FILES_PER_STREAM = 2
"""A socket for RTP and one for RTCP; the log of the call is one more file."""
SPARE_FILES = 64


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the process began, and its resident memory."""

    cpu_seconds: float
    resident_kib: int


class ServerProcess:
    """A process that is watched; `peak_kib` is the most memory seen by `look`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.before = usage_of(pid)
        self.after = self.before
        self.peak_kib = self.before.resident_kib

    def look(self) -> None:
        """Take the figures of now; the last ones stay when the process is gone."""
        try:
            self.after = usage_of(self.pid)
        except OSError:
            return
        self.peak_kib = max(self.peak_kib, self.after.resident_kib)

    def as_dict(self, call_seconds: float) -> dict[str, Any]:
        """The figures for a report; `call_seconds` is how long all calls together were up."""
        cpu = self.after.cpu_seconds - self.before.cpu_seconds
        return {
            "pid": self.pid,
            "cpu_s": round(cpu, 3),
            "cpu_ms_per_call_second": round(cpu * 1000 / call_seconds, 4) if call_seconds else None,
            "memory_idle_kib": self.before.resident_kib,
            "memory_peak_kib": self.peak_kib,
        }


def find_server(url: str | None, port: int) -> ServerProcess | None:
    """The recorder that listens for SIP on `port`, asked for over HTTP; None if it is not known or not ours.

    Without `url` the one of the configuration is tried, and it is no error if nobody is there.
    """
    try:
        answer = ask(server_at(url, None), "status")
    except SiprecordError:
        if url is not None:
            raise
        return None
    pid = answer.get("recorder_pid")
    ports = [listener.get("port") for listener in answer.get("listeners") or []]
    if not isinstance(pid, int) or port not in ports:
        return None
    try:
        return ServerProcess(pid)
    except OSError:
        return None


def usage_of(pid: int) -> Usage:
    """What a process has used; raises OSError if there is none, or no /proc."""
    # The name, in brackets, may hold anything; numbers begin after it. utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") // 1024)


def file_warning(pid: int, calls: int, streams: int) -> str | None:
    """A sentence if the process may not open as many files as these calls need."""
    needed = calls * (1 + FILES_PER_STREAM * streams) + SPARE_FILES
    try:
        lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
        allowed = int(next(line for line in lines if line.startswith("Max open files")).split()[3])
    except (OSError, StopIteration, ValueError):
        return None
    if needed <= allowed:
        return None
    return (
        f"{calls} calls at a time need about {needed:,} open files, and the server may open {allowed:,}: "
        "start it after `ulimit -n`, or with LimitNOFILE= in its systemd unit"
    )
