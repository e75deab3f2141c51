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
    def create(cls, directory: Path, name: str = "ca") -> Authority:
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        paths = ("-keyout", str(key), "-out", str(certificate))
        _openssl("req", "-x509", *KEY, "-days", "2", "-subj", f"/CN=Test {name}", *paths)
        return cls(directory, certificate, key)

    def issue(self, address: str, *, uri: str | None = None) -> Certificate:
        """A certificate for an IP address, or for a SIP domain when `uri` is given."""
        name = (uri or address).replace(":", "-").replace("/", "-")
        row = f"subjectAltName={f'URI:{uri}' if uri else f'IP:{address}'}"
        return self._sign(name, f"/CN={name}", [row])

    def bundle(
        self, name: str, *, subject: str = "/O=Test", alternatives: str = "", usage: str = "", days: int = 2
    ) -> Path:
        """Certificate and key in one file; `alternatives="URI:sip:a.example,DNS:b"`, `usage="clientAuth"`."""
        rows = ["basicConstraints=CA:FALSE"]
        rows += [f"subjectAltName={alternatives}"] if alternatives else []
        rows += [f"extendedKeyUsage={usage}"] if usage else []
        made = self._sign(name, subject, rows, days)
        made.chain.write_text(made.chain.read_text() + made.key.read_text())
        return made.chain

    def revocations(self, *revoked: Path) -> Path:
        """A list of revoked certificates."""
        config, out = self.directory / "crl.cnf", self.directory / "crl.pem"
        (self.directory / "index").write_text("")
        (self.directory / "number").write_text("01\n")
        config.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self.directory}/index\ndefault_md=sha256\n"
            f"default_crl_days=2\ncrlnumber={self.directory}/number\n"
        )
        base = ("ca", "-config", str(config), "-cert", str(self.certificate), "-keyfile", str(self.key))
        for path in revoked:
            _openssl(*base, "-revoke", str(path))
        _openssl(*base, "-gencrl", "-out", str(out))
        return out

    def _sign(self, name: str, subject: str, rows: list[str], days: int = 2) -> Certificate:
        chain, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        asked, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text("\n".join(rows) + "\n")
        _openssl("req", *KEY, "-subj", subject, "-keyout", str(key), "-out", str(asked))
        _openssl(
            "x509", "-req", "-in", str(asked), "-CA", str(self.certificate), "-CAkey", str(self.key),
            "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(chain),
        )  # fmt: skip
        return Certificate(chain, key)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
