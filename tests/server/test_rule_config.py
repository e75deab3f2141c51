"""Rules in the configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from siprecord.server.config import Config
from siprecord.server.config_file import example_toml, load_config
from siprecord.server.rule_config import RuleConfig, make_rule
from tests.support.fakes import Client, VirtualServer
from tests.support.recorder import TWO, body, sdp


def test_a_rule_becomes_what_it_says() -> None:
    rule = make_rule(RuleConfig(name="a", action="refuse", participants=("+49 30*",), headers={"X-A": "b"}))
    assert (rule.participants, rule.headers["X-A"].pattern, rule.status) == (("4930*",), "b", 403)


@pytest.mark.parametrize(
    "values",
    [
        {"action": "route"},
        {"action": "route", "route": "http://x"},
        {"headers": {"X-A": "("}},
        {"headers": {"a b": "x"}},
        {"name": "no blanks"},
    ],
)
def test_faults_are_found(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RuleConfig.model_validate({"name": "a", **values})


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"route": "sip:b@c"}, r"route does nothing where action = \"record\"; .* action = \"route\"$"),
        ({"action": "mask", "status": 403}, r"status does nothing .* set action = \"refuse\"$"),
        ({"action": "refuse", "swap_sides": True}, r"swap_sides does nothing .* \"record\" or \"mask\"$"),
        ({"action": "refuse", "digits": "kept"}, "digits does nothing"),
    ],
)
def test_what_an_action_does_not_heed_is_a_fault(values: dict[str, object], match: str) -> None:
    with pytest.raises(ValidationError) as told:
        RuleConfig.model_validate({"name": "a", **values})
    assert re.search(match, told.value.errors()[0]["msg"])


def test_what_an_action_heeds_is_good() -> None:
    for values in (
        {"action": "refuse", "status": 488},
        {"action": "mask", "digits": "kept"},
        {"swap_sides": True},
    ):
        RuleConfig.model_validate({"name": "a", **values})


def test_a_rule_names_trunks_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="which there is not"):
        Config(data_dir=tmp_path, rules=(RuleConfig(name="a", trunks=("sbc",)),))


def test_the_example_shows_rules() -> None:
    assert "[[rules]]" in example_toml()


def test_rules_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "siprecord.toml"
    file.write_text('[[rules]]\nname = "a"\naction = "mask"\nheaders = { X-A = "b" }\n')
    assert load_config(file, {}).rules[0].action == "mask"


async def test_a_rule_decides_over_a_header() -> None:
    rules = (RuleConfig(name="hr", action="refuse", headers={"X-Department": "^hr$"}, status=488),)
    server = await VirtualServer(Config(data_dir=Path("unused"), rules=rules)).start()
    offer = body(sdp(*TWO))
    refused = Client(server).request("INVITE", offer, more=("Require: siprec", "X-Department: hr"))
    assert (refused.status, refused.headers.get("Warning")) == (488, '399 siprecord "Refused by rule hr"')
    taken = Client(server, call_id="call-2").request("INVITE", offer, more=("Require: siprec",))
    assert taken.status == 200
