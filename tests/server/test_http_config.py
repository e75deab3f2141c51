"""HTTP that others can reach needs a token."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from siprecord.errors import ConfigError
from siprecord.server.config_file import load_config
from siprecord.server.http_config import HttpConfig, http_token, is_loopback

TOKEN = "correct-horse-battery-staple"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_none(host: str) -> None:
    assert is_loopback(host)
    assert http_token(HttpConfig(host=host)) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "recorder.example.com"])
def test_what_others_reach_does(host: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"can be reached by others.*set token_file"):
        HttpConfig(host=host)
    assert http_token(HttpConfig.model_validate({"host": host, "token": TOKEN})) == TOKEN
    assert HttpConfig(host=host, enabled=False)


def test_a_file_holds_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert http_token(HttpConfig(host="0.0.0.0", token_file=file)) == TOKEN


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "can't be read: No such file"), (b"short\n", "5 characters are too few: a token needs 16"),
     (b"\xff" * 40, "can't be read: it is no text")],
)  # fmt: skip
def test_a_file_without_a_token_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as raised:
        http_token(HttpConfig(token_file=file))
    assert str(file) in str(raised.value)


def test_one_place_for_it_is_enough(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="both set"):
        HttpConfig.model_validate({"token": TOKEN, "token_file": tmp_path / "x"})


def test_a_short_one_is_refused_and_none_is_shown() -> None:
    with pytest.raises(ConfigError, match="15 characters are too few") as raised:
        load_config(None, {"SIPRECORD_HTTP__TOKEN": "fifteen-letters"})
    assert "fifteen-letters" not in str(raised.value)
    assert TOKEN not in repr(HttpConfig.model_validate({"token": TOKEN}))
