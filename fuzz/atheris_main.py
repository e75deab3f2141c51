"""`python fuzz/atheris_main.py TARGET [libFuzzer options]`: the same targets under a coverage-guided fuzzer.

Optional: needs the package `atheris`, which has no wheel for every version of Python.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> int:
    """Instrument the parsers, then hand over to libFuzzer, which does not come back."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        print("atheris is not installed; `python -m fuzz.run` needs nothing else", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["siprecord"]):
        targets = importlib.import_module("fuzz.targets").TARGETS
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        print(f"usage: {sys.argv[0]} {'|'.join(targets)} [libFuzzer options]", file=sys.stderr)
        return 2
    name = sys.argv.pop(1)
    check = targets[name].check

    def one_input(data: bytes) -> None:
        check(data)

    atheris.Setup([*sys.argv, str(Path(__file__).parent / "corpus" / name)], one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
