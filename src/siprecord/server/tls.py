"""TLS contexts from the configuration."""

from __future__ import annotations

import ssl
from pathlib import Path

from siprecord.errors import ConfigError
from siprecord.server.tls_config import TlsConfig

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(tls: TlsConfig) -> ssl.SSLContext | None:
    """The context for our listeners; None when no certificate is set. Raises ConfigError."""
    if tls.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[tls.minimum_version]
    _load_certificate(context, tls, tls.certificate)
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca, "tls.client_ca")
        context.verify_mode = ssl.CERT_REQUIRED if tls.require_client_certificate else ssl.CERT_OPTIONAL
    if tls.client_crl is not None:
        _load_authorities(context, tls.client_crl, "tls.client_crl")
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """The context for connections of ours: the peer's name is checked (RFC 5922 section 7.3)."""
    context = ssl.create_default_context()
    context.minimum_version = VERSIONS[tls.minimum_version]
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca, "tls.client_ca")
    if tls.certificate is not None:
        _load_certificate(context, tls, tls.certificate)
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsConfig, certificate: Path) -> None:
    # A password must always be given: without one OpenSSL would ask for it on the terminal.
    password = tls.key_password.get_secret_value() if tls.key_password is not None else ""
    try:
        context.load_cert_chain(certificate, tls.key, password=lambda: password)
    except FileNotFoundError:
        raise ConfigError(
            f"tls.certificate or tls.key: {_missing(certificate, tls.key)} does not exist"
        ) from None
    except (OSError, ValueError) as error:
        what = f"{certificate}" + (f" and {tls.key}" if tls.key else "")
        raise ConfigError(
            f"{what} can't be used for TLS ({error}); both must be PEM, belong together, and the password fit"
        ) from None


def _load_authorities(context: ssl.SSLContext, path: Path, setting: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{setting}: {path} can't be used: {error}") from None


def _missing(certificate: Path, key: Path | None) -> Path:
    return key if key is not None and certificate.exists() else certificate
