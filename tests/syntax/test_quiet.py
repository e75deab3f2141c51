"""What may hold keys shows none in logs and tracebacks."""

from __future__ import annotations

import pytest

from siprecord.protocol.actions import Answer, OutgoingRequest
from siprecord.protocol.snapshot import TransactionSnapshot
from siprecord.recording.continuation import ExchangeSnapshot
from siprecord.recording.metadata_state import Labels
from siprecord.recording.plan import PlanSettings, Slots, plan_offer
from siprecord.syntax.quiet import Quiet
from siprecord.syntax.sdp import parse_sdp
from siprecord.syntax.sip import Headers, Request, parse_message
from tests.support import messages

KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
OFFER = messages.sdp(crypto=(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}",)) + f"k=clear:{KEY}\r\n"


def exchange(said: bytes) -> ExchangeSnapshot:
    return ExchangeSnapshot(
        address="127.0.0.1",
        session_id=1,
        streams=plan_offer(parse_sdp(OFFER.encode()), Slots(), PlanSettings(random=bytes)).open,
        ports={},
        names=(),
        labels=Labels(),
        masked=False,
        said=said,
    )


@pytest.mark.parametrize(
    "value",
    [
        parse_sdp(OFFER.encode()),
        parse_sdp((messages.sdp() + f"a=key-mgmt:mikey {KEY}\r\na=CRYPTO:1 X inline:{KEY}\r\n").encode()),
        plan_offer(parse_sdp(OFFER.encode()), Slots(), PlanSettings(random=bytes)),
        parse_message(messages.request("INVITE", "x", body=messages.multipart(OFFER))),
        Answer(200, body=OFFER.encode()),
        OutgoingRequest("INVITE", body=OFFER.encode()),
        exchange(OFFER.encode()),
        Request("INVITE", "sip:x", Headers([("Authorization", f'Digest response="{KEY}"')])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_key_is_in_a_repr(value: object) -> None:
    assert KEY[:10] not in repr(value)
    assert type(value).__name__ in repr(value)


def test_the_rest_is_shown() -> None:
    assert issubclass(TransactionSnapshot, Quiet)
    assert repr(Answer(200, "OK", body=b"1234")) == (
        "Answer(status=200, reason='OK', headers=(), content_type=None, body=(4 hidden))"
    )
