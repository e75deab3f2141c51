"""The INVITE client transaction: RFC 3261 section 17.1.1, as RFC 6026 corrected it.

The rules:

1. The INVITE repeats at T1, doubling without a cap (timer A), on unreliable transports, until anything
   comes back.
2. Nothing within 64*T1 (timer B), or a broken connection before anything came: the request timed out.
3. A provisional response stops the repetition. A call may then ring for our patience, which RFC 3261
   leaves to us; then it is cancelled. A cancelled INVITE has 64*T1 for its final response (section 9.1).
4. A failure response is acknowledged in the transaction, each time it comes, for 32 s on UDP (timer D).
5. A 2xx is acknowledged outside of it, by the dialog. Its repetitions get that ACK again for 64*T1 (timer
   M).
"""

from __future__ import annotations

from typing import Final

from siprecord.protocol.client_machine import ClientAction as A
from siprecord.protocol.client_machine import ClientInput as I
from siprecord.protocol.client_machine import ClientState as S
from siprecord.protocol.machine import Table

_FAILED = (A.STOP_REPEAT, A.ACKNOWLEDGE, A.START_LINGER, A.DELIVER)
_ACCEPTED = (A.STOP_REPEAT, A.START_LIMIT, A.DELIVER)
_CANCEL = (A.CANCEL, A.START_LIMIT)
_GONE = (A.STOP_REPEAT, A.FORGET, A.REPORT_TIMEOUT)

INVITE_CLIENT: Final[Table[S, I, A]] = {
    (S.CALLING, I.PROVISIONAL): ((A.STOP_REPEAT, A.START_PATIENCE, A.DELIVER), S.PROCEEDING),
    (S.CALLING, I.SUCCESS): (_ACCEPTED, S.ACCEPTED),
    (S.CALLING, I.FAILURE): (_FAILED, S.COMPLETED),
    (S.CALLING, I.REPEAT): ((A.SEND_AGAIN, A.BACK_OFF), S.CALLING),
    (S.CALLING, I.LIMIT): (_GONE, S.TERMINATED),
    (S.CALLING, I.BROKEN): (_GONE, S.TERMINATED),
    (S.PROCEEDING, I.PROVISIONAL): ((A.DELIVER,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): (_ACCEPTED, S.ACCEPTED),
    (S.PROCEEDING, I.FAILURE): (_FAILED, S.COMPLETED),
    (S.PROCEEDING, I.CANCEL): (_CANCEL, S.CANCELLING),
    (S.PROCEEDING, I.LIMIT): (_CANCEL, S.CANCELLING),
    (S.PROCEEDING, I.BROKEN): ((), S.PROCEEDING),
    (S.CANCELLING, I.PROVISIONAL): ((), S.CANCELLING),
    (S.CANCELLING, I.SUCCESS): (_ACCEPTED, S.ACCEPTED),
    (S.CANCELLING, I.FAILURE): (_FAILED, S.COMPLETED),
    (S.CANCELLING, I.LIMIT): (_GONE, S.TERMINATED),
    (S.CANCELLING, I.BROKEN): (_GONE, S.TERMINATED),
    (S.ACCEPTED, I.PROVISIONAL): ((), S.ACCEPTED),
    (S.ACCEPTED, I.SUCCESS): ((A.ACKNOWLEDGE_AGAIN,), S.ACCEPTED),
    (S.ACCEPTED, I.FAILURE): ((), S.ACCEPTED),
    (S.ACCEPTED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
    (S.ACCEPTED, I.BROKEN): ((), S.ACCEPTED),
    (S.COMPLETED, I.PROVISIONAL): ((), S.COMPLETED),
    (S.COMPLETED, I.SUCCESS): ((), S.COMPLETED),
    (S.COMPLETED, I.FAILURE): ((A.ACKNOWLEDGE,), S.COMPLETED),
    (S.COMPLETED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
    (S.COMPLETED, I.BROKEN): ((), S.COMPLETED),
}
"""Starts in CALLING. A pair that is missing has no effect."""
