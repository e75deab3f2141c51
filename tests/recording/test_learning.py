"""Metadata by every carrier, as transcripts."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from tests.support.recorder import (
    ALICE,
    S2,
    SESSION,
    SNAPSHOT,
    TWO,
    Line,
    Playbook,
    body,
    every,
    kinds,
    only,
    request,
    sdp,
    xml,
)


def test_MDP_05_metadata_of_a_refused_request_leaves_no_trace() -> None:
    play = Playbook()
    play.call(metadata=SNAPSHOT)
    before = play.session.model
    commands = play.reinvite(sdp(Line()), xml(f'<session session_id="{S2}"/>'))
    assert kinds(commands) == ["Refuse"]
    assert play.session.model == before


@pytest.mark.parametrize("carrier", ["reinvite", "update", "info"])
def test_MDP_01_every_carrier_leads_to_the_same_model(carrier: str) -> None:
    play, reference = Playbook(), Playbook()
    reference.call(metadata=SNAPSHOT)
    play.call()
    if carrier == "info":
        play.info(SNAPSHOT)
    else:
        getattr(play, carrier)(sdp(*TWO), SNAPSHOT)
    assert play.session.model == reference.session.model


def test_MDP_08_a_first_partial_asks_for_a_snapshot_once() -> None:
    play = Playbook()
    allow = (("Require", "siprec"), ("Allow", "INVITE, UPDATE"))
    partial = xml(SESSION, mode="partial")
    message = request("INVITE", body(sdp(*TWO), partial), headers=allow)
    assert "Answer" in kinds(play.invite(message=message))
    assert kinds(play.ack()) == ["RequestSnapshot"]
    assert "RequestSnapshot" not in kinds(play.update(None, xml(ALICE, mode="partial")))


def test_BODY_06_the_snapshot_request_has_a_type_the_peer_accepts() -> None:
    play = Playbook()
    headers = (
        ("Require", "siprec"),
        ("Allow", "UPDATE"),
        ("Accept", "application/sdp, application/rs-metadata"),
    )
    play.invite(message=request("INVITE", body(sdp(*TWO), xml(SESSION, mode="partial")), headers=headers))
    assert only(play.ack(), do.RequestSnapshot).content_type == "application/rs-metadata"


def test_MDP_17_broken_metadata_never_costs_the_recording() -> None:
    play = Playbook()
    commands = play.call(metadata=b"<recording><not closed")
    assert "Answer" in kinds(commands)
    assert "metadata.received" in kinds(commands)
    assert "can't be read" in str(every(commands, do.AppendEvent))
