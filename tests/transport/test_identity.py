from __future__ import annotations

from typing import Any

import pytest

from siprecord.transport.identity import MAX_NAMES, certificate_names


def certificate(*alternatives: tuple[str, str], common: str | None = "cn.example.com") -> dict[str, Any]:
    found: dict[str, Any] = {"subject": ((("countryName", "DE"),), (("commonName", common),))}
    if alternatives:
        found["subjectAltName"] = alternatives
    return found


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (certificate(("URI", "sip:SBC.example.com")), ("sbc.example.com",)),
        (certificate(("URI", "sip:a.example"), ("DNS", "b.example")), ("a.example",)),
        (certificate(("DNS", "B.example"), ("DNS", "c.example")), ("b.example", "c.example")),
        (certificate(("URI", "sip:alice@a.example"), ("DNS", "b.example")), ("b.example",)),
        (certificate(("URI", "https://a.example"), ("DNS", "b.example")), ("b.example",)),
        (certificate(("URI", "sips:a.example")), ()),
        (certificate(("URI", "sip:a.example:5061;transport=tls")), ("a.example",)),
        (certificate(("URI", "not a uri"), ("DNS", "b.example")), ("b.example",)),
        (certificate(("email", "a@b.example")), ()),
        (certificate(("IP Address", "192.0.2.1")), ()),
        (certificate(), ("cn.example.com",)),
        (certificate(common=""), ()),
    ],
)
def test_SEC_08_names_of_a_certificate(given: dict[str, Any], names: tuple[str, ...]) -> None:
    assert certificate_names(given) == names


def test_SEC_09_wildcards_are_no_names() -> None:
    assert certificate_names(certificate(("DNS", "*.example.com"), ("DNS", "a.example.com"))) == (
        "a.example.com",
    )
    assert certificate_names(certificate(common="*.example.com")) == ()


@pytest.mark.parametrize("given", [None, {}])
def test_SEC_10_without_a_certificate_there_is_no_name(given: dict[str, Any] | None) -> None:
    assert certificate_names(given) == ()


def test_the_number_of_names_is_bounded() -> None:
    many = certificate(*(("DNS", f"n{number}.example") for number in range(1000)))
    assert len(certificate_names(many)) == MAX_NAMES
