from __future__ import annotations

import pytest

from siprecord.syntax.sip.names import COMPACT_FORMS, canonical_name, header_key


@pytest.mark.parametrize(("compact", "name"), COMPACT_FORMS.items())
def test_PRS_05_compact_forms_are_expanded(compact: str, name: str) -> None:
    assert canonical_name(compact) == canonical_name(compact.upper()) == name
    assert header_key(compact) == header_key(compact.upper()) == header_key(name.swapcase())


def test_PRS_05_all_letters_the_call_needs_are_there() -> None:
    assert set("imelcfsktvxourbdnjya") == set(COMPACT_FORMS)


@pytest.mark.parametrize("written", ["call-id", "CALL-ID", "Call-Id", "cAlL-iD", "Call-ID \t"])
def test_PRS_01_header_names_are_case_insensitive(written: str) -> None:
    assert canonical_name(written) == "Call-ID"


def test_PRS_09_unknown_names_keep_their_spelling() -> None:
    assert canonical_name("X-fOO ") == "X-fOO"
    assert header_key("X-fOO") == "x-foo"


@pytest.mark.parametrize("written", ["", " ", "two words", "ünï", "a\x00", "a:b", "(x)"])
def test_a_name_is_a_token(written: str) -> None:
    assert canonical_name(written) is None
