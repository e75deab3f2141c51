"""The INVITE server transaction: RFC 3261 section 17.2.1, as RFC 6026 corrected it.

The rules:

1. A 100 goes out after 200 ms, unless the transaction user has said something by then. Each minute without
   news is reported, because a 1xx is due then (section 13.3.1.1).
2. The INVITE again gets the last provisional or failure response again. After a 2xx it is absorbed in
   silence for 64*T1 (timer L), because the 2xx repeats by itself.
3. A 2xx is repeated at T1, doubling up to T2, on *every* transport, until the ACK comes (section 13.3.1.4):
   a proxy on the way may have sent it on over UDP. RFC 3261 makes this the task of the transaction user's
   core; it stands here because it needs the same timers. No ACK within 64*T1 is reported.
4. A failure response is repeated (timer G) on unreliable transports until its ACK, or until timer H. The
   ACK is absorbed; duplicates of it are for T4 (timer I).
5. A transport error changes nothing (RFC 6026 section 7.1), and so it is no input at all.
"""

from __future__ import annotations

from typing import Final

from siprecord.protocol.machine import Table
from siprecord.protocol.server_machine import ServerAction as A
from siprecord.protocol.server_machine import ServerInput as I
from siprecord.protocol.server_machine import ServerState as S

_NEWS = (A.STOP_REPEAT, A.SEND, A.START_REMINDER)
_ACCEPT = (A.STOP_REPEAT, A.SEND, A.START_REPEAT, A.START_LIMIT)
_REFUSE = (A.STOP_REPEAT, A.SEND, A.START_REPEAT_IF_UNRELIABLE, A.START_LIMIT)

INVITE_SERVER: Final[Table[S, I, A]] = {
    (S.PROCEEDING, I.REQUEST): ((A.SEND_AGAIN,), S.PROCEEDING),
    (S.PROCEEDING, I.ACK): ((), S.PROCEEDING),
    (S.PROCEEDING, I.PROVISIONAL): (_NEWS, S.WAITING),
    (S.PROCEEDING, I.SUCCESS): (_ACCEPT, S.ACCEPTED),
    (S.PROCEEDING, I.FAILURE): (_REFUSE, S.COMPLETED),
    (S.PROCEEDING, I.REPEAT): ((A.SEND_TRYING, A.START_REMINDER), S.WAITING),
    (S.PROCEEDING, I.LIMIT): ((A.REPORT_NO_ANSWER,), S.PROCEEDING),
    (S.WAITING, I.REQUEST): ((A.SEND_AGAIN,), S.WAITING),
    (S.WAITING, I.ACK): ((), S.WAITING),
    (S.WAITING, I.PROVISIONAL): (_NEWS, S.WAITING),
    (S.WAITING, I.SUCCESS): (_ACCEPT, S.ACCEPTED),
    (S.WAITING, I.FAILURE): (_REFUSE, S.COMPLETED),
    (S.WAITING, I.REPEAT): ((A.START_REMINDER, A.REPORT_NO_NEWS), S.WAITING),
    (S.WAITING, I.LIMIT): ((A.REPORT_NO_ANSWER,), S.WAITING),
    (S.ACCEPTED, I.REQUEST): ((), S.ACCEPTED),
    (S.ACCEPTED, I.ACK): ((A.STOP_REPEAT, A.REPORT_ACK), S.ACKNOWLEDGED),
    (S.ACCEPTED, I.REPEAT): ((A.SEND_AGAIN, A.BACK_OFF), S.ACCEPTED),
    (S.ACCEPTED, I.LIMIT): ((A.STOP_REPEAT, A.FORGET, A.REPORT_NO_ACK), S.TERMINATED),
    (S.ACKNOWLEDGED, I.REQUEST): ((), S.ACKNOWLEDGED),
    (S.ACKNOWLEDGED, I.ACK): ((), S.ACKNOWLEDGED),
    (S.ACKNOWLEDGED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
    (S.COMPLETED, I.REQUEST): ((A.SEND_AGAIN,), S.COMPLETED),
    (S.COMPLETED, I.ACK): ((A.STOP_REPEAT, A.START_LINGER), S.CONFIRMED),
    (S.COMPLETED, I.REPEAT): ((A.SEND_AGAIN, A.BACK_OFF), S.COMPLETED),
    (S.COMPLETED, I.LIMIT): ((A.STOP_REPEAT, A.FORGET), S.TERMINATED),
    (S.CONFIRMED, I.REQUEST): ((), S.CONFIRMED),
    (S.CONFIRMED, I.ACK): ((), S.CONFIRMED),
    (S.CONFIRMED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
}
"""Starts in PROCEEDING. A pair that is missing has no effect: an answer after the final one, a timer that was
cancelled."""
