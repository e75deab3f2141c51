"""The client transaction of every method but INVITE and ACK: RFC 3261 section 17.1.2.

The rules:

1. On unreliable transports the request repeats at T1, doubling up to T2 (timer E); each T2 once a provisional
   response came.
2. No final response within 64*T1 (timer F), or a broken connection: the request timed out.
3. After the final response duplicates of it are absorbed for T4 on unreliable transports (timer K).
"""

from __future__ import annotations

from typing import Final

from siprecord.protocol.client_machine import ClientAction as A
from siprecord.protocol.client_machine import ClientInput as I
from siprecord.protocol.client_machine import ClientState as S
from siprecord.protocol.machine import Table

_FINAL = (A.STOP_REPEAT, A.START_LINGER, A.DELIVER)
_GONE = (A.STOP_REPEAT, A.FORGET, A.REPORT_TIMEOUT)

OTHER_CLIENT: Final[Table[S, I, A]] = {
    (S.TRYING, I.PROVISIONAL): ((A.DELIVER,), S.PROCEEDING),
    (S.TRYING, I.SUCCESS): (_FINAL, S.COMPLETED),
    (S.TRYING, I.FAILURE): (_FINAL, S.COMPLETED),
    (S.TRYING, I.REPEAT): ((A.SEND_AGAIN, A.BACK_OFF_TO_T2), S.TRYING),
    (S.TRYING, I.LIMIT): (_GONE, S.TERMINATED),
    (S.TRYING, I.BROKEN): (_GONE, S.TERMINATED),
    (S.PROCEEDING, I.PROVISIONAL): ((A.DELIVER,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): (_FINAL, S.COMPLETED),
    (S.PROCEEDING, I.FAILURE): (_FINAL, S.COMPLETED),
    (S.PROCEEDING, I.REPEAT): ((A.SEND_AGAIN, A.REPEAT_AT_T2), S.PROCEEDING),
    (S.PROCEEDING, I.LIMIT): (_GONE, S.TERMINATED),
    (S.PROCEEDING, I.BROKEN): (_GONE, S.TERMINATED),
    (S.COMPLETED, I.PROVISIONAL): ((), S.COMPLETED),
    (S.COMPLETED, I.SUCCESS): ((), S.COMPLETED),
    (S.COMPLETED, I.FAILURE): ((), S.COMPLETED),
    (S.COMPLETED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
    (S.COMPLETED, I.BROKEN): ((), S.COMPLETED),
}
"""Starts in TRYING. A pair that is missing has no effect."""
