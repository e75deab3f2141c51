"""The section `[cluster]`: other nodes, and the Redis through which they know of one another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from siprecord.server.section import Section, ip_address, written

REDIS_PORT = 6379
SENTINEL_PORT = 26379


ClusterName = Annotated[
    str,
    Field(min_length=1, max_length=64),
    written(r"[A-Za-z0-9._-]+", "a name has letters, digits, dots, hyphens and underscores"),
]


class ClusterConfig(Section):
    """Nodes that take over one another's calls; on as soon as servers is set. See docs/howto/two-nodes.md."""

    servers: tuple[str, ...] = Field(
        default=(),
        description="Redis or Valkey as host:port; with sentinel the Sentinels. Empty: no cluster.",
    )
    sentinel: str = Field(
        default="", max_length=200, description="Name of the master that the Sentinels in servers know."
    )
    name: ClusterName = Field(
        default="siprecord",
        description="Name of the cluster; clusters with different names may share a Redis.",
    )
    username: str = Field(default="", max_length=200, description="User at Redis; empty: the default user.")
    password: SecretStr | None = Field(default=None, description="Password at Redis.")
    sentinel_password: SecretStr | None = Field(default=None, description="Password at the Sentinels.")
    database: int = Field(default=0, ge=0, le=1023, description="Number of the database in Redis.")
    tls: bool = Field(default=False, description="Speak TLS to Redis and to the Sentinels.")
    tls_ca: Path | None = Field(
        default=None, description="Authorities whose certificates Redis may have, PEM; default: the system's."
    )
    tls_certificate: Path | None = Field(default=None, description="Our certificate for Redis, PEM.")
    tls_key: Path | None = Field(default=None, description="Its private key, PEM.")
    timeout_s: float = Field(
        default=2, ge=0.1, le=60, description="What Redis does not answer within this counts as an outage."
    )
    lease_s: float = Field(
        default=6,
        ge=1,
        le=300,
        description="A node that gave no sign of life for this long is dead: its calls are taken over.",
    )
    addresses: tuple[str, ...] = Field(
        default=(),
        description="Floating addresses that SIP and media of this cluster come in on; bound before they are "
        "here.",
    )

    @field_validator("addresses")
    @classmethod
    def _numeric(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            ip_address(address)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.endpoints()
        if len(self.servers) > 1 and not self.sentinel:
            raise ValueError(
                "servers names several, but sentinel is not set: name one Redis, or the Sentinels and the "
                "master that they know"
            )
        if self.sentinel and not self.servers:
            raise ValueError("sentinel is set, but servers does not say where the Sentinels are")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: one of them is not set")
        if not self.tls and (self.tls_ca or self.tls_certificate):
            raise ValueError("tls_ca or tls_certificate is set, but tls is off")
        if self.timeout_s > self.lease_s / 2:
            raise ValueError(
                f"timeout_s ({self.timeout_s:g}) must be at most half of lease_s ({self.lease_s:g}): one "
                "late answer of Redis would cost the lease"
            )
        return self

    def endpoints(self) -> tuple[tuple[str, int], ...]:
        """`servers` as host and port. Raises ValueError for what is none."""
        usual = SENTINEL_PORT if self.sentinel else REDIS_PORT
        return tuple(_endpoint(server, usual) for server in self.servers)


def _endpoint(text: str, usual: int) -> tuple[str, int]:
    """host, host:port or [address]:port."""
    if "//" in text or "@" in text:
        raise ValueError(f"{text!r} is not host:port; password, database and TLS have settings of their own")
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.endswith("]")):
        host, port = text, str(usual)
    if not host.strip("[]") or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port")
    return host.strip("[]"), int(port)
