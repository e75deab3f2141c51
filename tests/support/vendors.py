"""INVITEs as vendors write them, made by hand from public descriptions; names and numbers are invented.

Each has what is right to answer and to understand. `siprecord` is held to them by
tests/recording/dialects/test_vendors.py, and SIPp or any other client may play them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from siprecord.syntax.sip import Request
from tests.support.recorder import Line, multipart, part, request, uid

G1, S1 = uid(900), uid(901)
ALICE, BOB, X1, X2 = uid(902), uid(903), uid(904), uid(905)
UCID_HEX, UCID = "00FA080019001038F725B3", "00025000160955721139"  # 0019 0010 38F725B3
LOCAL_UUID, REMOTE_UUID = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2"
SESSION_ID = ("Session-ID", f"{LOCAL_UUID};remote={REMOTE_UUID}")
STANDARD = "urn:ietf:params:xml:ns:recording:1"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What should come of it: our answer line by line, and what we should understand."""

    vendor: str
    answer: tuple[tuple[str | None, str], ...] = (("1", "recvonly"), ("2", "recvonly"))
    ids: frozenset[tuple[str, str]] = frozenset()
    direction: str | None = None
    people: tuple[str, ...] = ("sip:alice@example.com", "sip:bob@example.com")
    senders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By label, the addresses of who sends."""
    caller: str | None = None
    callee: str | None = None
    quirks: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One message."""

    name: str
    rows: tuple[str, ...]
    """Rows of the cheat sheet and of the quirk tables that it stands for."""
    expected: Expected
    headers: tuple[tuple[str, str], ...] = ()
    contact: str = "<sip:sbc@198.51.100.7:5070>;+sip.src"
    offer: bytes | None = None
    metadata: bytes | None = None
    metadata_type: str = "application/rs-metadata+xml"
    others: tuple[bytes, ...] = ()
    metadata_first: bool = False
    raw_body: tuple[str, bytes] | None = None
    from_: str | None = None

    def invite(self) -> Request:
        """The message."""
        message = request("INVITE", self.body(), headers=self.headers, contact=self.contact)
        if self.from_ is not None:
            message.headers.set("From", self.from_)
        message.raw = message.to_bytes()
        return message

    def body(self) -> tuple[str | None, bytes]:
        if self.raw_body is not None:
            return self.raw_body
        if self.metadata is None:
            return ("application/sdp", self.offer) if self.offer else (None, b"")
        disposition = "Content-Disposition: recording-session"
        parts = [
            *([part("application/sdp", self.offer)] if self.offer else []),
            part(self.metadata_type, self.metadata, disposition),
        ]
        if self.metadata_first:
            parts.reverse()
        return multipart(*parts, *self.others)


def document(
    *more: str, namespace: str = STANDARD, person: dict[str, str] | None = None, streams: bool = True
) -> bytes:
    """Alice on label 1 and Bob on label 2; `person` adds extension data to one of them."""
    extra = person or {}
    inner = [
        f'<group group_id="{G1}"/>',
        f'<session session_id="{S1}"><sipSessionID>{LOCAL_UUID};remote={REMOTE_UUID}</sipSessionID>'
        f"<group-ref>{G1}</group-ref></session>",
    ]
    for who, aor, name in ((ALICE, "sip:alice@example.com", "Alice"), (BOB, "sip:bob@example.com", "Bob")):
        inner.append(
            f'<participant participant_id="{who}"><nameID aor="{aor}"><name>{name}</name></nameID>'
            f"{extra.get(who, '')}</participant>"
        )
    if streams:
        for stream, label, who in ((X1, "1", ALICE), (X2, "2", BOB)):
            inner.append(f'<stream stream_id="{stream}" session_id="{S1}"><label>{label}</label></stream>')
            other = X2 if stream == X1 else X1
            inner.append(
                f'<participantstreamassoc participant_id="{who}"><send>{stream}</send>'
                f"<recv>{other}</recv></participantstreamassoc>"
            )
    text = "".join(("<datamode>complete</datamode>", *inner, *more))
    return f'<?xml version="1.0"?><recording xmlns="{namespace}">{text}</recording>'.encode()


TWO = (Line(label="1"), Line(label="2", port=40002))
BOTH = {"1": ("sip:alice@example.com",), "2": ("sip:bob@example.com",)}
SIPREC = ("Require", "siprec")
GROUP_IDS = frozenset({("session-id", LOCAL_UUID), ("session-id", REMOTE_UUID)})
