"""The gate of the recorder: its access policy, and what is counted and told of those it turns away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from siprecord.protocol import Admitted, Flow, Refusal, Verdict
from siprecord.recording.access import AccessPolicy, AccessSettings, Decision, Outcome
from siprecord.recording.rates import Rate
from siprecord.recording.trunks import Trunk
from siprecord.server.config import Config
from siprecord.server.publisher import CallRefused, RecordingEvent
from siprecord.server.trunk_config import make_trunk
from siprecord.syntax.sip import Request

_USUAL = frozenset({Outcome.CHALLENGED, Outcome.STALE_NONCE})
"""Part of every digest handshake, and nothing to tell of."""

_log = structlog.stdlib.get_logger("siprecord.server")


class Entrance:
    """A `Gate`. `publish` is told of each refused call; `outcomes` counts all requests by what they got."""

    def __init__(self, config: Config, secret: bytes, publish: Callable[[RecordingEvent], None]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.trunks: dict[str, Trunk] = {trunk.name: make_trunk(trunk) for trunk in config.trunks}
        self._policy = AccessPolicy(access_settings(config), tuple(self.trunks.values()), secret)
        self._publish = publish
        self.expected: Callable[[str, float], bool] = lambda tag, waited: False
        """Whether the dialog of a To tag may come here from another node."""

    def flooded(self, flow: Flow, now: float) -> bool:
        """Whether requests from there are dropped unread."""
        return self._policy.flooded(flow, now)

    def answers(self, flow: Flow, now: float) -> bool:
        """Whether a message that needs no decision is answered."""
        return self._policy.answers(flow, now)

    def judge(self, request: Request, flow: Flow, now: float) -> Verdict:
        """Ask the policy, and tell of it."""
        decision = self._policy.decide(request, flow, now)
        self.outcomes[decision.outcome] += 1
        if decision.outcome is Outcome.ADMITTED:
            return Admitted(decision.trunk)
        if decision.outcome not in _USUAL:
            self._tell(decision, request, flow)
        return Refusal(decision.status, decision.text, decision.headers) if decision.status else None

    def awaits(self, tag: str, waited: float) -> bool:
        """Whether a request of this dialog waits for a takeover."""
        return self.expected(tag, waited)

    def _tell(self, decision: Decision, request: Request, flow: Flow) -> None:
        host, port = flow.remote
        told: dict[str, Any] = {
            "call_id": request.headers.get("Call-ID") or "",
            "source": f"{host}:{port}",
            "status": decision.status,
            "reason": decision.text,
        }
        if request.method == "INVITE":
            self._publish(CallRefused(**told, quiet=not decision.worth_a_line))
        elif decision.worth_a_line:
            _log.warning("request refused", method=request.method, **told)


def access_settings(config: Config) -> AccessSettings:
    """What the operator chose, beside the trunks."""
    sip = config.sip
    return AccessSettings(
        realm=sip.realm,
        nonce_lifetime_s=sip.nonce_lifetime_s,
        silent=sip.unknown_sources == "ignore",
        rate=Rate(per_second=sip.max_requests_per_second, burst=sip.request_burst),
    )
