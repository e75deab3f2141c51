"""From configuration and protocol events to what the pure layer understands."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from os import urandom

from siprecord.protocol import (
    EndpointSettings,
    Flow,
    Gate,
    RequestReceived,
    SessionTimerSettings,
    TimerSettings,
)
from siprecord.recording import events
from siprecord.recording.contents import Contents, read_contents
from siprecord.recording.identity import identify
from siprecord.recording.keypresses import KeyPolicy
from siprecord.recording.plan import PlanSettings
from siprecord.recording.policy import PolicySettings, read_signs
from siprecord.recording.rules import Rule, Verdict, aspects_of, judge
from siprecord.recording.security import SrtpPolicy
from siprecord.recording.session_parts import SessionSettings
from siprecord.recording.trunks import Trunk
from siprecord.server.config import Config
from siprecord.server.rule_config import make_rule
from siprecord.server.sip_config import ListenerConfig, SipConfig
from siprecord.syntax.limits import DEFAULT_LIMITS
from siprecord.syntax.sip import Request
from siprecord.transport import Advertised

UNSPECIFIED = frozenset({"0.0.0.0", "::", ""})
LOOPBACK = "127.0.0.1"


def endpoint_settings(config: Config, version: str, gate: Gate) -> EndpointSettings:
    """How the SIP endpoint is to behave."""
    sip = config.sip
    return EndpointSettings(
        timers=TimerSettings(t1=sip.t1_ms / 1000, t2=sip.t2_ms / 1000, t4=sip.t4_ms / 1000),
        session_timer=SessionTimerSettings(interval=sip.session_expires_s, minimum=sip.min_session_expires_s),
        limits=replace(
            DEFAULT_LIMITS,
            max_message=sip.max_message_bytes,
            max_head=sip.max_head_bytes,
            max_headers=sip.max_headers,
        ),
        supported=("siprec", "timer", "100rel", "replaces"),
        product=sip.user_agent or f"siprecord/{version}",
        advertised_host=sip.advertised_host or "",
        max_transactions=sip.max_transactions,
        max_dialogs=config.max_concurrent_calls + 1000,
        tag_mark=_tag_mark(config),
        gate=gate,
    )


def _tag_mark(config: Config) -> str:
    """By what other nodes know our dialogs; the library of the cluster is loaded only where there is one."""
    if not config.cluster.servers:
        return ""
    from siprecord.cluster import node_mark

    return node_mark(config.cluster.name, config.node or platform.node())


def policy_settings(config: Config, trunk: Trunk | None = None) -> PolicySettings:
    """What is recorded, of a trunk with its own choices if it has some."""
    recording = config.recording
    own = trunk.strict if trunk is not None else None
    return PolicySettings(
        strict=recording.strict if own is None else own,
        plain_calls=recording.non_siprec == "accept",
        plain_status=recording.non_siprec_status,
        max_calls=config.max_concurrent_calls,
        retry_after_s=recording.retry_after_s,
        no_offer=recording.no_offer,
        own_streams=recording.own_streams,
        rules=tuple(make_rule(rule) for rule in config.rules),
    )


def session_settings(config: Config, trunk: Trunk | None = None) -> SessionSettings:
    """How recordings behave."""
    recording = config.recording
    return SessionSettings(
        policy=policy_settings(config, trunk),
        plan=PlanSettings(max_streams=recording.max_streams, srtp=_srtp(config, trunk), random=urandom),
        digits=_key_policy(config, trunk),
        media_timeout_s=recording.media_timeout_s,
        end_on_silence=recording.end_on_media_timeout,
        linger_s=recording.linger_ms / 1000,
        pause_max_s=recording.pause_max_s,
        request_snapshots=recording.request_snapshots,
    )


def _srtp(config: Config, trunk: Trunk | None) -> SrtpPolicy:
    own = trunk.srtp if trunk is not None else None
    return SrtpPolicy(config.media.srtp) if own is None else own


def _key_policy(config: Config, trunk: Trunk | None) -> KeyPolicy:
    if trunk is not None and trunk.digits is not None:
        return KeyPolicy.said(trunk.digits, f"trunk {trunk.name}")
    return KeyPolicy.said(config.recording.digits, "recording.digits")


def media_address(config: Config, flow: Flow) -> str:
    """The address for our SDP: the configured one, else the one the call came in on."""
    candidates = (
        _media_address_of(config.sip, flow),
        config.media.advertised_address or "",
        config.media.bind_address,
        flow.local[0],
    )
    return next((address for address in candidates if address not in UNSPECIFIED), LOOPBACK)


def advertised(listener: ListenerConfig) -> Advertised | None:
    """The address the listener's peers are told; None leaves it to `sip.advertised_host`."""
    if listener.advertised_host is None and listener.advertised_port is None:
        return None
    return Advertised(listener.advertised_host or "", listener.advertised_port or 0)


def _media_address_of(sip: SipConfig, flow: Flow) -> str:
    """The media address of the listener a call came in on: the most exact match counts."""
    for host in (flow.local[0], "::" if ":" in flow.local[0] else "0.0.0.0"):
        for one in sip.listeners:
            if one.media_address and (one.transport, one.host, one.port) == (
                flow.transport,
                host,
                flow.local[1],
            ):
                return one.media_address
    return ""


def recording_id(wall: datetime, token: str) -> str:
    """Sorts by time, is unique by `token`, and is safe as a file name: 20261121T031500Z-4f2a9c…"""
    return f"{wall:%Y%m%dT%H%M%SZ}-{token}"


def first_event(event: RequestReceived, policy: PolicySettings) -> events.InviteReceived:
    """A new INVITE as the session sees it, with what the operator's rules say of it."""
    request = event.request
    identity = identify(request, event.flow, event.principal)
    contents = read_contents(request, strict=policy.strict)
    verdict = ruling(request, contents, policy, trunk=event.principal)
    return events.InviteReceived(
        event.transaction,
        identity,
        contents,
        read_signs(request),
        verdict,
        headers_for(request, policy.rules),
    )


def ruling(request: Request, contents: Contents, policy: PolicySettings, *, trunk: str) -> Verdict:
    """The verdict of the rules on a new INVITE."""
    if not policy.rules:
        return Verdict()
    headers = headers_for(request, policy.rules)
    return judge(policy.rules, aspects_of(contents, trunk, headers))


def headers_for(request: Request, rules: Iterable[Rule]) -> dict[str, tuple[str, ...]]:
    """The headers that rules ask for, as far as this request has them."""
    names = {name for rule in rules for name in rule.headers}
    return {name: tuple(request.headers.get_all(name)) for name in names if name in request.headers}


def takeover_event(event: RequestReceived, rules: Iterable[Rule] = ()) -> events.TakeoverReceived:
    """A new INVITE as the session sees it that it takes over."""
    request = event.request
    return events.TakeoverReceived(
        event.transaction,
        identify(request, event.flow, event.principal),
        event.flow,
        read_contents(request),
        _confirmed(request),
        headers_for(request, rules),
    )


def later_event(transaction: str, request: Request, rules: Iterable[Rule] = ()) -> events.Event | None:
    """A request within a session as the session sees it; None for one that has no effect on it."""
    contents = read_contents(request)
    headers = headers_for(request, rules)
    match request.method:
        case "INVITE":
            return events.ReinviteReceived(transaction, contents, _confirmed(request), headers)
        case "UPDATE" | "PRACK":
            return events.UpdateReceived(transaction, contents, _confirmed(request), headers)
        case "INFO":
            return events.InfoReceived(transaction, contents, headers)
        case "BYE":
            reasons = request.headers.get_list("Reason")
            return events.ByeReceived(transaction, contents, ", ".join(reasons) or None)
    return None


def _confirmed(request: Request) -> bool:
    signs = read_signs(request)
    return signs.required or signs.tagged or signs.nearly is not None
