"""The server transaction of every method but INVITE and ACK: RFC 3261 section 17.2.2, RFC 4320.

The rules:

1. The request again gets the last response again; before there is one it is absorbed.
2. The only provisional response is 100, and not before the client's own timer E has reached T2, which is
   3.5 s with the default T1 (RFC 4320 section 4.1). The owner arms the repeating timer so.
3. A request nobody answers is forgotten after 64*T1, when the client has given up as well; a 408 is never
   sent (RFC 4320 section 4.2).
4. After the final response duplicates are answered for 64*T1 on unreliable transports (timer J), further
   answers of the transaction user are ignored.
"""

from __future__ import annotations

from typing import Final

from siprecord.protocol.machine import Table
from siprecord.protocol.server_machine import ServerAction as A
from siprecord.protocol.server_machine import ServerInput as I
from siprecord.protocol.server_machine import ServerState as S

OTHER_SERVER: Final[Table[S, I, A]] = {
    (S.TRYING, I.REQUEST): ((), S.TRYING),
    (S.TRYING, I.PROVISIONAL): ((A.STOP_REPEAT, A.SEND), S.PROCEEDING),
    (S.TRYING, I.SUCCESS): ((A.STOP_REPEAT, A.SEND, A.START_LINGER), S.COMPLETED),
    (S.TRYING, I.FAILURE): ((A.STOP_REPEAT, A.SEND, A.START_LINGER), S.COMPLETED),
    (S.TRYING, I.REPEAT): ((A.SEND_TRYING,), S.PROCEEDING),
    (S.TRYING, I.LIMIT): ((A.STOP_REPEAT, A.FORGET, A.REPORT_NO_ANSWER), S.TERMINATED),
    (S.PROCEEDING, I.REQUEST): ((A.SEND_AGAIN,), S.PROCEEDING),
    (S.PROCEEDING, I.PROVISIONAL): ((A.SEND,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): ((A.SEND, A.START_LINGER), S.COMPLETED),
    (S.PROCEEDING, I.FAILURE): ((A.SEND, A.START_LINGER), S.COMPLETED),
    (S.PROCEEDING, I.LIMIT): ((A.FORGET, A.REPORT_NO_ANSWER), S.TERMINATED),
    (S.COMPLETED, I.REQUEST): ((A.SEND_AGAIN,), S.COMPLETED),
    (S.COMPLETED, I.LIMIT): ((A.FORGET,), S.TERMINATED),
}
"""Starts in TRYING. A pair that is missing has no effect."""
