"""What each vendor of the cheat sheet does in a call, from OPTIONS to BYE; `Vendor` has the first message."""

from __future__ import annotations

from dataclasses import replace

from tests.support import vendor_messages as by
from tests.support import vendors
from tests.support.recorder import uid
from tests.support.sipp_vendors import Script, Sound, Within, both, held, offered, told
from tests.support.vendors import BOTH, document

ALICE, BOB, CAROL = (f"sip:{name}@example.com" for name in ("alice", "bob", "carol"))
TRANSFERRED = (
    document().replace(vendors.BOB.encode(), uid(906).encode()).replace(BOB.encode(), CAROL.encode())
)
"""Bob is gone, Carol sends on label 2 in his place."""
AFTER_TRANSFER = {"1": (ALICE,), "2": (BOB, CAROL)}
METASWITCH_TRANSFER = (
    (by.METASWITCH.metadata or b"").replace(b"p-2", b"p-3").replace(BOB.encode(), CAROL.encode())
)
FIRST, SECOND, THIRD = Sound(), Sound(number=1), Sound(number=2)
LOST = replace(SECOND, heard=False)

_SCRIPTS = (
    Script(vendor=by.ORACLE, transport="tcp", ping=True),
    # CUBE begins inactive and turns the streams on once the call is up.
    Script(vendor=by.CUBE, steps=(Within(method="INVITE", content=offered("1", "2")), FIRST)),
    Script(vendor=by.NBR),
    Script(vendor=by.NEAR, delayed=offered(""), lines=1),
    Script(vendor=by.FAR, delayed=offered(""), lines=1),
    Script(
        vendor=by.BROADWORKS,
        steps=(
            FIRST,
            Within(method="INVITE", content=held("1", "2")),
            LOST,
            Within(method="INVITE", content=offered("1", "2")),
            THIRD,
        ),
    ),
    Script(vendor=by.WEBEX, transport="tls"),
    Script(
        vendor=by.AVAYA,
        transport="tcp",
        lines=3,
        steps=(FIRST, Within(method="UPDATE", content=told(document())), SECOND),
        people=("", ALICE, BOB),
        senders=BOTH,
    ),
    Script(
        vendor=by.METASWITCH,
        lines=1,
        steps=(
            FIRST,
            Within(method="INVITE", content=both(offered("16777227"), METASWITCH_TRANSFER)),
            SECOND,
        ),
        people=(ALICE, BOB, CAROL),
        senders={"16777227": (ALICE, CAROL)},
    ),
    Script(vendor=by.RIBBON, transport="tcp"),
    Script(
        vendor=by.AUDIOCODES,
        lines=4,
        steps=(FIRST, Within(method="INFO", content=told(TRANSFERRED)), SECOND),
        people=(ALICE, BOB, CAROL),
        senders=AFTER_TRANSFER,
    ),
    Script(vendor=by.GENESYS, transport="tcp", ping=True),
    Script(vendor=by.OPENSIPS),
    Script(
        vendor=by.FREESWITCH,
        steps=(
            FIRST,
            Within(method="INVITE", content=offered("b_leg", "a_leg", direction="inactive")),
            LOST,
            Within(method="INVITE", content=offered("b_leg", "a_leg")),
            THIRD,
        ),
    ),
    Script(vendor=by.NETSAPIENS),
    Script(vendor=by.TWILIO, transport="tcp"),
    Script(
        vendor=by.JAMBONZ,
        steps=(FIRST, Within(method="UPDATE", content=told(TRANSFERRED)), SECOND),
        people=(ALICE, BOB, CAROL),
        senders=AFTER_TRANSFER,
    ),
    Script(vendor=by.CONNECTEL),
)
SCRIPTS = tuple(replace(script, seed=1000 * number) for number, script in enumerate(_SCRIPTS, 1))
"""Each with voices of its own, so that no call can pass with the audio of another."""
