from __future__ import annotations

from contextlib import nullcontext

import pytest
from pydantic import ValidationError

from siprecord.server.config import Config
from siprecord.server.media_config import MediaConfig


def test_ports_must_leave_room() -> None:
    with pytest.raises(ValidationError, match="must be above port_min"):
        MediaConfig(port_min=3000, port_max=3000)
    with pytest.raises(
        ValidationError, match=r"no stream fits between port_min \(3001\) and port_max \(3002\)"
    ):
        MediaConfig(port_min=3001, port_max=3002)
    assert MediaConfig(port_min=3001, port_max=3003).port_max == 3003


@pytest.mark.parametrize("address", ["::", "10.0.0.1"])
def test_media_addresses_are_numeric(address: str) -> None:
    assert MediaConfig(bind_address=address, advertised_address=address).bind_address == address
    with pytest.raises(ValidationError, match="is not an IPv4 or IPv6 address"):
        MediaConfig(bind_address="recorder.example")


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (0.1, True), (0.00001, False), (0.09, False)])
def test_reports_are_no_flood(seconds: float, good: bool) -> None:
    with nullcontext() if good else pytest.raises(ValidationError, match="or 0 for no reports"):
        MediaConfig(rtcp_interval_s=seconds)


def test_an_ipv6_listener_needs_media_that_takes_ipv6() -> None:
    listeners = [{"transport": "udp", "host": "::1", "port": 5070}]
    with pytest.raises(
        ValidationError, match=r'media.bind_address 0\.0\.0\.0 takes IPv4 only: set it to "::"'
    ):
        Config.model_validate({"sip": {"listeners": listeners}})
    for media in ({"bind_address": "::"}, {"advertised_address": "192.0.2.1"}):
        Config.model_validate({"sip": {"listeners": listeners}, "media": media})
