from __future__ import annotations

from types import MappingProxyType

import msgspec
import pytest

from siprecord.syntax.text import to_json, writable

ODD = b"sip:\xff\xfe@a".decode("utf-8", "surrogateescape")


class Value(msgspec.Struct):
    uri: str


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ({"a": "é", "b": [1, None]}, '{"a":"é","b":[1,null]}'),
        ({"a": ODD, ODD: (ODD, 1.5, True)}, '{"a":"sip:??@a","sip:??@a":["sip:??@a",1.5,true]}'),
        ([Value(ODD)], '[{"uri":"sip:??@a"}]'),
        ({"a": ODD, "b": MappingProxyType({})}, '{"a":"sip:??@a","b":"{}"}'),
    ],
)
def test_any_text_of_a_peer_can_be_written_as_json(value: object, json: str) -> None:
    assert to_json(value) == json.encode()


def test_what_is_no_text_stays_as_it_is() -> None:
    value = {1: (b"\xff", 2.5, None), ("a", "b"): ["c"]}
    assert writable(value) == value
