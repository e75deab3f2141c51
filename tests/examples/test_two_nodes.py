"""The files for a pair of nodes and for Kamailio are what the how-tos say they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from siprecord.server.config_file import load_config

ROOT = Path(__file__).parents[2]
PAIR = ROOT / "examples" / "two-nodes"


def test_the_configuration_can_be_used() -> None:
    config = load_config(PAIR / "siprecord.toml", {})
    assert config.node == "a"
    assert config.cluster.endpoints() == (("192.0.2.13", 6379),)
    (floating,) = config.cluster.addresses
    assert {listener.host for listener in config.sip.listeners} == {floating}
    assert config.media.advertised_address == floating


def test_the_ports_of_the_other_node_are_others() -> None:
    text = (PAIR / "siprecord.toml").read_text()
    ranges = re.findall(r"^port_(?:min|max) = (\d+) +# node b: (\d+)$", text, re.M)
    (first, other_first), (last, other_last) = [(int(ours), int(theirs)) for ours, theirs in ranges]
    assert first < last < other_first < other_last


@pytest.mark.parametrize("page", ["two-nodes.md", "behind-a-proxy.md"])
def test_every_file_and_test_that_a_page_names_is_there(page: str) -> None:
    text = (ROOT / "docs" / "howto" / page).read_text()
    named = re.findall(r"(?:examples|tests|docs)/[\w./-]*\w", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.skipif(shutil.which("kamailio", path="/usr/sbin") is None, reason="kamailio is not installed")
def test_kamailio_reads_its_configuration() -> None:
    command = ["/usr/sbin/kamailio", "-c", "-f", str(ROOT / "examples" / "kamailio" / "kamailio.cfg")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
