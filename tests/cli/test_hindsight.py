"""`config check --against`: what rules would have done."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_inspect_field import ethernet, ipv4, pcap, udp
from tests.support.capture_builder import CaptureBuilder
from tests.support.vendor_messages import BROADWORKS, ORACLE

RULES = """
[[trunks]]
name = "sbc"
sources = ["192.0.2.0/24"]

[[rules]]
name = "no-broadworks"
action = "refuse"
vendors = ["broadworks"]
status = 480

[[rules]]
name = "quiet-trunk"
action = "mask"
trunks = ["sbc"]
"""


def test_the_rules_are_tried_on_a_trace(run: Run, tmp_path: Path) -> None:
    config, trace = tmp_path / "siprecord.toml", tmp_path / "trace.pcap"
    config.write_text(RULES)
    trace.write_bytes(pcap(*(ethernet(ipv4(17, udp(each.invite().raw))) for each in (BROADWORKS, ORACLE))))
    rows = run("config", "check", "--config", config, "--against", trace, "--json").json
    assert [(row["action"], row["rule"], row["status"]) for row in rows] == [
        ("refuse", "no-broadworks", 480),
        ("record", None, None),
    ]
    text = run("config", "check", "--config", config, "--against", trace).text
    assert "no rule fits" in text


def test_a_log_of_ours_knows_its_trunk(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "siprecord.toml"
    config.write_text(RULES)
    log = CaptureBuilder()
    log.sip(ORACLE.invite().raw)
    log.started(trunk="sbc")
    capture = log.write(tmp_path / "rec.pcapng")
    (row,) = run("config", "check", "--config", config, "--against", capture, "--json").json
    assert (row["action"], row["trunk"], row["rule"]) == ("mask", "sbc", "quiet-trunk")
