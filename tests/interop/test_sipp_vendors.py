"""SIPp plays each vendor of the cheat sheet against one running server, all at once and with audio."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from siprecord.media.reader import CaptureReader, SipMessage
from siprecord.syntax.sdp import parse_sdp
from siprecord.syntax.sip import Message, Response, parse_message
from tests.interop.vendor_scripts import SCRIPTS
from tests.support import audio, sipp
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.sipp_vendors import Script
from tests.support.tls_tunnel import TlsTunnel
from tests.support.vendor_messages import VENDORS

pytestmark = [
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`"),
    pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captures through raw sockets, which need root"),
    pytest.mark.timeout(180),
]
Recordings = dict[str, FoundRecording]


def settings(authority: Authority) -> dict[str, str]:
    certificate = authority.issue("127.0.0.1")
    return {
        "SIPRECORD_TLS__CERTIFICATE": str(certificate.chain),
        "SIPRECORD_TLS__KEY": str(certificate.key),
        "SIPRECORD_SIP__TLS_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recordings]:
    """All scripts played at the same time; the recordings that came of them, by the vendor's name."""
    authority = Authority.create(tmp_path_factory.mktemp("ca"))
    server = RunningServer(tmp_path_factory.mktemp("server"), settings(authority)).start()
    folder = tmp_path_factory.mktemp("sipp")
    with ExitStack() as stack:
        stack.callback(server.stop)
        tunnel = TlsTunnel(
            ("127.0.0.1", int(server.settings["SIPRECORD_SIP__TLS_PORT"])), authority.certificate
        )
        port = stack.enter_context(tunnel)
        runs = [
            run_of(script, server.sip_port if script.transport != "tls" else port, folder)
            for script in SCRIPTS
        ]
        for process, run in [(sipp.start(run), run) for run in runs]:
            sipp.finish(process, run)
        yield {script.name: wait_recording(server, call_id(script), 60) for script in SCRIPTS}


def run_of(script: Script, port: int, folder: Path) -> sipp.SippRun:
    own = folder / script.name
    own.mkdir()
    return sipp.SippRun(
        scenario=script.name,
        text=script.write(own),
        port=port,
        directory=own,
        fields={},
        transport="u1" if script.transport == "udp" else "t1",
        options=("-cid_str", call_id(script), "-trace_msg"),
        seconds=90,
    )


def call_id(script: Script) -> str:
    return f"{script.name}@sipp"


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.name)
def script(request: pytest.FixtureRequest) -> Script:
    assert isinstance(request.param, Script)
    return request.param


@pytest.fixture
def recording(script: Script, recordings: Recordings) -> FoundRecording:
    return recordings[script.name]


def test_there_is_a_script_for_each_message() -> None:
    assert [script.vendor for script in SCRIPTS] == list(VENDORS)


def test_the_call_was_understood(script: Script, recording: FoundRecording) -> None:
    expected, told = script.vendor.expected, recording.metadata
    assert (told["vendor"], told["direction"]) == (expected.vendor, expected.direction)
    assert expected.ids <= {(fact["kind"], fact["value"]) for fact in told["correlation"]}
    assert expected.quirks <= {row["reference"] for row in told["deviations"]}
    assert recording.outcome == "complete"


def test_the_participants(script: Script, recording: FoundRecording) -> None:
    told = [name["aor"] for person in recording.metadata["participants"] for name in person["names"]]
    assert sorted(told) == sorted(script.people or script.vendor.expected.people)


def test_the_channels_hold_what_each_stream_sent(script: Script, recording: FoundRecording) -> None:
    """Each voice in the channel of its own m-line and in no other, in order, and nothing of a hold."""
    assert len(recording.metadata["streams"]) == script.lines
    for stream in recording.metadata["streams"]:
        own = recording.channels[stream["channel"]]
        last = -1
        for sound in script.sounds:
            for line in range(script.lines):
                at = audio.find(script.voice(sound, line).heard, own)
                if line != stream["mline"] or not sound.heard:
                    assert at is None, f"m-line {stream['mline']} holds the voice of m-line {line}"
                    continue
                assert at is not None, f"m-line {stream['mline']} does not hold sound {sound.number}"
                assert at > last
                last = at
        stored = [script.voice(sound, 0).packets for sound in script.sounds if sound.heard]
        assert (stream["packets_received"], stream["packets_lost"]) == (sum(stored), 0)


def test_who_sends_and_who_called(script: Script, recording: FoundRecording) -> None:
    people = {
        each["id"]: [name["aor"] for name in each["names"]] for each in recording.metadata["participants"]
    }
    sides = recording.metadata["sides"] or {}
    named = [(sides.get(name) or {}).get("aor") for name in ("caller", "callee")]
    assert named == [script.vendor.expected.caller, script.vendor.expected.callee]
    senders = {
        stream["label"] if stream["label"] in labels(script) else "": who
        for stream in recording.metadata["streams"]
        if (who := tuple(aor for one in stream["participants"] for aor in people[one]))
    }
    assert senders == (script.senders or script.vendor.expected.senders)


def test_Q11_Q12_Q13_the_answer(script: Script, recording: FoundRecording) -> None:
    """Plain SDP; labels back, directions inverted; our own o= line."""
    messages = [each for each in CaptureReader(recording.capture) if isinstance(each, SipMessage)]
    offered = parse_message(messages[0].data)
    answer = next(each for each in (parse_message(item.data) for item in messages) if is_answer(each))
    assert answer.headers.get("Content-Type") == "application/sdp"
    sdp = parse_sdp(answer.body)
    expected = script.vendor.expected.answer if script.delayed is None else (("1", "recvonly"),)
    assert tuple((line.label, line.direction.value) for line in sdp.media) == expected
    assert f"o={sdp.origin.username} {sdp.origin.session_id} ".encode() not in offered.body
    assert all(line.port for line in sdp.media)


def is_answer(message: Message) -> bool:
    return isinstance(message, Response) and message.status == 200 and message.cseq.method == "INVITE"


def labels(script: Script) -> set[str]:
    return {label for label, _ in script.vendor.expected.answer if label is not None}


def test_Q19_both_forks_of_a_phone_are_one_conversation(recordings: Recordings) -> None:
    near, far = (recordings[f"cisco-phone-x-{end}"].metadata["conversation"] for end in ("nearend", "farend"))
    shared = {(key["kind"], key["value"]) for key in near["keys"]}
    shared &= {(key["kind"], key["value"]) for key in far["keys"]}
    assert ("cisco-refci", "27298718") in shared
