"""Everything that can be set, with its default and its bounds. The large sections have files of their own.

Plain values: building a `Config` reads no file and no environment, so the library behaves the same
wherever it is embedded. `config_file.load_config` is what the command uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from siprecord.server.cluster_config import ClusterConfig
from siprecord.server.http_config import HttpConfig
from siprecord.server.media_config import MediaConfig
from siprecord.server.recording_config import RecordingConfig
from siprecord.server.rule_config import RuleConfig
from siprecord.server.section import Positive, Section
from siprecord.server.sip_config import SipConfig
from siprecord.server.tls_config import TlsConfig
from siprecord.server.trunk_config import TrunkConfig

MAX_SHARDS = 65536


class RenderConfig(Section):
    """Turning capture logs into audio files, after the call."""

    enabled: bool = Field(
        default=True, description="Render when a call ends; without it only capture logs are kept."
    )
    workers: int = Field(default=1, ge=1, le=64, description="Render processes at a time.")
    formats: tuple[Literal["wav", "flac", "opus", "mp3"], ...] = Field(
        default=("wav",), min_length=1, description="Audio files to make; the first is the main one."
    )
    per_stream: bool = Field(default=False, description="Also make a file of each stream.")
    mono: bool = Field(default=False, description="Also make a file with the sum of all streams.")
    peaks: bool = Field(default=False, description="Also make peaks.json, for drawing the waveform.")
    conceal: bool = Field(
        default=False, description="Fill up to 60 ms of each network gap; without it gaps are exact silence."
    )
    digits: Literal["masked", "shown"] = Field(
        default="masked", description="Whether metadata.json tells which keys were pressed, or only when."
    )


class LogConfig(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least weight that is written."
    )
    format: Literal["auto", "text", "json"] = Field(
        default="auto", description="auto is text on a terminal and JSON otherwise."
    )

    @field_validator("level", "format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class Config(Section):
    """The whole configuration. Every field has a default that records calls on this machine."""

    data_dir: Path = Field(
        default=Path("siprecord-data"), description="Where recordings are kept; made when it is missing."
    )
    node: str = Field(
        default="",
        max_length=100,
        description="Name of this server in recordings; empty means the host name.",
    )
    max_concurrent_calls: Positive = Field(
        default=5000, description="Calls recorded at a time; more are refused by 503."
    )
    shard_count: int = Field(default=32, description="Shards of the session map; a power of two.")
    event_loop: Literal["auto", "uvloop", "asyncio"] = Field(
        default="auto",
        description="What runs the signalling: auto is uvloop on Linux and asyncio elsewhere. uvloop takes "
        "bursts of messages faster; asyncio is there to rule it out when something is odd.",
    )
    sip: SipConfig = Field(default_factory=SipConfig, description="SIP.")
    tls: TlsConfig = Field(default_factory=TlsConfig, description="SIP over TLS.")
    media: MediaConfig = Field(default_factory=MediaConfig, description="RTP.")
    recording: RecordingConfig = Field(default_factory=RecordingConfig, description="Recordings.")
    http: HttpConfig = Field(default_factory=HttpConfig, description="HTTP.")
    render: RenderConfig = Field(default_factory=RenderConfig, description="Audio files.")
    cluster: ClusterConfig = Field(default_factory=ClusterConfig, description="Other nodes.")
    log: LogConfig = Field(default_factory=LogConfig, description="Logs.")
    rules: tuple[RuleConfig, ...] = Field(
        default=(), description="What becomes of certain calls; without any rule all are recorded."
    )
    trunks: tuple[TrunkConfig, ...] = Field(
        default=(), description="Who may call; without any trunk everybody may."
    )

    @field_validator("shard_count")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if not 1 <= value <= MAX_SHARDS or value & (value - 1):
            below = 1 << max(0, min(value, MAX_SHARDS).bit_length() - 1)
            raise ValueError(
                f"{value} is not a power of two from 1 to {MAX_SHARDS}; the nearest one below is {below}"
            )
        return value

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called {twice[0]}")
        known = {trunk.name for trunk in self.trunks}
        for rule in self.rules:
            if unknown := [name for name in rule.trunks if name not in known]:
                raise ValueError(f"rule {rule.name} names trunk {unknown[0]}, which there is not")
        return self

    @model_validator(mode="after")
    def _trunks_fit(self) -> Self:
        names = [trunk.name for trunk in self.trunks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two trunks are called {twice[0]}")
        if self.tls.client_ca is None and (trunk := next((t for t in self.trunks if t.certificates), None)):
            raise ValueError(
                f"trunk {trunk.name} has certificates, but tls.client_ca to check them is not set"
            )
        return self

    @model_validator(mode="after")
    def _tls_has_a_certificate(self) -> Self:
        if self.tls.certificate is None and any(one.transport == "tls" for one in self.sip.listeners):
            raise ValueError("sip.listeners has one for tls, but tls.certificate is not set")
        return self

    @model_validator(mode="after")
    def _ipv6_calls_have_media(self) -> Self:
        if self.media.bind_address != "0.0.0.0" or self.media.advertised_address:
            return self
        for one in self.sip.sockets(tls=self.tls.certificate is not None):
            if ":" in one.host and not one.media_address:
                raise ValueError(
                    f"calls over {one.transport} {one.host} would be told an IPv6 address for their media, "
                    'and media.bind_address 0.0.0.0 takes IPv4 only: set it to "::", which takes both'
                )
        return self

    @property
    def spool_dir(self) -> Path:
        """Where open capture logs are."""
        return self.data_dir / "spool"

    @property
    def recordings_dir(self) -> Path:
        """Where finished recordings are."""
        return self.data_dir / "recordings"
