"""Everything that can be set, with its default and its bounds.

Plain values: building a `Config` reads no file and no environment, so the library behaves the same
wherever it is embedded. `config_file.load_config` is what the command uses.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from siprecord.server.rule_config import RuleConfig
from siprecord.server.section import Section as Section
from siprecord.server.trunk_config import TrunkConfig

Port = Annotated[int, Field(ge=0, le=65535)]
"""0 lets the system choose; what it chose is shown when the server listens."""
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[^\s]+$")]

MAX_SHARDS = 65536


def _ip_address(value: str | None) -> str | None:
    """An address as it is; raises ValueError for anything else, such as a name."""
    if value is not None:
        try:
            IPv6Address(value) if ":" in value else IPv4Address(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an IPv4 or IPv6 address") from None
    return value


class ListenerConfig(Section):
    """One SIP socket of several."""

    transport: Literal["udp", "tcp", "tls"] = Field(description="What is spoken on it.")
    host: Host = Field(default="0.0.0.0", description="Address to listen on.")
    port: Port = Field(default=5060, description="Port to listen on.")
    advertised_host: Host | None = Field(
        default=None, description="Where peers of this listener reach us; default: sip.advertised_host."
    )
    advertised_port: Port | None = Field(
        default=None, description="The port they reach us on; default: the port of the listener."
    )
    media_address: str | None = Field(
        default=None,
        description="Address in the SDP of its calls; default: media.advertised_address.",
    )

    @field_validator("media_address")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        return _ip_address(value)


class SipConfig(Section):
    """Where SIP is spoken, and within which bounds."""

    host: Host = Field(
        default="0.0.0.0",
        description="Address to listen on; 0.0.0.0 is every IPv4 address, :: every IPv6 one.",
    )
    port: Port = Field(default=5060, description="Port for UDP and TCP.")
    udp: bool = Field(default=True, description="Listen on UDP.")
    tcp: bool = Field(default=True, description="Listen on TCP.")
    tls_port: Port = Field(default=5061, description="Port for TLS; used when tls.certificate is set.")
    listeners: tuple[ListenerConfig, ...] = Field(
        default=(),
        description="Several sockets, each with its own advertised address, instead of host, port, udp, tcp "
        'and tls_port: { transport = "udp", host = "10.0.0.1", port = 5060, advertised_host = "sip.test" }',
    )
    advertised_host: Host | None = Field(
        default=None,
        description="Where peers reach us, when it is not the address we listen on (NAT, floating address).",
    )
    user_agent: str = Field(
        default="",
        max_length=200,
        description="What we call ourselves in SIP; empty means siprecord/VERSION.",
    )
    t1_ms: int = Field(
        default=500,
        ge=50,
        le=5000,
        description="SIP timer T1, the round-trip estimate (RFC 3261 section 17).",
    )
    t2_ms: int = Field(
        default=4000, ge=500, le=30000, description="SIP timer T2, the longest retransmission interval."
    )
    t4_ms: int = Field(
        default=5000, ge=500, le=60000, description="SIP timer T4, how long a message stays in the network."
    )
    session_expires_s: int = Field(
        default=1800,
        ge=90,
        le=86400,
        description="Session interval we ask for when the peer names none (RFC 4028).",
    )
    min_session_expires_s: int = Field(
        default=90, ge=90, le=86400, description="Shortest session interval we accept (RFC 4028)."
    )
    max_message_bytes: int = Field(default=2 * 1024 * 1024, ge=4096, description="Largest SIP message read.")
    max_head_bytes: int = Field(
        default=64 * 1024, ge=1024, description="Largest start line and headers of a SIP message."
    )
    max_headers: int = Field(default=256, ge=32, description="Most header rows of a SIP message.")
    max_transactions: Positive = Field(
        default=20_000, description="SIP transactions alive at a time; more are refused by 503."
    )
    max_requests_per_second: float = Field(
        default=1000,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="Requests outside dialogs from one address (in IPv6: one /64); more get 503, beyond four "
        "times as many no answer. Calls that run are never hindered. 0: no limit.",
    )
    request_burst: int = Field(
        default=0, ge=0, le=10**6, description="How many of them may come at once; 0: two seconds' worth."
    )
    unknown_sources: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="What requests that belong to no trunk get: 403, or no answer at all.",
    )
    realm: str = Field(
        default="siprecord",
        min_length=1,
        max_length=200,
        pattern=r"^[\x20-\x7e]+$",
        description="Realm of digest authentication; passwords of clients are bound to it.",
    )
    nonce_lifetime_s: float = Field(
        default=300, ge=5, le=86400, description="How long a digest challenge can be answered."
    )
    max_connections: Positive = Field(default=4096, description="TCP and TLS connections open at a time.")
    max_connections_per_source: Positive = Field(
        default=1024, description="TCP and TLS connections open from one address."
    )
    idle_timeout_s: Seconds = Field(
        default=3600, description="A TCP or TLS connection without traffic is closed after this; 0 never."
    )
    max_connection_age_s: Seconds = Field(
        default=0,
        description="A TCP or TLS connection is closed after this however busy it is; 0 never. Clients "
        "behind a NAT can't be reached until they connect again.",
    )
    first_message_timeout_s: Seconds = Field(
        default=60, description="A connection that brought no message or ping is closed after this."
    )
    message_timeout_s: Seconds = Field(
        default=20, description="A message begun on a TCP or TLS connection must be complete after this."
    )
    handshake_timeout_s: float = Field(
        default=10, ge=0.1, le=300, description="A TLS handshake must be complete after this."
    )
    connect_timeout_s: float = Field(
        default=10, ge=0.1, le=300, description="A connection of our own must be up after this."
    )
    close_timeout_s: Seconds = Field(
        default=5, description="What is left to send on a connection that ends may take this long."
    )
    max_unsent_bytes: int = Field(
        default=1024 * 1024,
        ge=64 * 1024,
        description="A peer that lets so much of what we send wait is cut off.",
    )
    udp_receive_buffer: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        description="Kernel buffer of each UDP socket for SIP, in bytes; the kernel caps it at "
        "net.core.rmem_max.",
    )

    def sockets(self, *, tls: bool) -> tuple[ListenerConfig, ...]:
        """What to listen on: `listeners`, or else what host, port and their like say."""
        if self.listeners:
            return self.listeners
        wanted: list[tuple[Literal["udp", "tcp", "tls"], bool, int]] = [
            ("udp", self.udp, self.port),
            ("tcp", self.tcp, self.port),
            ("tls", tls, self.tls_port),
        ]
        return tuple(
            ListenerConfig(transport=transport, host=self.host, port=port)
            for transport, on, port in wanted
            if on
        )


class TlsConfig(Section):
    """SIP over TLS; on as soon as `certificate` is set."""

    certificate: Path | None = Field(
        default=None, description="Certificate chain, PEM. Setting it turns TLS on."
    )
    key: Path | None = Field(
        default=None, description="Private key, PEM; not needed when the certificate file holds it."
    )
    key_password: SecretStr | None = Field(default=None, description="Password of the private key.")
    client_ca: Path | None = Field(
        default=None, description="Authorities whose client certificates we trust, PEM."
    )
    client_crl: Path | None = Field(
        default=None, description="Revoked client certificates, PEM; one list for each authority that signs."
    )
    require_client_certificate: bool = Field(
        default=False, description="Refuse clients without a certificate from client_ca."
    )
    minimum_version: Literal["1.2", "1.3"] = Field(default="1.2", description="Oldest TLS version spoken.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.require_client_certificate and self.client_ca is None:
            raise ValueError(
                "require_client_certificate needs client_ca: without it no certificate can be checked"
            )
        if self.client_crl is not None and self.client_ca is None:
            raise ValueError("client_crl needs client_ca: without it no certificate can be checked")
        if self.key is not None and self.certificate is None:
            raise ValueError("key is set, but certificate is not")
        return self


class MediaConfig(Section):
    """Where RTP is received, and how it goes to disk."""

    bind_address: Host = Field(default="0.0.0.0", description="Address RTP and RTCP are received on.")
    advertised_address: str | None = Field(
        default=None,
        description="Address in our SDP, when it is not the one the call came in on (NAT, floating address).",
    )
    port_min: int = Field(
        default=20000, ge=1024, le=65534, description="First port for RTP (even) and RTCP (the next one)."
    )
    port_max: int = Field(default=59999, ge=1025, le=65535, description="Last port for RTP and RTCP.")
    drain_interval_ms: int = Field(
        default=100, ge=10, le=1000, description="How often the sockets are emptied into the capture log."
    )
    threads: int = Field(
        default=0, ge=0, le=256, description="Engine threads; 0 chooses by the number of cores."
    )
    receive_buffer: int = Field(
        default=256 * 1024, ge=16 * 1024, description="Kernel buffer of each RTP socket, in bytes."
    )
    max_pending_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        description="What one recording may hold in memory while the disk refuses writes.",
    )

    @field_validator("bind_address", "advertised_address")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        """SDP and RTP sockets need an address, not a name that may change its mind."""
        return _ip_address(value)

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.port_max <= self.port_min:
            raise ValueError(f"port_max ({self.port_max}) must be above port_min ({self.port_min})")
        if self.port_min + self.port_min % 2 + 1 > self.port_max:
            raise ValueError(
                f"no stream fits between port_min ({self.port_min}) and port_max ({self.port_max}): it takes "
                "an even port and the next one"
            )
        return self


class RecordingConfig(Section):
    """What is recorded, and when a recording ends by itself."""

    max_streams: int = Field(
        default=64,
        ge=1,
        le=512,
        description="Streams recorded in one call; further m-lines are refused one by one.",
    )
    strict: bool = Field(
        default=False,
        description="Take a call as SIPREC only with both Require: siprec and +sip.src, and refuse unknown "
        "body parts with 415. For conformance tests; the default takes any one sign.",
    )
    non_siprec: Literal["accept", "refuse"] = Field(
        default="refuse",
        description="What becomes of a call without any sign of SIPREC: recorded too, or refused.",
    )
    non_siprec_status: Literal[403, 404, 421, 480, 488] = Field(
        default=404,
        description="The status code that refuses such a call. 404: there is no phone here to ring.",
    )
    no_offer: Literal["refuse", "empty", "offer"] = Field(
        default="refuse",
        description="What becomes of an INVITE without SDP: refused by 488; answered without streams; or "
        "answered by an offer of own_streams, against RFC 7866 section 7.2, as Cisco phones always are.",
    )
    own_streams: int = Field(default=1, ge=1, le=8, description="Audio streams in an offer of ours.")
    pause_max_s: Seconds = Field(
        default=900, description="A pause that somebody asked for ends after this at the latest; 0 never."
    )
    linger_ms: int = Field(
        default=200,
        ge=0,
        le=5000,
        description="How long media is still taken after the end of a call: it may be on its way.",
    )
    request_snapshots: bool = Field(
        default=True,
        description="Ask the client for complete metadata when it began with a partial document.",
    )
    media_timeout_s: Seconds = Field(
        default=60,
        description="A call whose streams all stay silent this long has lost its BYE; 0 never. A call on "
        "hold or paused is not silent.",
    )
    end_on_media_timeout: bool = Field(
        default=True, description="Hang up such a call; false only notes it in the recording."
    )
    drain_grace_s: Seconds = Field(
        default=300, description="At SIGTERM, how long running calls may go on before they are ended."
    )
    shutdown_grace_s: Seconds = Field(
        default=10, description="How long the last writes and BYEs may take at the end."
    )
    retry_after_s: int = Field(
        default=30, ge=0, le=3600, description="Retry-After in the 503 of a draining server; 0 sends none."
    )
    min_free_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=0,
        description="Below this much free disk new calls are refused; running ones go on.",
    )
    keep_capture: bool = Field(default=True, description="Keep capture.pcapng beside the audio.")


class HttpConfig(Section):
    """Health, metrics and the HTTP API."""

    enabled: bool = Field(default=True, description="Serve HTTP at all.")
    host: Host = Field(
        default="127.0.0.1", description="Address to listen on; there is no log-in yet, so keep it local."
    )
    port: Port = Field(default=8080, description="Port.")


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
    sip: SipConfig = Field(default_factory=SipConfig, description="SIP.")
    tls: TlsConfig = Field(default_factory=TlsConfig, description="SIP over TLS.")
    media: MediaConfig = Field(default_factory=MediaConfig, description="RTP.")
    recording: RecordingConfig = Field(default_factory=RecordingConfig, description="Recordings.")
    http: HttpConfig = Field(default_factory=HttpConfig, description="HTTP.")
    render: RenderConfig = Field(default_factory=RenderConfig, description="Audio files.")
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

    @property
    def spool_dir(self) -> Path:
        """Where open capture logs are."""
        return self.data_dir / "spool"

    @property
    def recordings_dir(self) -> Path:
        """Where finished recordings are."""
        return self.data_dir / "recordings"
