"""Captures from the field, written here with `struct` alone, and what `inspect` makes of them."""

from __future__ import annotations

import gzip
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.cli.anonymise import anonymised
from siprecord.cli.field.files import Frame
from siprecord.cli.field.messages import assemble, sip_messages
from siprecord.cli.field.packets import Unpacker
from siprecord.syntax.sip import Request, parse_message
from tests.cli.conftest import Run
from tests.support.vendor_messages import AUDIOCODES, BROADWORKS, CUBE, VENDORS
from tests.support.vendors import Vendor

SRC, SRS = "192.0.2.10", "203.0.113.5"
INVITE = CUBE.invite().raw


def ipv4(kind: int, payload: bytes, *, number: int = 1, offset: int = 0, more: bool = False) -> bytes:
    flags = offset // 8 | (0x2000 if more else 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, len(payload) + 20, number, flags, 64, kind, 0)
    return head + ip_address(SRC).packed + ip_address(SRS).packed + payload


def ipv6(kind: int, payload: bytes) -> bytes:
    hosts = ip_address("2001:db8::1").packed + ip_address("2001:db8::2").packed
    return struct.pack(">IHBB", 6 << 28, len(payload), kind, 64) + hosts + payload


def udp(data: bytes) -> bytes:
    return struct.pack(">HHHH", 5060, 5060, len(data) + 8, 0) + data


def tcp(data: bytes, sequence: int, *, syn: bool = False) -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, 5060, sequence, 0, 0x50, 2 if syn else 0x18, 0, 0, 0) + data


def ethernet(packet: bytes, *vlans: int) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    tags = b"".join(struct.pack(">HH", 0x8100, each) for each in vlans)
    return bytes(12) + tags + struct.pack(">H", kind) + packet


def pcap(*frames: bytes, link: int = 1, order: str = "<") -> bytes:
    head = struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    return head + b"".join(struct.pack(order + "IIII", 7, 5, len(each), len(each)) + each for each in frames)


def pcapng(*frames: bytes, link: int = 1) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    blocks = [block(0x0A0D0D0A, section), block(1, struct.pack("<HHI", link, 0, 0))]
    blocks += [block(6, struct.pack("<IIIII", 0, 0, 7, len(each), len(each)) + each) for each in frames]
    return b"".join(blocks)


def found(tmp_path: Path, capture: bytes) -> list[bytes]:
    file = tmp_path / "trace"
    file.write_bytes(capture)
    return [each.data for each in sip_messages(file).messages]


@pytest.mark.parametrize(
    "capture",
    [
        pcap(ethernet(ipv4(17, udp(INVITE)))),
        pcap(ethernet(ipv4(17, udp(INVITE))), order=">"),
        pcap(ethernet(ipv6(17, udp(INVITE)))),
        pcap(ethernet(ipv4(17, udp(INVITE)), 5, 6)),
        pcap(ipv4(17, udp(INVITE)), link=101),
        pcap(bytes(14) + b"\x08\x00" + ipv4(17, udp(INVITE)), link=113),
        pcap(b"\x08\x00" + bytes(18) + ipv4(17, udp(INVITE)), link=276),
        pcapng(ethernet(ipv4(17, udp(INVITE)))),
    ],
)
def test_a_datagram_in_any_wrapping(tmp_path: Path, capture: bytes) -> None:
    assert found(tmp_path, capture) == [INVITE]


def test_a_file_that_breaks_off_gives_what_it_holds(tmp_path: Path) -> None:
    frame = ethernet(ipv4(17, udp(INVITE)))
    assert found(tmp_path, pcap(frame, frame)[:-10]) == [INVITE]


def test_Q03_fragments_in_any_order(tmp_path: Path) -> None:
    whole = udp(INVITE)
    cut = 1024
    first, last = ipv4(17, whole[:cut], more=True), ipv4(17, whole[cut:], offset=cut)
    assert found(tmp_path, pcap(ethernet(last), ethernet(first))) == [INVITE]


def test_a_tcp_stream_out_of_order_and_with_repeats(tmp_path: Path) -> None:
    data = INVITE + INVITE.replace(b"call-1", b"call-2")
    start = (1 << 32) - 100
    pieces = [(start + 1 + at, data[at : at + 500]) for at in range(0, len(data), 500)]
    order = [pieces[0], pieces[2], pieces[1], pieces[1], *pieces[3:]]
    frames = [ethernet(ipv4(6, tcp(b"", start, syn=True)))]
    frames += [ethernet(ipv4(6, tcp(piece, sequence % (1 << 32)))) for sequence, piece in order]
    assert b"".join(found(tmp_path, pcap(*frames))) == data


def test_a_stream_whose_beginning_is_missing_begins_at_a_message(tmp_path: Path) -> None:
    frames = [tcp(b"the end of something\r\n", 10), tcp(INVITE, 32)]
    assert found(tmp_path, pcap(*(ethernet(ipv4(6, each)) for each in frames))) == [INVITE]


def test_after_a_lost_segment_the_next_message_is_read(tmp_path: Path) -> None:
    frames = [tcp(INVITE[:100], 0), *(tcp(INVITE, 5000 + number * len(INVITE)) for number in range(300))]
    assert len(found(tmp_path, pcap(*(ethernet(ipv4(6, each)) for each in frames)))) > 250


@given(st.binary(max_size=300), st.sampled_from([0, 1, 12, 101, 113, 276, 999]))
def test_any_frame_is_read_or_left(data: bytes, link: int) -> None:
    list(assemble(Unpacker().segments(Frame(0, link, data))))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    good = pcapng(ethernet(ipv4(17, udp(INVITE))))
    file = tmp_path_factory.mktemp("noise") / "x"
    file.write_bytes(good[:at] + noise + good[at + len(noise) :])
    if file.read_bytes()[:4] == good[:4]:
        sip_messages(file)


# ---- the command ---------------------------------------------------------------------------------


def test_a_trace_is_explained(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "trace.pcap"
    file.write_bytes(pcap(ethernet(ipv4(17, udp(AUDIOCODES.invite().raw)))))
    text = run("inspect", file).text
    wanted = ("4 of 4 streams would be recorded", "audiocodes", "ucid", "to change: ", "We would answer")
    for part in wanted:
        assert part in text


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_every_vendor_is_explained(run: Run, tmp_path: Path, vendor: Vendor) -> None:
    file = tmp_path / "invite.sip"
    file.write_bytes(vendor.invite().raw)
    told = run("inspect", file, "--json").json
    assert told["vendor"] == vendor.expected.vendor
    assert "would be recorded" in told["verdict"]
    assert [line for line in told["answer"] if line.startswith("m=audio")]
    assert vendor.expected.quirks <= {each["reference"] for each in told["deviations"]}


WHOLE = pcap(ethernet(ipv4(17, udp(INVITE))))
WHOLE_NG = pcapng(ethernet(ipv4(17, udp(INVITE))))
TLS = (tcp(b"\x16\x03\x01\x02\x00" + bytes(200), 1 + 205 * number) for number in range(3))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"hello\n", "is no SIP message that can be read: start line 'hello'"),
        (bytes(4000), "is no text, and no capture that is known (pcap or pcapng)"),
        (gzip.compress(WHOLE), "is compressed; unpack it first: gunzip"),
        (b"PK\x03\x04" + bytes(50), "is a zip archive; unpack it first"),
        (b"snoop\0\0\0", "is a capture of snoop; convert it first"),
        (pcap(), "it holds no packet at all"),
        (pcapng(), "it holds no packet at all"),
        (WHOLE[:10], "it breaks off before its first packet"),
        (WHOLE[:300], "it breaks off before its first packet"),
        (WHOLE_NG[:40], "it breaks off before its first packet"),
        (WHOLE_NG[:400], "it breaks off before its first packet"),
        (pcap(ethernet(ipv4(17, udp(b"\x80\x00hello")))), "its 1 UDP and TCP packets hold none"),
        (pcap(bytes(60)), "none of its 1 packets is UDP or TCP; was it taken on the right interface?"),
        (pcap(*(ethernet(ipv4(6, each)) for each in TLS)), "it is TLS: capture behind"),
        (pcap(ethernet(ipv4(6, tcp(INVITE[:500], 1)))), "a SIP message begins in it, but its end is missing"),
    ],
)
def test_what_can_not_be_explained_is_named(run: Run, tmp_path: Path, data: bytes, says: str) -> None:
    file = tmp_path / "trace.pcap"
    file.write_bytes(data)
    outcome = run("inspect", file)
    assert (outcome.code, says in str(outcome.error)) == (1, True), outcome.error


def test_a_file_that_breaks_off_says_so(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "trace.pcap"
    frame = ethernet(ipv4(17, udp(INVITE)))
    for whole in (pcap(frame, frame), pcapng(frame, frame)):
        file.write_bytes(whole)
        assert run("inspect", file, "--json").json["cut"] is False
        file.write_bytes(whole[:-10])
        assert run("inspect", file, "--json").json["cut"] is True
        assert "The file breaks off" in run("inspect", file).text


def test_sip_over_tcp_segments_is_explained(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "trace.pcap"
    frames = [tcp(INVITE[at : at + 536], 1 + at) for at in range(0, len(INVITE), 536)]
    file.write_bytes(pcapng(*(ethernet(ipv4(6, each)) for each in frames)))
    (told,) = run("inspect", file, "--json").json["explained"]
    assert told["vendor"] == "cisco-cube"


def test_a_fixture_tells_nothing_of_the_people(run: Run, tmp_path: Path) -> None:
    file, fixture = tmp_path / "trace.pcap", tmp_path / "made.sip"
    original = BROADWORKS.invite().raw
    file.write_bytes(pcap(ethernet(ipv4(17, udp(original)))))
    run("inspect", file, "--fixture", fixture)
    made = fixture.read_bytes()
    assert len(made) == len(original)
    for secret in (b"15551230001", b"Alice", b"198.51.100.7"):
        assert secret in original
        assert secret not in made
    message = parse_message(made)
    assert isinstance(message, Request)
    assert message.method == "INVITE"


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_an_anonymised_message_is_still_that_of_its_vendor(run: Run, tmp_path: Path, vendor: Vendor) -> None:
    file = tmp_path / "invite.sip"
    file.write_bytes(anonymised(vendor.invite().raw))
    assert run("inspect", file, "--json").json["vendor"] == vendor.expected.vendor
