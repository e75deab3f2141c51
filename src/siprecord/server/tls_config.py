"""The section `tls`: who we are and whom we trust, in SIP over TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from siprecord.server.section import Section


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
