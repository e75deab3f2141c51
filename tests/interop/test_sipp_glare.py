"""Requests of both sides that cross, over UDP, TCP and TLS: ours comes at half a session interval."""

from __future__ import annotations

import shutil

import pytest

from tests.interop.conftest import play_everywhere
from tests.support.certificates import Authority
from tests.support.server import RunningServer


@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`")
def test_a_re_invite_that_crosses_ours_gets_491_and_succeeds_later(
    dialog_server: RunningServer, authority: Authority
) -> None:
    for messages in play_everywhere("glare", dialog_server, authority).values():
        assert messages.count("SIP/2.0 491") == 1
