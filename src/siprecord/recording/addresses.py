"""Addresses of people as they can be compared: `sip:+49 30…@a;noa=4`, `tel:+4930…` and `Extension-12@b`."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

_SCHEME = re.compile(r"(?:sips?|tel|urn|mailto|im|pres):", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9().\- ]*[0-9]")
_INTERNAL = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_NAME_PARAMS = re.compile(r";\s*[\w-]+=.*$", re.DOTALL)

_MAX_REMEMBERED = 128
"""Characters of an address whose reading is remembered; ours, so that the memory has a bound."""


def address_key(aor: str) -> str:
    """What two spellings of one address have in common; "" for nothing that could tell people apart.

    A telephone number is its digits, whatever host serves it. Everything else is user@host in lower case.
    """
    return _known_key(aor) if len(aor) <= _MAX_REMEMBERED else _key(aor)


def _key(aor: str) -> str:
    bare = _SCHEME.sub("", aor.strip().strip("<>"), count=1)
    bare = bare.partition(";")[0].partition("?")[0].strip()
    user, at, host = bare.partition("@")
    user = user.partition(";")[0]
    if user.lower().startswith("extension-"):
        user = user[len("extension-") :]
    if _NUMBER.fullmatch(user):
        return "".join(char for char in user if char.isdigit())
    if user.lower() in ("", "anonymous", "unknown", "unavailable", "restricted"):
        return ""
    return f"{user}{at}{host.partition(':')[0]}".lower()


# An address is compared many times in one call, and comes back in the next.
_known_key = lru_cache(maxsize=1024)(_key)


def is_multicast(host: str) -> bool:
    """Whether a host is a multicast address; a name never is."""
    return len(host) <= _MAX_REMEMBERED and _known_multicast(host)


@lru_cache(maxsize=256)
def _known_multicast(host: str) -> bool:
    try:
        return ip_address(host).is_multicast
    except ValueError:
        return False


def literal(socket: tuple[str, int] | None) -> tuple[str, int] | None:
    """An address and port, if the host is an IP address and something can be sent there; a name never is."""
    if socket is None or not socket[1]:
        return None
    host, port = socket
    bare = host.partition("%")[0]
    known = _known_literal(bare) if len(bare) <= _MAX_REMEMBERED else None
    return (known, port) if known is not None else None


@lru_cache(maxsize=256)
def _known_literal(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return None if address.is_unspecified or address.is_multicast else str(address)


def is_internal(aor: str) -> bool:
    """Whether an address is an id within some system, which nobody could dial (Q59)."""
    return _INTERNAL.search(aor.partition("@")[0]) is not None


def shown_name(name: str | None) -> str | None:
    """A display name without the parameters that some clients let into it (Q55)."""
    if name is None:
        return None
    return _NAME_PARAMS.sub("", name).strip() or name.strip() or None
