"""What the recording logic costs: an INVITE from bytes to answer, a partial update, a long session."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence

from benchmarks.result import Result
from siprecord.protocol import Flow
from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.contents import read_contents
from siprecord.recording.identity import identify
from siprecord.recording.policy import read_signs
from siprecord.server.lifecycle import quiet_collector
from siprecord.syntax.sip import Request, parse_message, validate_request
from tests.support.recorder import Line, Playbook, body, only, request, sdp, uid, xml
from tests.support.vendor_messages import BROADWORKS, CUBE

ANSWER_TARGET_US = 500
UPDATE_TARGET_US = 1000
MEMORY_TARGET_KIB = 1024
ROUNDS = 5
INVITES = 200
UPDATES = 200
PEOPLE = 50
HISTORY = 1000
FLOW = Flow("udp", ("192.0.2.1", 5060), ("198.51.100.7", 5070))


def run() -> Sequence[Result]:
    """CPU time of this process, best of several rounds; memory as the interpreter counts it."""
    quiet_collector()
    cube, broadworks = CUBE.invite().raw, BROADWORKS.invite().raw
    return [
        _answering("siprec_cisco_us", cube),
        _answering("siprec_broadworks_us", broadworks),
        Result(
            "siprec_update_us",
            _best_us(_updates(), UPDATES),
            "µs",
            UPDATE_TARGET_US,
            note=f"a partial document on a conference of {PEOPLE}, from bytes to answer",
        ),
        Result(
            "siprec_history_kib",
            _history_kib(),
            "KiB",
            MEMORY_TARGET_KIB,
            note=f"what a session grows by over {HISTORY} metadata updates",
        ),
    ]


def _answering(name: str, invite: bytes) -> Result:
    def work() -> None:
        for _ in range(INVITES):
            answer(invite)

    note = f"{len(invite)} bytes, parsed, understood and answered, without sockets and files"
    return Result(name, _best_us(work, INVITES), "µs", ANSWER_TARGET_US, note=note)


def answer(invite: bytes) -> bytes:
    """All that is done between the bytes of an INVITE and those of its SDP answer."""
    message = parse_message(invite)
    assert isinstance(message, Request)
    validate_request(message)
    play = Playbook()
    contents = read_contents(message)
    event = events.InviteReceived("t", identify(message, FLOW), contents, read_signs(message))
    sdp_answer = only(play.tell(event), do.Answer).sdp
    assert sdp_answer is not None
    return sdp_answer.to_bytes()


def _updates() -> Callable[[], None]:
    """Somebody joins or leaves again and again; both are partial documents."""
    play = conference()
    messages = [request("UPDATE", body(None, _moved(number))).raw for number in (1, 2)]

    def work() -> None:
        for number in range(UPDATES):
            message = parse_message(messages[number % 2])
            assert isinstance(message, Request)
            play.tell(events.UpdateReceived("t", read_contents(message)))

    return work


def conference() -> Playbook:
    """A call with many people, each with a stream of their own on one mixed line."""
    play = Playbook()
    people = "".join(
        f'<participant participant_id="{uid(100 + number)}"><nameID aor="sip:p{number}@example.com">'
        f"<name>Person {number}</name></nameID></participant>"
        f'<stream stream_id="{uid(500 + number)}" session_id="{uid(1)}"/>'
        f'<participantsessionassoc participant_id="{uid(100 + number)}" session_id="{uid(1)}"/>'
        f'<participantstreamassoc participant_id="{uid(100 + number)}"><send>{uid(500 + number)}</send>'
        "</participantstreamassoc>"
        for number in range(PEOPLE)
    )
    play.call(sdp(Line()), xml(f'<session session_id="{uid(1)}"/>', people))
    return play


def _moved(number: int) -> bytes:
    stream = uid(500 + number)
    inner = f"<send>{stream}</send>"
    association = f'<participantstreamassoc participant_id="{uid(100)}">{inner}</participantstreamassoc>'
    return xml(association, mode="partial")


def _history_kib() -> float:
    play = conference()
    documents = [_moved(number) for number in (1, 2)]
    play.update(None, documents[0])
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(HISTORY):
        play.update(None, documents[number % 2])
        play.transcript.clear()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / 1024


def _best_us(work: Callable[[], None], count: int) -> float:
    def once() -> float:
        start = time.process_time()
        work()
        return (time.process_time() - start) / count * 1e6

    return min(once() for _ in range(ROUNDS))
