"""What the holder keeps of a call is damaged, or of another release: that costs this call only."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.storm import kill
from tests.support.cluster import Phone, document, packets, running, until
from tests.system.conftest import Start

HEAD = struct.Struct("<8sQII")
SLOTS = 0, 2 << 20


def kept(pid: int, name: str) -> Iterator[int]:
    """Descriptors of what a process keeps under this name, opened anew."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        if f"memfd:{name}" in str(link.readlink()):
            fd = os.open(link, os.O_RDWR)
            yield fd
            os.close(fd)


def change(fd: int, state: bytes, other: bytes, *, sealed: bool) -> bool:
    """Replace bytes of the state of a call wherever they stand, with its checksum if `sealed`."""
    changed = False
    for slot in SLOTS:
        head = os.pread(fd, HEAD.size, slot)
        if len(head) < HEAD.size:
            continue
        magic, number, length, checksum = HEAD.unpack(head)
        data = os.pread(fd, length, slot + HEAD.size)
        if state in data:
            data = data.replace(state, other)
            checksum = zlib.crc32(data) if sealed else checksum
            os.pwrite(fd, HEAD.pack(magic, number, length, checksum) + data, slot)
            changed = True
    return changed


def test_R2_what_is_kept_of_a_call_and_can_t_be_used_costs_that_call_only(start_server: Start) -> None:
    server = start_server()
    phone = Phone()
    talks = {name: phone.call(server.sip_port, name) for name in ("call-good", "call-torn", "call-odd")}
    for talk in talks.values():
        talk.speak(5)
    until(lambda: packets(server) == 30, "all are recorded")
    before = server.recorder_pid
    done = 0
    for fd in kept(server.pid, "siprecord-call"):
        done += change(fd, b"call-torn", b"call-worn", sealed=False)
        holds_odd = change(fd, b"call-odd", b"call-odd", sealed=True)
        done += holds_odd and change(fd, b"\xa7version\x01", b"\xa7version\x7f", sealed=True)
    assert done == 2
    kill(before)
    until(lambda: server.recorder_pid != before, "another recorder is there")
    assert [call["call_id"] for call in running(server)] == ["call-good"]
    talks["call-good"].speak(5)
    assert talks["call-good"].bye(server.sip_port).status == 200
    rows = {row["sip"]["call_id"]: row for row in map(document, server.wait_recordings(3))}
    received = {name: [each["packets_received"] for each in row["streams"]] for name, row in rows.items()}
    assert received == {"call-good": [10, 10], "call-torn": [5, 5], "call-odd": [5, 5]}
    outcomes = {name: row["outcome"] for name, row in rows.items()}
    assert outcomes == {"call-good": "complete", "call-torn": "interrupted", "call-odd": "interrupted"}
    log = server.log.read_text()
    assert log.count("its state was never written, or is damaged") == 1
    assert log.count("its state has version 127; this siprecord knows version 1") == 1
    phone.close()
