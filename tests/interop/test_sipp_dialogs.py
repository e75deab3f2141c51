"""Scenarios of our own, played by SIPp over UDP, TCP and TLS: repetitions, CANCEL, session refresh.

SIPp as distributions build it speaks no TLS: there its TCP goes through a tunnel that does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.interop.conftest import TRANSPORTS, play_everywhere, tls_port
from tests.support.certificates import Authority
from tests.support.messages import request
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`"),
]


def test_a_repeated_invite_is_one_call_and_the_200_repeats_until_the_ack(
    dialog_server: RunningServer, authority: Authority
) -> None:
    before = dialog_server.get("/api/status")["calls_started"]
    for transport, messages in play_everywhere("retransmissions", dialog_server, authority).items():
        answers = re.findall(r"(?s)SIP/2\.0 200 OK.*?CSeq: (\d+ [A-Z]+)", messages)
        assert answers.count("1 INVITE") == 3, f"{transport}: at 0, 0.5 and 1.5 s"
        assert answers.count("2 BYE") == 1
    assert dialog_server.get("/api/status")["calls_started"] - before == len(TRANSPORTS)


def test_a_cancel_after_the_answer_changes_nothing(
    dialog_server: RunningServer, authority: Authority
) -> None:
    before = dialog_server.get("/api/status")["calls_started"]
    for messages in play_everywhere("cancel", dialog_server, authority).values():
        assert "SIP/2.0 487" not in messages
    assert dialog_server.get("/api/status")["calls_started"] - before == len(TRANSPORTS)


def test_a_session_is_refreshed_by_re_invite_and_update(
    dialog_server: RunningServer, authority: Authority
) -> None:
    for messages in play_everywhere("refresh", dialog_server, authority).values():
        versions = set(re.findall(r"(?m)^o=\S+ \S+ (\d+) IN IP4 127\.0\.0\.1\r?$", _received_sdp(messages)))
        assert len(versions) == 1, "a refresh leaves our description as it was"


def test_RSEC_03_a_client_without_the_required_certificate_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    """openssl asks for an OPTIONS: with a certificate of ours it is answered, without one nothing comes."""
    certificate = authority.issue("127.0.0.1")
    settings = {
        "SIPRECORD_TLS__CERTIFICATE": str(certificate.chain),
        "SIPRECORD_TLS__KEY": str(certificate.key),
        "SIPRECORD_TLS__CLIENT_CA": str(authority.certificate),
        "SIPRECORD_TLS__REQUIRE_CLIENT_CERTIFICATE": "true",
        "SIPRECORD_SIP__TLS_PORT": str(free_port()),
    }
    stranger = Authority.create(tmp_path, "stranger").bundle("client", usage="clientAuth")
    known = authority.bundle("known-client", usage="clientAuth")
    running = RunningServer(tmp_path / "server", settings)
    running.directory.mkdir()
    running.start()
    try:
        answers = [_ask_by_openssl(running, authority, each) for each in (None, stranger, known)]
    finally:
        running.stop()
    assert [b"SIP/2.0 200" in answer for answer in answers] == [False, False, True], answers


def _ask_by_openssl(server: RunningServer, authority: Authority, certificate: Path | None) -> bytes:
    command = ["openssl", "s_client", "-quiet", "-CAfile", str(authority.certificate)]
    command += ["-connect", f"127.0.0.1:{tls_port(server)}"]
    command += [] if certificate is None else ["-cert", str(certificate), "-key", str(certificate)]
    # What is asked for in the second message ends the connection: openssl reads until then.
    asked = request("OPTIONS", "openssl").replace(b"/UDP", b"/TLS") + b"no SIP at all\r\n\r\n"
    done = subprocess.run(command, input=asked, capture_output=True, timeout=PATIENCE, check=False)
    return done.stdout


def _received_sdp(messages: str) -> str:
    return "".join(part for part in re.split(r"-{20,}", messages) if "SIP/2.0 200" in part)


@pytest.mark.parametrize(("option", "works"), [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_below_1_2_is_refused(
    dialog_server: RunningServer, authority: Authority, option: str, works: bool
) -> None:
    command = ["openssl", "s_client", option, "-cipher", "DEFAULT:@SECLEVEL=0"]
    command += ["-CAfile", str(authority.certificate), "-connect", f"127.0.0.1:{tls_port(dialog_server)}"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=PATIENCE, check=False)
    output = (done.stdout + done.stderr).decode()
    assert ("Verify return code: 0 (ok)" in output and done.returncode == 0) is works, output
    assert ("Cipher is (NONE)" in output) is not works
    assert "and written 0 bytes" not in output, "openssl itself refused to try"
