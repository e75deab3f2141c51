"""A redis-server of the tests: on a free port of this machine, with nothing on disk."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.ports import free_port

START_SECONDS = 20
PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


@dataclass
class RedisServer:
    """`options` are those of its command line. `start` and `stop` may be repeated; the port stays."""

    directory: Path
    options: tuple[str, ...] = ()
    tls: bool = False
    more: dict[str, str] = field(default_factory=dict)
    """What a node needs to know beside where it is."""
    address: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(self.arguments(), stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < end, (self.directory / "redis.log").read_text()
            assert self.process.poll() is None, (self.directory / "redis.log").read_text()
            time.sleep(0.01)
        return self

    def arguments(self) -> list[str]:
        """Its command line."""
        assert PROGRAM, "redis-server is not installed; run scripts/packages.sh"
        port = ("--port", "0", "--tls-port", str(self.port)) if self.tls else ("--port", str(self.port))
        common = ("--bind", self.address, "--save", "", "--appendonly", "no", "--dir", str(self.directory))
        return [PROGRAM, *port, *common, *self.options]

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def command(self, *parts: str) -> str:
        """The first bytes of the answer to one command; not over TLS."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.sendall(_encoded(parts))
            return sock.recv(65536).decode(errors="replace")

    def settings(self) -> dict[str, str]:
        """What a node needs to find it."""
        return {"SIPRECORD_CLUSTER__SERVERS": f'["{self.address}:{self.port}"]', **self.more}

    def _answers(self) -> bool:
        try:
            if self.tls:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            return self.command("PING").startswith(("+PONG", "-NOAUTH"))
        except OSError:
            return False


def secure_redis(
    directory: Path, address: str = "127.0.0.1", port: int = 0, password: str = "secret"
) -> RedisServer:
    """One that wants a password and a certificate of its own authority, not started yet."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = Authority.create(directory)
    own = authority.issue(address)
    files = {"cert": own.chain, "key": own.key, "ca-cert": authority.certificate}
    options = [part for name, path in files.items() for part in (f"--tls-{name}-file", str(path))]
    more = {
        "TLS": "true",
        "TLS_CA": str(authority.certificate),
        "TLS_CERTIFICATE": str(own.chain),
        "TLS_KEY": str(own.key),
        "PASSWORD": password,
    }
    named = {f"SIPRECORD_CLUSTER__{name}": value for name, value in more.items()}
    options += ["--requirepass", password]
    return RedisServer(
        directory, tuple(options), tls=True, more=named, address=address, port=port or free_port()
    )


def _encoded(parts: Iterable[str]) -> bytes:
    every = [part.encode() for part in parts]
    return b"*%d\r\n" % len(every) + b"".join(b"$%d\r\n%s\r\n" % (len(each), each) for each in every)


class SlowWire:
    """Stands between a node and Redis: passes everything on, `delay` seconds late, or nothing while `cut`."""

    def __init__(self, target: int) -> None:
        self.delay = 0.0
        self.cut = False
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(near)
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:  # Redis is dead just now
                near.close()
                continue
            self._open.append(far)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                if not self.cut:
                    other.sendall(data)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)
