from __future__ import annotations

import pytest
from pydantic import ValidationError

from siprecord.server.config import Config, LogConfig, MediaConfig, Section, TlsConfig


def test_the_example_of_the_design_works() -> None:
    config = Config(
        max_concurrent_calls=100, shard_count=32, media=MediaConfig(port_min=30000, port_max=30999)
    )
    assert (config.max_concurrent_calls, config.media.port_min) == (100, 30000)
    assert config.spool_dir == config.data_dir / "spool"
    assert config.recordings_dir == config.data_dir / "recordings"


@pytest.mark.parametrize("count", [1, 2, 32, 65536])
def test_shard_count_takes_powers_of_two(count: int) -> None:
    assert Config(shard_count=count).shard_count == count


@pytest.mark.parametrize("count", [0, -4, 3, 33, 131072])
def test_other_shard_counts_are_refused_with_a_hint(count: int) -> None:
    with pytest.raises(ValidationError, match="is not a power of two"):
        Config(shard_count=count)


def test_unknown_keys_are_refused_and_values_are_frozen() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Config.model_validate({"sip": {"prot": 1}})
    with pytest.raises(ValidationError, match="frozen"):
        Config().node = "other"


def test_nothing_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPRECORD_SIP__PORT", "5999")
    assert Config().sip.port == 5060


def test_ports_must_leave_room() -> None:
    with pytest.raises(ValidationError, match="must be above port_min"):
        MediaConfig(port_min=3000, port_max=3000)
    with pytest.raises(
        ValidationError, match=r"no stream fits between port_min \(3001\) and port_max \(3002\)"
    ):
        MediaConfig(port_min=3001, port_max=3002)
    assert MediaConfig(port_min=3001, port_max=3003).port_max == 3003


def test_a_call_without_media_is_hung_up_unless_that_is_turned_off() -> None:
    recording = Config().recording
    assert (recording.media_timeout_s, recording.end_on_media_timeout) == (60, True)


@pytest.mark.parametrize("address", ["::", "10.0.0.1"])
def test_media_addresses_are_numeric(address: str) -> None:
    assert MediaConfig(bind_address=address, advertised_address=address).bind_address == address
    with pytest.raises(ValidationError, match="is not an IPv4 or IPv6 address"):
        MediaConfig(bind_address="recorder.example")


def test_tls_settings_must_be_whole() -> None:
    with pytest.raises(ValidationError, match="needs client_ca"):
        TlsConfig(require_client_certificate=True)
    with pytest.raises(ValidationError, match="certificate is not"):
        TlsConfig.model_validate({"key": "k.pem"})
    with pytest.raises(ValidationError, match="client_crl needs client_ca"):
        TlsConfig.model_validate({"client_crl": "crl.pem"})


def test_log_words_may_be_written_in_capitals() -> None:
    assert LogConfig.model_validate({"level": "DEBUG", "format": "JSON"}).level == "debug"


def test_every_setting_is_described() -> None:
    def undescribed(section: type[Section]) -> list[str]:
        found = [name for name, info in section.model_fields.items() if not info.description]
        for info in section.model_fields.values():
            if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
                found += undescribed(info.annotation)
        return found

    assert undescribed(Config) == []
