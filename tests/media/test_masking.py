"""Which payload types may tell of keys; what becomes of their packets is tested from outside and in Rust."""

from __future__ import annotations

from siprecord.media.engine import event_types


def test_PAY_14_those_named_and_those_never_negotiated() -> None:
    events, suspects, tones = event_types(
        {
            "0": {"encoding": "PCMU", "rate": 8000},
            "96": {"encoding": "opus", "rate": 48000},
            "101": {"encoding": "Telephone-Event", "rate": 8000},
            "102": {"encoding": "tone", "rate": 8000},
        }
    )
    assert (events, tones) == ([101], [102])
    assert set(range(96, 128)) - set(suspects) == {96, 101, 102}


def test_what_can_not_be_read_names_nothing() -> None:
    every = list(range(96, 128))
    for payloads in (
        None,
        "x",
        {"a": {"encoding": "telephone-event"}, "5": None, "200": {"encoding": "tone"}},
    ):
        assert event_types(payloads) == ([], every, [])
