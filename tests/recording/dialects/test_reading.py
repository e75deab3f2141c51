"""The rules that are left out for the signs of a message are those that find nothing in it."""

from __future__ import annotations

import pytest

from siprecord.recording.contents import read_contents
from siprecord.recording.dialects.evidence import Evidence, Said
from siprecord.recording.dialects.reading import DIALECTS
from siprecord.syntax.metadata import read_metadata
from siprecord.syntax.sip import Request
from tests.support.vendor_messages import BROADWORKS, CUBE


@pytest.mark.parametrize("request_", [BROADWORKS.invite(), CUBE.invite()])
def test_no_rule_is_left_out_that_would_find_something(request_: Request) -> None:
    contents = read_contents(request_)
    metadata, extensions = read_metadata(contents.documents[0].data)
    evidence = Evidence(request_, Said(sdp=contents.sdp, metadata=metadata, extensions=extensions))
    for dialect in DIALECTS:
        for rule in (*dialect.ids, *dialect.parties, *dialect.ways):
            assert rule.may_find(evidence.signs) or not rule.find(evidence)
