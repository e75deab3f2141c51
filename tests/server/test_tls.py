from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr

from siprecord.errors import ConfigError
from siprecord.server.tls import client_context, server_context
from siprecord.server.tls_config import TlsConfig


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls")
    for name in ("one", "two"):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        command += ["-subj", f"/CN={name}", "-passout", "pass:hunter2", "-days", "2"]
        command += ["-keyout", str(path / f"{name}.key"), "-out", str(path / f"{name}.pem")]
        subprocess.run(command, check=True, capture_output=True)
    return path


def config(files: Path, password: str | None = "hunter2", **more: object) -> TlsConfig:
    values = {"certificate": files / "one.pem", "key": files / "one.key", **more}
    return TlsConfig.model_validate({**values, "key_password": SecretStr(password) if password else None})


def test_without_a_certificate_there_is_no_tls() -> None:
    assert server_context(TlsConfig()) is None


def test_the_certificate_and_its_versions(files: Path) -> None:
    context = server_context(config(files, minimum_version="1.3"))
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(("required", "mode"), [(True, ssl.CERT_REQUIRED), (False, ssl.CERT_OPTIONAL)])
def test_client_certificates(files: Path, required: bool, mode: ssl.VerifyMode) -> None:
    context = server_context(config(files, client_ca=files / "two.pem", require_client_certificate=required))
    assert context is not None
    assert context.verify_mode is mode
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_password_that_does_not_fit_is_told_and_not_shown(files: Path, password: str | None) -> None:
    with pytest.raises(ConfigError, match=r"can't be used for TLS") as caught:
        server_context(config(files, password))
    assert "wrong" not in str(caught.value)


def test_files_that_do_not_fit_or_are_missing(files: Path) -> None:
    with pytest.raises(ConfigError, match="belong together"):
        server_context(config(files, key=files / "two.key"))
    with pytest.raises(ConfigError, match=r"none\.key does not exist"):
        server_context(config(files, key=files / "none.key"))
    with pytest.raises(ConfigError, match=r"none\.pem does not exist"):
        server_context(config(files, certificate=files / "none.pem"))
    with pytest.raises(ConfigError, match=r"tls\.client_ca: .*none\.pem"):
        server_context(config(files, client_ca=files / "none.pem"))
    with pytest.raises(ConfigError, match=r"tls\.client_crl: .*none\.pem"):
        server_context(config(files, client_ca=files / "two.pem", client_crl=files / "none.pem"))


def test_RSEC_04_no_renegotiation_no_compression_no_weak_ciphers(files: Path) -> None:
    context = server_context(config(files))
    assert context is not None
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert not [
        name
        for name in names
        if any(weak in name for weak in ("NULL", "RC4", "EXP", "-SHA", "3DES"))
        and not name.endswith(("SHA256", "SHA384"))
    ]


def test_SEC_12_our_own_connections_check_the_peers_name(files: Path) -> None:
    context = client_context(config(files, client_ca=files / "two.pem"))
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
