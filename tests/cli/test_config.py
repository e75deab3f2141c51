from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_a_good_file_is_good(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text("[sip]\nport = 5070\n")
    assert run("config", "check", "--config", file).text == f"{file} is good\n"
    assert run("config", "check", "--config", file, "--json").json == {"ok": True, "faults": []}


def test_faults_are_named(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[sip]\nprot = 5070\n")
    outcome = run("config", "check", "--config", file)
    assert outcome.code == 1
    assert "did you mean sip.port?" in str(outcome.error)
    as_json = run("config", "check", "--config", file, "--json")
    assert as_json.code == 1
    assert as_json.json["ok"] is False
    assert "did you mean sip.port?" in as_json.json["faults"][0]


def test_a_token_that_can_t_be_read_is_a_fault_and_none_is_shown(run: Run, tmp_path: Path) -> None:
    file, token = tmp_path / "siprecord.toml", tmp_path / "token"
    file.write_text(f'[http]\ntoken_file = "{token}"\n')
    assert "token can't be read: No such file" in str(run("config", "check", "--config", file).error)
    token.write_text("short")
    outcome = run("config", "check", "--config", file)
    assert outcome.code == 1
    assert "5 characters are too few" in str(outcome.error)
    assert "short" not in str(outcome.error)
    token.write_text("a-token-that-is-long-enough\n")
    assert run("config", "check", "--config", file).text == f"{file} is good\n"


def test_a_bad_name_is_told_in_words(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "siprecord.toml"
    file.write_text('[[rules]]\nname = "no blanks"\n')
    error = str(run("config", "check", "--config", file).error)
    assert error == (
        f"{file}: rules.0.name is 'no blanks': "
        "a name has letters, digits, dots, hyphens and underscores, and begins with a letter or a digit"
    )


def test_the_origin_of_settings_is_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPRECORD_SIP__PORT", "5071")
    settings = {row["key"]: row for row in run("config", "show", "--data", tmp_path, "--json").json}
    assert (settings["sip.port"]["value"], settings["sip.port"]["origin"]) == ("5071", "SIPRECORD_SIP__PORT")
    assert settings["data_dir"]["value"] == f'"{tmp_path}"'
    assert "sip.port" in run("config", "show").text


def test_the_example_can_be_used(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(run("config", "example").text)
    assert run("config", "check", "--config", file).code == 0
