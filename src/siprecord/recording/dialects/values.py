"""Normal forms of the ids that name a call in more than one system."""

from __future__ import annotations

import re

NIL_UUID = "0" * 32
_HEX_UCID = re.compile(r"(?:0[04])?FA08([0-9A-F]{16})")
_UUID = re.compile(r"[0-9a-f]{32}")
_GUID = re.compile(r"\d{1,10}(?:-\d{1,10}){3}")


def ucid(text: str) -> str:
    """An Avaya universal call id as the 20 digits that Avaya's own tools show, else the text as it is.

    It comes as these digits, as 16 hex digits, or as a tag of user-to-user data: 00FA08…, 04FA08…, FA08….
    """
    bare = text.partition(";")[0].strip().upper()
    found = _HEX_UCID.search(bare)
    digits = found[1] if found else bare
    if re.fullmatch(r"[0-9A-F]{16}", digits):
        node, sequence, time = int(digits[:4], 16), int(digits[4:8], 16), int(digits[8:], 16)
        return f"{node:05d}{sequence:05d}{time:010d}"
    return bare


def find_ucid(data: str) -> str | None:
    """The UCID within user-to-user data in hex, if it holds one (tag FA, eight octets)."""
    return ucid(data) if _HEX_UCID.search(data.partition(";")[0].strip().upper()) else None


def guid(text: str) -> str:
    """A Cisco GUID, four decimal words, as 32 hex digits; other text as it is."""
    bare = text.strip()
    if _GUID.fullmatch(bare):
        words = [int(word) for word in bare.split("-")]
        if all(word < 1 << 32 for word in words):
            return "".join(f"{word:08x}" for word in words)
    return bare


def uuid(text: str) -> str:
    """A UUID as 32 hex digits in lower case, however it is written; other text as it is."""
    bare = text.strip().strip("{}").lower().removeprefix("urn:uuid:").replace("-", "")
    return bare if _UUID.fullmatch(bare) else text.strip()


def session_uuids(text: str) -> list[str]:
    """The UUIDs of a Session-ID (RFC 7989 section 5), the local one first; nil ones mean nothing."""
    local, _, params = text.partition(";")
    found = [local.strip().lower()]
    for param in params.split(";"):
        name, _, value = param.partition("=")
        if name.strip().lower() == "remote":
            found.append(value.strip().lower())
    return [each for each in found if _UUID.fullmatch(each) and each != NIL_UUID]


def same(text: str) -> str:
    """The text as it is."""
    return text.strip()
