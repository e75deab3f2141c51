"""How we say no."""

from __future__ import annotations

from siprecord.protocol import Answer
from siprecord.recording.refusal import Refusal


def refusing(refusal: Refusal) -> Answer:
    """The answer that says no."""
    return Answer(refusal.status, refusal.reason, refusal.headers)


def explain(refusal: Refusal) -> str:
    """Why, in the words of the refusal itself: its reason phrase, or the text of its Warning."""
    warning = dict(refusal.headers).get("Warning", "")
    return refusal.reason or warning.partition('"')[2].rstrip('"')
