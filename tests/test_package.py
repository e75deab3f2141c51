from __future__ import annotations

import subprocess
import sys

import pytest

import siprecord


def test_the_public_names_can_be_had() -> None:
    for name in siprecord.__all__:
        assert getattr(siprecord, name) is not None
    assert set(siprecord.__all__) <= set(dir(siprecord))


def test_other_names_can_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = siprecord.nothing


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import siprecord, sys; print([m for m in ('pydantic', 'fastapi', 'asyncio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
