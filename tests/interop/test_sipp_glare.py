"""Requests of both sides that cross, over UDP, TCP and TLS. The scenario begins before all other tests."""

from __future__ import annotations

import shutil

import pytest

from tests.interop.conftest import Players


@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`")
def test_a_re_invite_that_crosses_ours_gets_491_and_succeeds_later(glare: Players) -> None:
    for player in glare.values():
        assert player.finish().count("SIP/2.0 491") == 1
