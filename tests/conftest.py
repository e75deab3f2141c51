"""What must be the same on every machine that runs the tests."""

from __future__ import annotations

import contextlib
import os
import resource


def pytest_configure() -> None:
    """The caller's settings, umask, proxy and small limit of open files are none of the tests' business."""
    for name in [name for name in os.environ if name.startswith("SIPRECORD_")]:
        del os.environ[name]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    os.umask(0o022)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
