"""The targets by name. Each module says in its docstring what must hold for any bytes at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fuzz.outcome import Outcome
from fuzz.targets import capture, framing, keys, metadata, multipart, negotiation, payload, sdp, sip


@dataclass(frozen=True, slots=True)
class Target:
    """One parser under test. `check` gives an outcome; whatever it raises is a finding.

    `binary` inputs are mutated as 32-bit fields and blocks rather than as text. `files` says that the check
    reads and writes a file of its own, which is a finding in any other target.
    """

    check: Callable[[bytes], Outcome]
    binary: bool = False
    files: bool = False


TARGETS: dict[str, Target] = {
    "framing": Target(framing.check),
    "sip": Target(sip.check),
    "keys": Target(keys.check),
    "sdp": Target(sdp.check),
    "multipart": Target(multipart.check),
    "metadata": Target(metadata.check),
    "negotiation": Target(negotiation.check),
    "capture": Target(capture.check, binary=True, files=True),
    "payload": Target(payload.check, binary=True),
}
