"""Rules as they stand in the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from siprecord.errors import ParseError
from siprecord.recording.rules import Rule, participant_pattern
from siprecord.server.section import Name, Section
from siprecord.syntax.sip import SipUri, is_token

Pattern = Annotated[str, Field(min_length=1, max_length=300)]

ACTIONS_OF = {
    "status": ("refuse",),
    "route": ("route",),
    "swap_sides": ("record", "mask"),
    "digits": ("record", "mask"),
}
"""Settings that only these actions heed."""


class RuleConfig(Section):
    """What becomes of certain calls. The first rule that fits a new call decides; all it names must hold."""

    name: Name = Field(description="Name in logs and deviations.", examples=["no-hotline"])
    action: Literal["record", "refuse", "route", "mask"] = Field(
        default="record",
        description="record it; refuse it; route it to another recorder by 302; mask it: store nothing until "
        "somebody resumes it.",
    )
    trunks: tuple[str, ...] = Field(default=(), description="Names of trunks it holds for; empty is all.")
    vendors: tuple[str, ...] = Field(
        default=(), description="Vendors it holds for, as metadata.json names them; empty is all."
    )
    participants: tuple[Pattern, ...] = Field(
        default=(),
        description="Addresses, with * and ?, of which one must take part.",
        examples=[("+4930*",)],
    )
    headers: dict[str, Pattern] = Field(
        default_factory=dict,
        description='Regular expressions that must be found: { X-Department = "^hr$" }',
    )
    status: Literal[403, 404, 480, 486, 488, 503] = Field(default=403, description="Status code of refuse.")
    route: str = Field(default="", max_length=300, description="SIP URI of the other recorder, for route.")
    swap_sides: bool = Field(
        default=False, description="Caller and callee are the wrong way round on these calls: swap them."
    )
    digits: Literal["masked", "kept"] | None = Field(
        default=None, description="As recording.digits, for these calls; not set: that of the trunk holds."
    )

    @field_validator("headers")
    @classmethod
    def _expressions(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            if not is_token(name):
                raise ValueError(f"{name!r} is no header name")
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _heeded(self) -> Self:
        """What stands there and does nothing is a mistake that nobody would notice otherwise."""
        for name, actions in ACTIONS_OF.items():
            if name in self.model_fields_set and getattr(self, name) and self.action not in actions:
                heeding = " or ".join(f'"{action}"' for action in actions)
                raise ValueError(
                    f'rule {self.name!r}: {name} does nothing where action = "{self.action}"; '
                    f"take it out, or set action = {heeding}"
                )
        return self

    @model_validator(mode="after")
    def _routed(self) -> Self:
        if self.action != "route":
            return self
        try:
            SipUri.parse(self.route)
        except ParseError as error:
            raise ValueError(f"rule {self.name!r} routes to no SIP URI: {error}") from None
        return self


def make_rule(config: RuleConfig) -> Rule:
    """The rule as the recording session wants it."""
    return Rule(
        name=config.name,
        action=config.action,
        trunks=config.trunks,
        vendors=config.vendors,
        participants=tuple(participant_pattern(each) for each in config.participants),
        headers={name: re.compile(pattern) for name, pattern in config.headers.items()},
        status=config.status,
        route=config.route,
        swap_sides=config.swap_sides,
        digits=config.digits,
    )
