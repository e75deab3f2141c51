from __future__ import annotations

import pytest
from pydantic import ValidationError

from siprecord.server.config import Config, LogConfig
from siprecord.server.media_config import MediaConfig
from siprecord.server.section import Section


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


def test_rules_have_names_of_their_own() -> None:
    """A rule acts once in a call, and its name tells which one it was."""
    with pytest.raises(ValidationError, match="two rules are called one"):
        Config.model_validate(
            {"rules": [{"name": "one"}, {"name": "two"}, {"name": "one", "action": "mask"}]}
        )
