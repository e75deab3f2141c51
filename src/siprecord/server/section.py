"""What all sections of the configuration are, and the kinds of value they share."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def written(pattern: str, words: str) -> AfterValidator:
    """A value that must fit a pattern as a whole; a fault is told in `words`, since few read patterns."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(words)
        return value

    return AfterValidator(check)


Port = Annotated[int, Field(ge=0, le=65535)]
"""0 lets the system choose; what it chose is shown when the server listens."""
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Host = Annotated[str, Field(min_length=1, max_length=253), written(r"\S+", "a host has no blanks")]
Name = Annotated[
    str,
    Field(min_length=1, max_length=64),
    written(
        r"[A-Za-z0-9][A-Za-z0-9._-]*",
        "a name has letters, digits, dots, hyphens and underscores, and begins with a letter or a digit",
    ),
]
"""What stands in logs, recordings and metrics."""


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def ip_address(value: str | None) -> str | None:
    """An address as it is; raises ValueError for anything else, such as a name."""
    if value is not None:
        try:
            IPv6Address(value) if ":" in value else IPv4Address(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an IPv4 or IPv6 address") from None
    return value
