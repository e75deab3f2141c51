from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from siprecord.errors import ConfigError
from siprecord.server.config import Config
from siprecord.server.config_file import example_toml, load_config, load_with_origins


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "siprecord.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None, {}) == Config()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "max_concurrent_calls = 7\n[sip]\nport = 5070\nuser_agent = 'a'\n")
    config = load_config(
        path, {"SIPRECORD_SIP__PORT": "5080", "SIPRECORD_HTTP__ENABLED": "no", "PATH": "/bin"}
    )
    assert (config.max_concurrent_calls, config.sip.port, config.sip.user_agent) == (7, 5080, "a")
    assert config.http.enabled is False


def test_top_level_settings_come_from_the_environment_too() -> None:
    assert load_config(None, {"SIPRECORD_DATA_DIR": "/srv/rec"}).data_dir == Path("/srv/rec")


def test_lists_stand_in_variables_as_json() -> None:
    trunks = '[{"name": "lab", "sources": ["192.0.2.0/24", "2001:db8::1"]}]'
    (trunk,) = load_config(None, {"SIPRECORD_TRUNKS": trunks}).trunks
    assert trunk.sources == ("192.0.2.0/24", "2001:db8::1")


def test_the_commands_own_variables_are_no_settings() -> None:
    assert load_config(None, {"SIPRECORD_CONFIG": "x", "SIPRECORD_INTERNAL_HOLDER": "3"}) == Config()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[sip]\nprot = 1", r"unknown key sip\.prot; did you mean sip\.port\?"),
        ("[spi]\nport = 1", r"unknown key spi; did you mean sip\?"),
        ("media_timeout_s = 1", r"did you mean recording\.media_timeout_s\?"),
        ("[sip]\nzzzzzz = 1", r"unknown key sip\.zzzzzz$"),
    ],
)
def test_unknown_keys_name_the_file_and_the_nearest_right_one(tmp_path: Path, text: str, hint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=hint) as caught:
        load_config(path, {})
    assert str(caught.value).startswith(f"{path}: ")


def test_unknown_variables_are_errors_too() -> None:
    with pytest.raises(
        ConfigError, match=r"^SIPRECORD_SIP__PROT: unknown key .*sip\.port\?|^environment: unknown key"
    ):
        load_config(None, {"SIPRECORD_SIP__PROT": "1"})


def test_wrong_types_tell_the_key_what_was_given_and_what_is_expected(tmp_path: Path) -> None:
    path = write(tmp_path, "[sip]\nport = 'fifty'\n[media]\nport_min = 99999\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert re.search(r"sip\.port is 'fifty': .*valid integer", lines[0])
    assert re.search(r"media\.port_min is 99999: .*less than or equal to 65534", lines[1])


def test_faults_between_settings_name_their_section(tmp_path: Path) -> None:
    path = write(tmp_path, "[media]\nport_min = 3000\nport_max = 2000\n")
    with pytest.raises(ConfigError, match=r"media: port_max \(2000\) must be above port_min \(3000\)"):
        load_config(path, {})


def test_a_section_given_as_a_value_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sip is a section"):
        load_config(write(tmp_path, "sip = 5060"), {})


def test_shard_count_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"33 is not a power of two.*nearest one below is 32"):
        load_config(None, {"SIPRECORD_SHARD_COUNT": "33"})


def test_files_that_cannot_be_read_are_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_config(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path, {})
    with pytest.raises(ConfigError, match=r"is not TOML: Expected"):
        load_config(write(tmp_path, "[sip"), {})


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "[tls]\nkey_password = 'hunter2'\n")
    shown = load_with_origins(path, {}).describe()
    assert [s.value for s in shown if s.key == "tls.key_password"] == ["********"]
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"SIPRECORD_TLS__KEY_PASSWORD__X": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "trunks",
    [
        '[{"name": "a", "users": {"u": "hunter2"}, "x": 1}]',
        '[{"name": "a", "users": "hunter2"}]',
        '[{"name": "a", "users": {"u": ["hunter2"]}}]',
        '[{"name": "a", "users": {"u": "hunter2"}, "sources": ["x"]}]',
        '["hunter2"]',
        "[{broken hunter2",
        "hunter2",
    ],
)
def test_passwords_of_trunks_are_never_shown_in_errors(trunks: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, {"SIPRECORD_TRUNKS": trunks})
    assert "hunter2" not in str(caught.value)
    assert "trunks" in str(caught.value)


def test_passwords_of_trunks_are_masked(tmp_path: Path) -> None:
    path = write(tmp_path, "[[trunks]]\nname = 'sbc'\n[trunks.users]\nsrc = 'hunter2'\n")
    (shown,) = [s for s in load_with_origins(path, {}).describe() if s.key == "trunks"]
    assert shown.value == '[{ name = "sbc", users = { "src" = "********" } }]'
    assert "hunter2" not in repr(load_config(path, {}))


def test_faults_of_trunks_name_the_file_and_the_trunk(tmp_path: Path) -> None:
    path = write(tmp_path, "[[trunks]]\nname = 'sbc'\nsorces = ['10.0.0.1']\n")
    with pytest.raises(ConfigError, match=r"trunks\.0\.sorces; did you mean trunks\.sources\?") as caught:
        load_config(path, {})
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(ConfigError, match=r"trunks is a list of tables, each written \[\[trunks\]\]"):
        load_config(write(tmp_path, "[trunks]\nname = 'sbc'\n"), {})


def test_the_example_shows_a_trunk(tmp_path: Path) -> None:
    block = example_toml().partition("# [[trunks]]\n")[2]
    wanted = [line.removeprefix("#     ") for line in block.splitlines() if " = " in line]
    lines = [line for line in wanted if not line.endswith("(not set)") and not line.startswith("#")]
    config = load_config(write(tmp_path, "\n".join(["[[trunks]]", *lines])), {})
    assert [trunk.name for trunk in config.trunks] == ["sbc"]


def test_settings_tell_their_origin(tmp_path: Path) -> None:
    path = write(tmp_path, "[sip]\nport = 5070\n")
    shown = {s.key: s for s in load_with_origins(path, {"SIPRECORD_LOG__LEVEL": "debug"}).describe()}
    assert (shown["sip.port"].value, shown["sip.port"].origin) == ("5070", str(path))
    assert (shown["log.level"].value, shown["log.level"].origin) == ('"debug"', "SIPRECORD_LOG__LEVEL")
    assert (shown["http.port"].value, shown["http.port"].origin) == ("8080", "default")
    assert shown["http.port"].description == "Port."


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, example_toml()), {}) == Config()


def test_the_example_with_all_comments_removed_is_the_default_configuration(tmp_path: Path) -> None:
    """Round trip: every value that is shown is read back as what it was."""
    lines = [
        line.removeprefix("# ")
        for line in example_toml().splitlines()
        if re.match(r"# \w+ = (?!\(not)|\[", line)
    ]
    assert load_config(write(tmp_path, "\n".join(lines)), {}) == Config()
    assert {"port = 5060", "[sip]", "shard_count = 32"} <= set(lines)


LISTENERS = """
[[sip.listeners]]
transport = "udp"
host = "10.0.0.1"
advertised_host = "198.51.100.1"

[[sip.listeners]]
transport = "tcp"
host = "::"
port = 5070

[media]
bind_address = "::"
"""


def test_listeners_are_tables_of_the_file_or_json_of_the_environment(tmp_path: Path) -> None:
    loaded = load_with_origins(write(tmp_path, LISTENERS), {})
    first, second = loaded.config.sip.listeners
    assert (first.transport, first.host, first.port) == ("udp", "10.0.0.1", 5060)
    assert first.advertised_host == "198.51.100.1"
    assert (second.transport, second.host, second.port) == ("tcp", "::", 5070)
    (shown,) = [setting for setting in loaded.describe() if setting.key == "sip.listeners"]
    text = json.dumps([one.model_dump(exclude_unset=True) for one in (first, second)])
    media = {"SIPRECORD_MEDIA__BIND_ADDRESS": "::"}
    assert load_config(None, {"SIPRECORD_SIP__LISTENERS": text, **media}) == loaded.config
    assert load_config(write(tmp_path, f"[sip]\nlisteners = {shown.value}"), media) == loaded.config


def test_a_fault_in_a_listener_names_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, LISTENERS.replace("5070", "70000"))
    with pytest.raises(ConfigError, match=r"siprecord\.toml: sip\.listeners\.1\.port is 70000"):
        load_config(path, {})
    with pytest.raises(ConfigError, match=r"tls\.certificate is not set"):
        load_config(None, {"SIPRECORD_SIP__LISTENERS": '[{"transport": "tls"}]'})
    with pytest.raises(ConfigError, match=r"sip\.listeners is '\[{': .*valid tuple"):
        load_config(None, {"SIPRECORD_SIP__LISTENERS": "[{"})


@pytest.mark.parametrize("wrong", ["3", '"udp"', "[]"])
def test_a_variable_does_not_hide_a_wrong_section_of_the_file(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path, f"sip = {wrong}\n")
    told = rf"^{path}: sip is a section, such as \[sip\], not a single value$"
    with pytest.raises(ConfigError, match=told):
        load_config(path, {"SIPRECORD_SIP__PORT": "5070"})
