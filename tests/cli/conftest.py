from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner

from siprecord.cli.app import app
from siprecord.errors import SiprecordError


@dataclass(frozen=True)
class Outcome:
    code: int
    text: str
    error: SiprecordError | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.text)


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process, far from the settings of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SIPRECORD_CONFIG", raising=False)

    def invoke(*words: object) -> Outcome:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if isinstance(result.exception, SiprecordError):
            return Outcome(1, result.stdout, result.exception)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Outcome(result.exit_code, result.stdout)

    return invoke
