"""The section `media`: where RTP is received, and how it goes to disk."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from siprecord.server.section import Host, Section, ip_address

MIN_RTCP_INTERVAL_S = 0.1
"""Ours: RFC 3550 section 6.2 has five seconds, and reports must never be a flood."""


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

    quarantine_s: float = Field(
        default=30,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="How long ports rest after use, so that late packets of a call never meet the next one.",
    )
    rtcp_interval_s: float = Field(
        default=5,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Mean time between two RTCP reports of ours for each stream; 0 sends none.",
    )
    srtp: Literal["require", "prefer", "refuse"] = Field(
        default="prefer",
        description="SRTP with keys in the SDP: prefer takes it wherever it is offered and records all else "
        "in the clear; require answers 488 to what is not protected; refuse records plain RTP only.",
    )

    @field_validator("bind_address", "advertised_address")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        """SDP and RTP sockets need an address, not a name that may change its mind."""
        return ip_address(value)

    @field_validator("rtcp_interval_s")
    @classmethod
    def _not_a_flood(cls, value: float) -> float:
        if 0 < value < MIN_RTCP_INTERVAL_S:
            raise ValueError(f"it must be at least {MIN_RTCP_INTERVAL_S}, or 0 for no reports")
        return value

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
