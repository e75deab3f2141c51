"""The committed seeds of each target, and where findings go."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent
FINDINGS = ROOT / "findings"


def seeds(target: str) -> list[tuple[str, bytes]]:
    """Name and octets of each seed, in the order of the names."""
    files = sorted(path for path in (ROOT / "corpus" / target).iterdir() if path.is_file())
    return [(path.name, path.read_bytes()) for path in files]


def save(target: str, data: bytes, folder: Path = FINDINGS) -> Path:
    """Keep an input that broke something; its name is its checksum."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path
