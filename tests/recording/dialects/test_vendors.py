"""Each vendor's INVITE: chosen by evidence, answered rightly, understood rightly (FIELD cheat sheet)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from siprecord.recording import commands as do
from siprecord.recording.call_facts import call_fields
from siprecord.recording.dialects import DIALECTS
from siprecord.recording.dialects.dialect import Dialect
from siprecord.recording.dialects.generic import GENERIC
from siprecord.recording.session_parts import State
from siprecord.syntax.multipart import body_parts
from tests.support.recorder import TWO, Playbook, every, only, request, sdp
from tests.support.vendor_messages import VENDORS
from tests.support.vendors import Vendor

PAGE = Path(__file__).parents[3] / "docs/reference/vendors.md"


def played(vendor: Vendor) -> Playbook:
    play = Playbook()
    play.invite(message=vendor.invite())
    play.ack()
    return play


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.name)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    assert isinstance(request.param, Vendor)
    return request.param


def test_the_answer(vendor: Vendor) -> None:
    play = played(vendor)
    answer = only(play.transcript, do.Answer).sdp
    assert answer is not None
    assert tuple((media.label, media.direction.value) for media in answer.media) == vendor.expected.answer
    assert all(media.port for media in answer.media)
    assert play.session.state is State.ACTIVE


def test_who_it_is_and_how_the_call_is_known_elsewhere(vendor: Vendor) -> None:
    findings = played(vendor).session.knowledge.findings
    assert (findings.vendor, findings.direction) == (vendor.expected.vendor, vendor.expected.direction)
    assert vendor.expected.ids <= {(fact.kind, fact.value) for fact in findings.ids}


def test_who_takes_part_and_who_sends_what(vendor: Vendor) -> None:
    model = played(vendor).session.model
    addresses = {key: tuple(name.aor for name in each.names) for key, each in model.participants.items()}
    assert tuple(aor for names in addresses.values() for aor in names) == vendor.expected.people
    senders = {
        stream.label or "": tuple(aor for who in model.senders(stream.id) for aor in addresses[who])
        for stream in model.streams.values()
    }
    assert {label: who for label, who in senders.items() if who} == vendor.expected.senders


def test_Q54_sides(vendor: Vendor) -> None:
    knowledge = played(vendor).session.knowledge
    sides = call_fields(knowledge.model, knowledge.findings).get("sides") or {"caller": None, "callee": None}
    assert isinstance(sides, dict)
    told = [(sides[name] or {}).get("aor") for name in ("caller", "callee")]
    assert told == [vendor.expected.caller, vendor.expected.callee]


def test_what_is_odd_is_noted(vendor: Vendor) -> None:
    noted = {each.reference for each in played(vendor).session.knowledge.deviations}
    assert vendor.expected.quirks <= noted


def test_the_log_tells_all_of_it(vendor: Vendor) -> None:
    events = [
        each for each in every(played(vendor).transcript, do.AppendEvent) if each.name == "call.identity"
    ]
    assert events[-1].fields["vendor"] == vendor.expected.vendor
    assert events[-1].fields["evidence"]


def test_each_dialect_has_a_fixture() -> None:
    assert {dialect.vendor for dialect in DIALECTS} == {vendor.expected.vendor for vendor in VENDORS}


@pytest.mark.parametrize("dialect", [GENERIC, *DIALECTS], ids=lambda dialect: dialect.vendor)
def test_each_name_tells_what_it_rests_on(dialect: Dialect) -> None:
    assert set(dialect.basis) == dialect.names


def test_the_reference_tells_the_same() -> None:
    """docs/reference/vendors.md lists each name with its basis."""
    rows = set(re.findall(r"^\| (\S+) \| `(.+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    known = {
        (dialect.vendor, name, basis)
        for dialect in (GENERIC, *DIALECTS)
        for name, basis in dialect.basis.items()
    }
    assert rows == known


def test_a_message_without_marks_is_generic() -> None:
    play = Playbook()
    play.invite(sdp(*TWO))
    assert play.session.knowledge.findings.vendor == "generic"
    assert "call.identity" not in [each.name for each in every(play.transcript, do.AppendEvent)]


def test_fixtures_are_made_as_the_vendor_makes_them(vendor: Vendor) -> None:
    """The bodies really are what the rows say; a fixture that is too clean proves nothing."""
    message = vendor.invite()
    parts, _ = body_parts(message.headers.get("Content-Type"), message.body)
    kinds = [part.essence for part in parts]
    if "Q06" in vendor.rows:
        assert kinds.index("application/sdp") > 0
    if "Q07" in vendor.rows:
        assert len(kinds) == 3
    if "Q16" in vendor.rows:
        assert kinds == ["application/sdp"]
    assert request("INVITE").method == message.method
