"""Who is recorded, and when there is no room."""

from __future__ import annotations

import pytest

from siprecord.recording.policy import Load, PolicySettings, busy, read_signs, recognise
from siprecord.syntax.sip import Request
from tests.support.recorder import request

BOTH, NONE = ("siprec",), ()
PLAIN = "<sip:src@198.51.100.7>"
TAGGED = PLAIN + ";+sip.src"
FULL = Load(calls=2, trunk_calls=2, trunk_max=2)


def invite(require: tuple[str, ...] = BOTH, contact: str = TAGGED, *more: tuple[str, str]) -> Request:
    return request("INVITE", headers=(*(("Require", row) for row in require), *more), contact=contact)


def taken(message: Request, *, metadata: bool = False, strict: bool = False, plain: bool = False) -> bool:
    settings = PolicySettings(strict=strict, plain_calls=plain)
    refused, _ = recognise(read_signs(message), has_metadata=metadata, settings=settings)
    return refused is None


@pytest.mark.parametrize(
    ("require", "contact", "strict", "lenient"),
    [
        (BOTH, TAGGED, True, True),
        (NONE, TAGGED, False, True),
        (BOTH, PLAIN, False, True),
        (NONE, PLAIN, False, False),
    ],
)
def test_RS_01_the_four_combinations(
    require: tuple[str, ...], contact: str, strict: bool, lenient: bool
) -> None:
    message = invite(require, contact)
    assert taken(message, strict=True) is strict
    assert taken(message) is lenient


@pytest.mark.parametrize(
    "rows", [("100rel,siprec",), ("100rel", "siprec"), ("SIPREC",), (" timer , Siprec ",)]
)
def test_RS_02_siprec_in_any_layout(rows: tuple[str, ...]) -> None:
    assert read_signs(invite(rows)).required


@pytest.mark.parametrize(
    ("contact", "tagged"),
    [
        (PLAIN + ";+sip.src", True),
        (PLAIN + ";+SIP.SRC", True),
        (PLAIN + ';+sip.src="TRUE"', True),
        (PLAIN + ';+sip.src="FALSE"', False),
        ("<sip:a@192.0.2.9;+sip.src>", False),
        (PLAIN, False),
    ],
)
def test_RS_04_RS_05_the_feature_tag(contact: str, tagged: bool) -> None:
    assert read_signs(invite(contact=contact)).tagged is tagged


@pytest.mark.parametrize("contact", [PLAIN + ";src", "<sip:a@192.0.2.9;+sip.src>"])
def test_FLD_01_near_misses_are_seen(contact: str) -> None:
    message = invite(contact=contact)
    refused, notes = recognise(read_signs(message), has_metadata=False, settings=PolicySettings())
    assert refused is None
    assert "+sip.src" in notes[0].text


def test_RS_06_a_plain_call_follows_the_setting() -> None:
    message = invite(NONE, PLAIN)
    assert not taken(message)
    assert taken(message, plain=True)


def test_RS_08_siprec_in_supported_alone_is_no_sign() -> None:
    message = invite(NONE, PLAIN, ("Supported", "siprec"))
    assert not taken(message)
    assert not taken(invite(NONE, TAGGED, ("Supported", "siprec")), strict=True)


def test_Q10_metadata_alone_is_sign_enough() -> None:
    assert taken(invite(NONE, PLAIN), metadata=True)


def test_RESP_09_421_names_what_is_required() -> None:
    settings = PolicySettings(plain_status=421)
    refused, _ = recognise(read_signs(invite(NONE, PLAIN)), has_metadata=False, settings=settings)
    assert refused is not None
    assert ("Require", "siprec") in refused.headers


@pytest.mark.parametrize(
    "load", [Load(draining=True), Load(problems=("The disk is full",)), Load(calls=5), FULL]
)
def test_RESP_14_RESP_20_no_room_is_503(load: Load) -> None:
    refused = busy(load, PolicySettings(max_calls=5))
    assert refused is not None
    assert refused.status == 503


def test_OVL_04_retry_after_tells_a_drain_from_a_peak() -> None:
    settings = PolicySettings(max_calls=5, retry_after_s=30)
    draining, full = busy(Load(draining=True), settings), busy(Load(calls=5), settings)
    assert draining is not None
    assert full is not None
    assert ("Retry-After", "30") in draining.headers
    assert "Retry-After" not in dict(full.headers)


def test_there_is_room() -> None:
    assert busy(Load(calls=4), PolicySettings(max_calls=5)) is None
    assert busy(Load(calls=4, trunk_calls=1, trunk_max=2), PolicySettings(max_calls=5)) is None
