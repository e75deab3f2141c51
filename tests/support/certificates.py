"""A certificate authority for tests, made with the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """Signs certificates into one folder. Each is a PEM file that holds its key too."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._name = name
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        self._database = directory / f"{name}.index"
        self._database.write_text("")
        (directory / f"{name}.number").write_text("01\n")
        self._openssl(
            "req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}",
            "-keyout", self._key, "-out", self.certificate,
        )  # fmt: skip

    def issue(
        self, name: str, *, subject: str = "/O=Test", alternatives: str = "", usage: str = "", days: int = 2
    ) -> Path:
        """A certificate, e.g. `alternatives="URI:sip:a.example,DNS:b.example"`, `usage="clientAuth"`."""
        request, path, key = (self._directory / f"{name}.{kind}" for kind in ("csr", "pem", "key"))
        self._openssl("req", *KEY, "-subj", subject, "-keyout", key, "-out", request)
        rows = ["basicConstraints=CA:FALSE"]
        rows += [f"subjectAltName={alternatives}"] if alternatives else []
        rows += [f"extendedKeyUsage={usage}"] if usage else []
        extensions = self._directory / f"{name}.ext"
        extensions.write_text("\n".join(rows))
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
            "-extfile", extensions, "-out", path, "-days", str(days),
        )  # fmt: skip
        path.write_text(path.read_text() + key.read_text())
        return path

    def revocations(self, *revoked: Path) -> Path:
        """A list of revoked certificates."""
        config = self._directory / f"{self._name}.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={self._database}\ndefault_md=sha256\n"
            f"default_crl_days=2\ncrlnumber={self._directory}/{self._name}.number\n"
        )
        base = ("ca", "-config", config, "-cert", self.certificate, "-keyfile", self._key)
        for path in revoked:
            self._openssl(*base, "-revoke", path)
        out = self._directory / f"{self._name}.crl"
        self._openssl(*base, "-gencrl", "-out", out)
        return out

    def _openssl(self, *arguments: object) -> None:
        command = ["openssl", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
