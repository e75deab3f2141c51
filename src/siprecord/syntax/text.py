"""Text of peers, for whoever writes UTF-8.

Octets of a message that are no UTF-8 stand as lone surrogates in our text, so that they go back to the peer
as they came. No JSON and no document of ours can hold them: there they become question marks.
"""

from __future__ import annotations

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(enc_hook=str)


def to_json(value: object) -> bytes:
    """The value as JSON, whatever text of peers is in it; what JSON does not know as its `str`."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(writable(msgspec.to_builtins(value, enc_hook=str)))


def writable(value: Any) -> Any:
    """The same built-in value, without lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {writable(key): writable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [writable(each) for each in value]
    if isinstance(value, tuple):
        return tuple([writable(each) for each in value])
    return value
