from __future__ import annotations

import os

from siprecord.cli.benching import BenchOptions, plan_of
from siprecord.cli.server_process import ServerProcess, file_warning, usage_of


def uris(uri: str, *transports: str) -> list[str]:
    options = BenchOptions(uri=uri, calls=1, rate=1, seconds=1, transports=transports, tls_port=7001)
    plan, targets = plan_of(options)
    assert [target.uri for target in targets] == list(plan.uris)
    return list(plan.uris)


def test_transports_become_uris() -> None:
    assert uris("sip:rec.example;transport=tcp") == ["sip:rec.example;transport=tcp"]
    assert uris("rec.example:5070", "tcp") == ["sip:rec.example:5070;transport=tcp"]
    assert uris("sip:rec.example:5070", "tls") == ["sip:rec.example:5070;transport=tls"]
    assert uris("sip:me@[::1]:5070", "udp", "tls") == [
        "sip:me@[::1]:5070;transport=udp",
        "sip:me@[::1]:7001;transport=tls",
    ]


def test_a_process_is_watched() -> None:
    process = ServerProcess(os.getpid())
    process.look()
    figures = process.as_dict(10.0)
    assert figures["memory_peak_kib"] >= figures["memory_idle_kib"] > 1000
    assert figures["cpu_s"] >= 0
    assert usage_of(os.getpid()).cpu_seconds > 0
    assert process.as_dict(0)["cpu_ms_per_call_second"] is None


def test_too_few_files_are_foreseen() -> None:
    assert file_warning(os.getpid(), 1, 2) is None
    warning = file_warning(os.getpid(), 10**9, 2)
    assert warning is not None
    assert "ulimit -n" in warning
