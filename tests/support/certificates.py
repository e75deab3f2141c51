"""A certificate authority of our own, made by openssl when a test needs one."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """`certificate` is what peers have to trust."""

    directory: Path
    certificate: Path
    key: Path

    @classmethod
    def create(cls, directory: Path) -> Authority:
        certificate, key = directory / "ca.pem", directory / "ca.key"
        paths = ("-keyout", str(key), "-out", str(certificate))
        _openssl("req", "-x509", *KEY, "-days", "2", "-subj", "/CN=Test CA", *paths)
        return cls(directory, certificate, key)

    def issue(self, address: str, *, uri: str | None = None) -> Certificate:
        """A certificate for an IP address, or for a SIP domain when `uri` is given."""
        name = (uri or address).replace(":", "-").replace("/", "-")
        chain, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        asked, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={f'URI:{uri}' if uri else f'IP:{address}'}\n")
        _openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(asked))
        _openssl(
            "x509", "-req", "-in", str(asked), "-CA", str(self.certificate), "-CAkey", str(self.key),
            "-CAcreateserial", "-days", "2", "-extfile", str(extensions), "-out", str(chain),
        )  # fmt: skip
        return Certificate(chain, key)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
