"""What systemd does for a unit with a store of descriptors, as far as a recorder sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from threading import Event, Thread

from siprecord.holder.messages import receive
from tests.support.server import RunningServer

LAUNCH = """
import fcntl, os, sys
given = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 1000) for fd in sys.argv[1].split(",") if fd]
for number, fd in enumerate(given, 3):
    os.dup2(fd, number)
    os.close(fd)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass
class SystemdServer(RunningServer):
    """`siprecord serve` as a unit with FileDescriptorStoreMax= and Restart=always."""

    kept: list[tuple[str, int]] = field(default_factory=list)
    """The newest first: that is the order systemd passes them in."""
    starts: int = 0

    def start(self) -> RunningServer:
        self._stopping = Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.directory / "notify"))
        self._socket.settimeout(0.05)
        self._launch()
        self._thread = Thread(target=self._keep)
        self._thread.start()
        self.wait_ready()
        return self

    def stop(self, number: int = 15, seconds: float = 60.0) -> int:
        self._stopping.set()
        self._thread.join()
        code = super().stop(number, seconds)
        self._socket.close()
        for _, fd in self.kept:
            os.close(fd)
        return code

    def _launch(self) -> None:
        fds = [fd for _, fd in self.kept]
        environ = {
            **self.environment(),
            "NOTIFY_SOCKET": str(self.directory / "notify"),
            "FDSTORE": "4096",
            "LISTEN_FDS": str(len(fds)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in self.kept),
        }
        launch = [sys.executable, "-c", LAUNCH, ",".join(map(str, fds))]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*launch, sys.executable, "-m", "siprecord", "serve"],
                env=environ,
                pass_fds=fds,
                stdout=log,
                stderr=log,
            )
        self.starts += 1

    def _keep(self) -> None:
        """Until the unit is stopped: take messages, and start it again when it has died and all are read."""
        while not self._stopping.is_set():
            assert self.process is not None
            died = self.process.poll() is not None
            try:
                message = receive(self._socket)
            except TimeoutError:
                if died:
                    self._launch()
                continue
            assert message is not None
            name = message.fields.get("FDNAME", "")
            if "FDSTOREREMOVE" in message.fields:
                gone = [fd for known, fd in self.kept if known == name]
                self.kept = [entry for entry in self.kept if entry[0] != name]
                for fd in gone:
                    os.close(fd)
            for fd in message.fds:
                self.kept.insert(0, (name, fd))
