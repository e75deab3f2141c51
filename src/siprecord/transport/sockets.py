"""Binding, with errors that say what to do."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from functools import lru_cache

from siprecord.errors import ConfigError
from siprecord.protocol import Address

BACKLOG = 512
FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND of Linux: bind to an address that this machine may get later."""
WILDCARDS = frozenset({"0.0.0.0", "::"})
_REASONS = {
    errno.EADDRINUSE: "is taken by another program; stop it or set {setting}",
    errno.EADDRNOTAVAIL: "can't be used: this machine has no such address; set {host_setting}",
    errno.EACCES: "is not ours to open: ports below 1024 need a privilege; set {setting} to a higher one",
}


async def bind(kind: str, host: str, port: int, *, floating: bool = False) -> socket.socket:
    """A non-blocking socket bound to `host` and `port`; `kind` is udp, tcp or tls. Streams listen already.

    `floating`: this machine may get the address later. Raises ConfigError with a sentence for the
    administrator.
    """
    family, address = await resolve(host, port)
    sock = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind != "udp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if floating:
            sock.setsockopt(*FREEBIND[family], 1)
        sock.bind(address)
        if kind != "udp":
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(bind_failure(kind, host, port, error)) from error
    return sock


def bind_failure(kind: str, host: str, port: int, error: OSError) -> str:
    """What a failed bind means, as a sentence."""
    setting = "sip.tls_port" if kind == "tls" else "sip.port"
    reason = _REASONS.get(error.errno or 0, "can't be opened: " + (error.strerror or str(error)))
    what = f"port {port}/{'udp' if kind == 'udp' else 'tcp'} on {host} "
    return what + reason.format(setting=setting, host_setting="sip.host")


async def resolve(
    host: str, port: int
) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    """The family and address to bind to. Raises ConfigError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, flags=socket.AI_PASSIVE, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ConfigError(f"{host} is neither an address nor a name we can resolve; set sip.host") from error
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]  # getaddrinfo's other shapes are of other families


def widen(sock: socket.socket, receive_buffer: int) -> None:
    """Ask for a larger receive buffer; the kernel gives what it allows."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)


def address_of(name: object) -> Address:
    """Host and port of what `getsockname` and its like return. An IPv6 scope is dropped."""
    if not isinstance(name, tuple) or len(name) < 2:
        return ("", 0)
    return (str(name[0]).partition("%")[0], int(name[1]))


@lru_cache(maxsize=4096)
def source_towards(host: str, minute: int = 0) -> str:
    """Our own address as `host`, an IP address, sees it; "" when there is no route. Sends nothing.

    Remembered for as long as `minute` stays the same: a floating address may come or go.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return address_of(probe.getsockname())[0]
    except OSError:
        return ""
