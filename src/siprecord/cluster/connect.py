"""How to reach Redis or Valkey: alone, with password and TLS, or found through Sentinels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

CONNECTIONS = 4
"""One for the beats, one for the snapshots, and two for what comes between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """`servers` are host and port: of Redis, or of the Sentinels that know the master called `sentinel`.

    `timeout_s` bounds each command: what takes longer counts as an outage.
    """

    servers: tuple[tuple[str, int], ...]
    sentinel: str = ""
    username: str | None = None
    password: str | None = None
    sentinel_password: str | None = None
    database: int = 0
    tls: bool = False
    tls_ca: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    timeout_s: float = 2.0


def connect(settings: RedisSettings) -> tuple[Redis, list[Redis]]:
    """A client, and further ones that have to be closed with it. Connects at the first command.

    Nothing is tried again here: whoever asks knows what else it has to do meanwhile.
    """
    shared = _shared(settings)
    own: dict[str, Any] = {
        "username": settings.username,
        "password": settings.password,
        "db": settings.database,
        "max_connections": CONNECTIONS,
    }
    if not settings.sentinel:
        host, port = settings.servers[0]
        return Redis(host=host, port=port, **own, **shared), []
    watchers = Sentinel(  # type: ignore[no-untyped-call]
        settings.servers,
        sentinel_kwargs={**shared, "password": settings.sentinel_password},
        **own,
        **shared,
    )
    return watchers.master_for(settings.sentinel), list(watchers.sentinels)


def _shared(settings: RedisSettings) -> dict[str, Any]:
    """What holds for Redis and for Sentinels."""
    bounds: dict[str, Any] = {
        "socket_timeout": settings.timeout_s,
        "socket_connect_timeout": settings.timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "client_name": "siprecord",
    }
    if settings.tls:
        bounds |= {
            "ssl": True,
            "ssl_ca_certs": settings.tls_ca,
            "ssl_certfile": settings.tls_certificate,
            "ssl_keyfile": settings.tls_key,
        }
    return bounds
