"""The section `http`: health, metrics and the HTTP API, and the token that others need for it."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from siprecord.errors import ConfigError
from siprecord.server.section import Host, Port, Section

SHORTEST_TOKEN = 16
"""Characters; ours. A shorter one could be guessed."""


class HttpConfig(Section):
    """Health, metrics and the HTTP API."""

    enabled: bool = Field(default=True, description="Serve HTTP at all.")
    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on. Any but that of this machine alone needs a token.",
    )
    port: Port = Field(default=8080, description="Port.")
    token: SecretStr | None = Field(
        default=None,
        description="Whoever asks for anything but /health and /metrics must show it (Authorization: "
        "Bearer). The commands send it by themselves. Better kept in token_file.",
    )
    token_file: Path | None = Field(default=None, description="File that holds the token, instead of token.")

    @field_validator("token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := _fault(value.get_secret_value())):
            raise ValueError(fault)
        return value

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file are both set; one is enough")
        open_to_all = self.token is None and self.token_file is None
        if self.enabled and open_to_all and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached by others, who could then stop recordings: set token_file "
                "(or token), or host = 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def http_token(config: HttpConfig) -> str:
    """The token; empty for none. Reads the file; raises ConfigError when that can't be done."""
    if config.token is not None:
        return config.token.get_secret_value()
    if config.token_file is None:
        return ""
    try:
        token = config.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"http.token_file {config.token_file} can't be read: {reason}") from None
    if fault := _fault(token):
        raise ConfigError(f"http.token_file {config.token_file}: {fault}")
    return token


def _fault(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        return "a token has letters, digits and signs of ASCII, without blanks"
    if len(token) < SHORTEST_TOKEN:
        return (
            f"{len(token)} characters are too few: a token needs {SHORTEST_TOKEN}; try openssl rand -hex 24"
        )
    return ""
