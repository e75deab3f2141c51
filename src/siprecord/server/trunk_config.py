"""Trunks as they stand in the configuration."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from siprecord.recording.rates import Rate
from siprecord.recording.security import SrtpPolicy
from siprecord.recording.trunks import Password, Trunk
from siprecord.server.section import Name, Section
from siprecord.syntax.sip.digest import Algorithm

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
UserName = Annotated[str, Field(min_length=1, max_length=200)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class TrunkConfig(Section):
    """A peer that may call, or several that are treated alike.

    Of sources, certificates and users at least one must be set, and all that are set must hold. A call
    belongs to the first trunk that fits. As soon as there is one, calls that fit none are refused.
    """

    name: Name = Field(description="Name in logs, recordings and metadata.json.", examples=["sbc"])
    sources: tuple[str, ...] = Field(
        default=(), description="Addresses or networks it calls from.", examples=[("192.0.2.0/24",)]
    )
    certificates: tuple[str, ...] = Field(
        default=(),
        description="Names its TLS client certificate may prove, in full: no wildcards. Needs tls.client_ca.",
    )
    users: dict[UserName, Secret] = Field(
        default_factory=dict, description='Digest users and their passwords: { sbc = "password" }'
    )
    algorithms: tuple[Literal["SHA-256", "SHA-512-256", "MD5"], ...] = Field(
        default=("SHA-256", "SHA-512-256"),
        min_length=1,
        description="Digest algorithms that are offered and taken. MD5 only for clients that know no other.",
    )
    legacy_digest: bool = Field(
        default=False, description="Take digest credentials without qop, as clients of RFC 2069 send them."
    )
    max_calls: int = Field(
        default=0, ge=0, description="Calls at a time; more get 503. 0: max_concurrent_calls alone holds."
    )
    max_requests_per_second: float = Field(
        default=0,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="Requests outside dialogs from the whole trunk, instead of sip.max_requests_per_second "
        "for each of its sources; 0: that one holds.",
    )
    request_burst: int = Field(
        default=0, ge=0, le=10**6, description="How many of them may come at once; 0: two seconds' worth."
    )
    strict: bool | None = Field(
        default=None, description="As recording.strict, for this trunk alone; not set: that one holds."
    )
    srtp: Literal["require", "prefer", "refuse"] | None = Field(
        default=None, description="As media.srtp, for this trunk alone; not set: that one holds."
    )

    digits: Literal["masked", "kept"] | None = Field(
        default=None, description="As recording.digits, for this trunk alone; not set: that one holds."
    )

    @field_validator("sources")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network!r} is not an address or a network") from None
        return value

    @field_validator("certificates")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if _DOMAIN.fullmatch(name.lower()) is None:
                hint = "; names are compared whole (RFC 5922), so list each" if "*" in name else ""
                raise ValueError(f"{name!r} is not a domain name{hint}")
        return tuple(name.lower() for name in value)

    @model_validator(mode="after")
    def _known_somehow(self) -> Self:
        if not (self.sources or self.certificates or self.users):
            raise ValueError(f"trunk {self.name!r} needs sources, certificates or users to be known by")
        return self


def make_trunk(config: TrunkConfig) -> Trunk:
    """The trunk as the policy wants it."""
    return Trunk(
        name=config.name,
        sources=tuple(ip_network(network, strict=False) for network in config.sources),
        certificates=frozenset(config.certificates),
        users={name: Password(secret.get_secret_value()) for name, secret in config.users.items()},
        algorithms=tuple(Algorithm(name) for name in config.algorithms),
        legacy_digest=config.legacy_digest,
        max_calls=config.max_calls,
        rate=Rate(per_second=config.max_requests_per_second, burst=config.request_burst),
        strict=config.strict,
        srtp=None if config.srtp is None else SrtpPolicy(config.srtp),
        digits=config.digits,
    )
