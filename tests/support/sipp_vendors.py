"""Makes a SIPp scenario of a vendor's message: its own bytes, with SIPp's addresses and ids in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.pcap import PcapStream, write_pcap
from tests.support.recorder import Line, body, sdp
from tests.support.vendors import Vendor
from tests.support.voices import FRAME, PAYLOAD_TYPES, Law, Voice

Content = tuple[str | None, bytes]
OFFERED_HOST = "198.51.100.7"
FIRST_OFFERED, LAST_OFFERED = 40000, 40006
FIRST_CAPTURED = 30000
SPARE_MS = 250
"""SIPp plays in a thread of its own: how much longer a scenario waits than the sound lasts."""


@dataclass(frozen=True, kw_only=True)
class Sound:
    """All streams of the call at once, each in a voice of its own. `heard`: it is to be stored."""

    number: int = 0
    heard: bool = True


@dataclass(frozen=True, kw_only=True)
class Within:
    """A request within the dialog."""

    method: str
    content: Content = (None, b"")
    headers: tuple[tuple[str, str], ...] = ()


Step = Sound | Within


@dataclass(frozen=True, kw_only=True)
class Script:
    """What one vendor does from the first message to its BYE."""

    vendor: Vendor
    transport: str = "udp"
    steps: tuple[Step, ...] = (Sound(),)
    ping: bool = False
    """It asks by OPTIONS first whether the recorder is well."""
    delayed: Content | None = None
    """The INVITE goes without SDP, and this comes in the ACK."""
    lines: int = 2
    seed: int = 1000
    people: tuple[str, ...] | None = None
    """Who takes part in the end, where later messages tell more than the first."""
    senders: Mapping[str, tuple[str, ...]] | None = None
    """By label, who sent on it in the end; the same."""

    @property
    def name(self) -> str:
        return self.vendor.name

    @property
    def sounds(self) -> list[Sound]:
        return [step for step in self.steps if isinstance(step, Sound)]

    def voice(self, sound: Sound, line: int) -> Voice:
        law: Law = "pcma" if line % 2 else "pcmu"
        return Voice(self.seed + 10 * sound.number + line, 0.4, law)

    def write(self, folder: Path) -> str:
        """Write the captures that SIPp plays; gives the scenario."""
        return _Writer(self, folder).scenario()


class _Writer:
    def __init__(self, script: Script, folder: Path) -> None:
        self._script = script
        self._folder = folder
        self._number = 1
        self._frames = 0

    def scenario(self) -> str:
        script = self._script
        pieces = [_exchange(self._head("OPTIONS"), (None, b""))] if script.ping else []
        self._number = 1
        pieces.append(self._invite())
        for step in script.steps:
            pieces.append(self._play(step) if isinstance(step, Sound) else self._within(step))
        pieces.append(self._within(Within(method="BYE")))
        head = '<?xml version="1.0" encoding="UTF-8"?>'
        return f'{head}\n<scenario name="{script.name}">\n{"".join(pieces)}</scenario>\n'

    def _invite(self) -> str:
        invite = self._script.vendor.invite()
        own = {"via", "from", "to", "call-id", "cseq", "contact", "content-type", "content-length"}
        rows = [(name, value) for name, value in invite.headers.items() if name.lower() not in own]
        content = (invite.headers.get("Content-Type"), invite.body)
        if self._script.delayed is not None:
            content = (None, b"")
        ack = _send(self._head("ACK"), self._script.delayed or (None, b""), retransmit=False)
        return _exchange([*self._head("INVITE"), *rows], content) + ack

    def _within(self, step: Within) -> str:
        self._number += 1
        confirmed = [("Require", "siprec")] if step.method in ("INVITE", "UPDATE") else []
        text = _exchange([*self._head(step.method), *confirmed, *step.headers], step.content)
        if step.method == "INVITE":
            text += _send(self._head("ACK"), (None, b""), retransmit=False)
        return text

    def _play(self, sound: Sound) -> str:
        voices = [self._script.voice(sound, line) for line in range(self._script.lines)]
        capture = write_pcap(
            self._folder / f"{self._script.name}-{sound.number}.pcap", list(self._streams(voices))
        )
        self._frames += voices[0].packets
        milliseconds = voices[0].packets * 20 + SPARE_MS
        return (
            f'  <nop><action><exec play_pcap_audio="{capture}"/></action></nop>\n'
            f'  <pause milliseconds="{milliseconds}"/>\n'
        )

    def _streams(self, voices: Sequence[Voice]) -> Iterable[PcapStream]:
        for line, voice in enumerate(voices):
            yield PcapStream(
                payload=voice.codes,
                payload_type=PAYLOAD_TYPES[voice.law],
                port=FIRST_CAPTURED + 2 * line,
                ssrc=self._script.seed * 16 + line,
                sequence=100 + self._frames,
                timestamp=8000 + self._frames * FRAME,
            )

    def _head(self, method: str) -> list[tuple[str, str]]:
        vendor = self._script.vendor
        sender, _, _ = (vendor.from_ or "<sip:src@example.com>;tag=").rpartition(";tag=")
        answered = "" if method in ("INVITE", "OPTIONS") and self._number == 1 else "[peer_tag_param]"
        return [
            ("", f"{method} sip:recorder@[remote_ip]:[remote_port] SIP/2.0"),
            ("Via", "SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]"),
            ("From", f"{sender};tag=[pid]SIPpTag[call_number]"),
            ("To", f"<sip:recorder@[remote_ip]>{answered}"),
            ("Call-ID", "ping///[call_id]" if method == "OPTIONS" else "[call_id]"),
            ("CSeq", f"{self._number} {method}"),
            ("Max-Forwards", "70"),
            ("Contact", vendor.contact.replace(f"{OFFERED_HOST}:5070", "[local_ip]:[local_port]")),
        ]


def held(*labels: str) -> Content:
    """The old way of holding: SDP alone, the address 0.0.0.0 and no direction (Q20)."""
    return "application/sdp", _offer(labels, direction=None).replace(
        b"c=IN IP4 " + _HOST, b"c=IN IP4 0.0.0.0"
    )


def offered(*labels: str, direction: str | None = "sendonly") -> Content:
    """SDP alone, as many m-lines as labels; an empty one stands for none."""
    return "application/sdp", _offer(labels, direction=direction)


def told(document: bytes, *, content_type: str = "application/rs-metadata+xml") -> Content:
    """A metadata document, in a body of its own."""
    return content_type, document


def both(offer: Content, document: bytes) -> Content:
    """SDP and metadata."""
    return body(offer[1], document)


_HOST = OFFERED_HOST.encode()
_versions = iter(range(2, 10_000))


def _offer(labels: Sequence[str], *, direction: str | None) -> bytes:
    lines = (
        Line(label=label or None, port=FIRST_OFFERED + 2 * number, direction=direction)
        for number, label in enumerate(labels)
    )
    return sdp(*lines, version=next(_versions))


def _exchange(head: list[tuple[str, str]], content: Content) -> str:
    return (
        _send(head, content, retransmit=True)
        + '  <recv response="100" optional="true"/>\n  <recv response="200"/>\n'
    )


def _send(head: list[tuple[str, str]], content: Content, *, retransmit: bool) -> str:
    kind, data = content
    rows = [value if not name else f"{name}: {value}" for name, value in head]
    if kind is not None:
        rows.append(f"Content-Type: {kind}")
    rows.append("Content-Length: [len]")
    text = "\n".join([*rows, "", _with_fields(data)])
    again = ' retrans="500"' if retransmit else ""
    return f"  <send{again}><![CDATA[\n{text}\n]]></send>\n"


def _with_fields(data: bytes) -> str:
    """Our addresses become SIPp's; what can't stand in a scenario, the octets of ISUP, becomes text."""
    text = data.decode().replace("\r\n", "\n").replace("\x01\x00\x49", "IAM")
    text = text.replace(OFFERED_HOST, "[media_ip]")
    for port in range(FIRST_OFFERED, LAST_OFFERED + 1, 2):
        offset = port - FIRST_OFFERED
        field = f"[auto_media_port+{offset}]" if offset else "[auto_media_port]"
        text = text.replace(f"m=audio {port} ", f"m=audio {field} ")
    return text
