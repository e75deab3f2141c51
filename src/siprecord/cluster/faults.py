"""What Redis may answer instead of what was asked for, in words that say what to do."""

from __future__ import annotations

import ssl

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

NONSENSE = (ValueError, TypeError, AttributeError, LookupError)
"""What comes of reading an answer that is none of Redis, or not of this script."""
NO_REDIS = "what listens at cluster.servers is no Redis, or answers what makes no sense"
FULL = "Redis is full: it takes no more (maxmemory)"
_PLAIN: tuple[tuple[type[Exception], str], ...] = (
    (OutOfMemoryError, FULL),
    (InvalidResponse, NO_REDIS),
    (BusyLoadingError, "Redis is still loading its data"),
    (
        ReadOnlyError,
        "this Redis is a replica that takes no writes: name the master in cluster.servers, or the Sentinels "
        "and cluster.sentinel",
    ),
    (NoPermissionError, "the user of cluster.username may not do what a node has to at Redis: {}"),
    (AuthenticationError, "Redis refuses us: {} (see cluster.username and cluster.password)"),
    (TimeoutError, "Redis does not answer in time"),
    (RedisTimeoutError, "Redis does not answer in time"),
)


def words_for(error: Exception) -> str:
    """One sentence."""
    for kind, text in _PLAIN:
        if isinstance(error, kind):
            return text.format(error)
    if (broken := _tls_error(error)) is not None:
        why = getattr(broken, "verify_message", None) or broken.reason or broken
        return f"no TLS with Redis, see cluster.tls, cluster.tls_ca and cluster.tls_certificate: {why}"
    if isinstance(error, ResponseError):
        return _refused(str(error))
    if isinstance(error, RedisError | OSError):
        return f"Redis can't be reached: {error}"
    return NO_REDIS


def _refused(text: str) -> str:
    full = "OOM" in text.split("command not allowed", maxsplit=1)[0]
    return FULL if full else f"Redis refuses: {text}"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The one that is behind it."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
