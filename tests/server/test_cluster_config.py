from __future__ import annotations

import pytest
from pydantic import ValidationError

from siprecord.errors import ConfigError
from siprecord.server.cluster_config import ClusterConfig
from siprecord.server.config_file import load_config


def test_without_servers_there_is_no_cluster() -> None:
    assert ClusterConfig().endpoints() == ()


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("redis", ("redis", 6379)),
        ("redis:6380", ("redis", 6380)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("2001:db8::1", ("2001:db8::1", 6379)),
        ("[2001:db8::1]:6380", ("2001:db8::1", 6380)),
    ],
)
def test_a_server_is_host_and_port(text: str, endpoint: tuple[str, int]) -> None:
    assert ClusterConfig(servers=(text,)).endpoints() == (endpoint,)


def test_sentinels_have_another_usual_port() -> None:
    config = ClusterConfig(servers=("one", "two:1"), sentinel="main")
    assert config.endpoints() == (("one", 26379), ("two", 1))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"servers": ["a:1", "b:1"]}, "servers names several, but sentinel is not set"),
        ({"sentinel": "main"}, "sentinel is set, but servers does not say where the Sentinels are"),
        ({"servers": ["redis://user:pw@host"]}, "is not host:port; password, database and TLS have settings"),
        ({"servers": ["host:port"]}, "'host:port' is not host:port"),
        ({"tls_certificate": "a.pem", "tls": True}, "tls_certificate and tls_key belong together"),
        ({"tls_ca": "ca.pem"}, "tls is off"),
        ({"timeout_s": 4, "lease_s": 6}, "must be at most half of lease_s (6)"),
        ({"addresses": ["recorder.example"]}, "'recorder.example' is not an IPv4 or IPv6 address"),
        ({"name": "two words"}, "letters, digits"),
    ],
)
def test_what_can_not_work_is_told_in_words(settings: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        ClusterConfig.model_validate(settings)
    assert told in str(error.value)


def test_faults_name_section_and_key() -> None:
    with pytest.raises(ConfigError, match=r"environment: cluster\.lease_s is '0'"):
        load_config(None, {"SIPRECORD_CLUSTER__LEASE_S": "0"})
    with pytest.raises(ConfigError, match=r"unknown key cluster\.server; did you mean cluster\.servers\?"):
        load_config(None, {"SIPRECORD_CLUSTER__SERVER": "x"})
