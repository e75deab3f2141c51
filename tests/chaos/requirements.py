"""R1 to R15, each with what proves it."""

from __future__ import annotations

from tests.chaos import (
    clock,
    cluster,
    endings,
    gaps,
    holder,
    links,
    merge,
    processes,
    recorder,
    room,
    services,
    start,
)
from tests.chaos.proof import Requirement

REQUIREMENTS = (
    Requirement("R1", "kill -9 of the recorder loses no audio", (recorder.packets, recorder.protected)),
    Requirement("R2", "dialogs, ports and keys outlive the recorder", (recorder.dialogs,)),
    Requirement("R3", "other processes may die too", (processes.renderer, holder.killed)),
    Requirement("R4", "planned drain", (processes.drained,)),
    Requirement("R5", "host loss with a floating address", (cluster.floating_address,)),
    Requirement("R6", "host loss without one: linked continuation", (cluster.linked_continuation,)),
    Requirement("R7", "2N: two recordings merged per packet", (merge.copies,)),
    Requirement(
        "R8",
        "services may fail while calls run",
        (cluster.redis_down, services.speech, services.rendering, services.http),
    ),
    Requirement(
        "R9", "only lack of room refuses, before the 200", (room.full_disk, room.no_ports, room.no_files)
    ),
    Requirement("R10", "what was unfinished is repaired at start", (start.repaired,)),
    Requirement("R11", "a missing BYE ends the recording", (endings.silence, endings.unrefreshed)),
    Requirement("R12", "every gap has its cause", (gaps.audit, links.bad_network, cluster.failover_gap)),
    Requirement("R13", "partition: record twice rather than not", (cluster.partition, cluster.cut_off)),
    Requirement("R14", "a repeated INVITE opens no second recording", (recorder.invite_again,)),
    Requirement("clock", "a clock that is set in mid-call changes nothing", (clock.clock_set,)),
)
REPORT = ("R15", "one command proves it")
"""The line of the report itself: proved when all others have a result in it."""
