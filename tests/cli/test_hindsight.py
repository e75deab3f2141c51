"""`config check --against`: what rules would have done."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_inspect_field import ethernet, ipv4, pcap, udp
from tests.support.capture_builder import CaptureBuilder
from tests.support.faults import GOOD, METADATA, XML
from tests.support.faults import request as fault_request
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


LATE = """
[[rules]]
name = "no-carol"
action = "refuse"
participants = ["carol@*"]

[[rules]]
name = "keys"
headers = { X-Queue = "^pin$" }
digits = "masked"
"""


def test_what_comes_later_is_judged_too(run: Run, tmp_path: Path) -> None:
    config, trace = tmp_path / "siprecord.toml", tmp_path / "trace.pcap"
    config.write_text(LATE)
    carol = METADATA.replace("sip:bob@", "sip:carol@")
    messages = [
        GOOD,
        GOOD,
        fault_request("INFO", "x", "text/plain", number=2).replace(b"Require:", b"X-Queue: pin\r\nRequire:"),
        fault_request("UPDATE", carol, XML, number=3),
        fault_request("UPDATE", carol.replace("complete", "partial"), XML, number=4),
    ]
    trace.write_bytes(pcap(*(ethernet(ipv4(17, udp(each))) for each in messages)))
    rows = run("config", "check", "--config", config, "--against", trace, "--json").json
    assert [(row["method"], row["late"], row["rule"], row["digits"]) for row in rows] == [
        ("INVITE", False, None, None),
        ("INFO", True, "keys", "masked"),
        ("UPDATE", True, "no-carol", None),
    ]
    assert "UPDATE (late)" in run("config", "check", "--config", config, "--against", trace).text
