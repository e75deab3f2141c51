"""This server as a node of a cluster: what its configuration says, what it does when another one dies."""

from __future__ import annotations

import asyncio
import os
import platform
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from siprecord.aio import spawn
from siprecord.cluster import (
    Claim,
    ClusterError,
    Hooks,
    Member,
    MemberSettings,
    NodeRow,
    RedisSettings,
    RedisStore,
    TakenRow,
)
from siprecord.errors import ConfigError, MediaError
from siprecord.media import MediaEngine
from siprecord.server.archive import log_path
from siprecord.server.cluster_config import ClusterConfig
from siprecord.server.config import Config
from siprecord.server.continuity import Continuity
from siprecord.server.floating import is_here
from siprecord.server.takeover import Takeover
from siprecord.version import own_version

INSTANCE_FILE = "node-instance"
"""In the data directory: it makes this node the same one in its next life."""

_log = structlog.stdlib.get_logger("siprecord.server")


class Membership:
    """A node from its start to its end. Raises ConfigError when the instance file can't be made."""

    def __init__(self, config: Config, continuity: Continuity) -> None:
        self._config = config
        self._continuity = continuity
        self._takeover: Takeover | None = None
        self._store = RedisStore(
            redis_settings(config.cluster), config.cluster.name, config.node or platform.node()
        )
        instance = _instance(config.data_dir)
        settings = MemberSettings(
            instance=instance,
            process=secrets.token_hex(4),
            lease_s=config.cluster.lease_s,
            row=_row(config, instance),
            encrypted=config.cluster.tls,
        )
        self.member = Member(self._store, settings, self._hooks())
        continuity.replica = self.member.replica

    async def join(self, engine: MediaEngine) -> None:
        """Come in, before what an earlier life left is repaired: its logs learn who went on with their calls.

        Raises NameTaken when another node has our name, unless calls of ours wait to go on: these come first.
        """
        if self._continuity.waiting:
            return
        await self.member.join()
        if self.member.trouble.text:
            return
        try:
            taken = await self._store.taken()
        except ClusterError as error:
            _log.warning("who took over calls of this node is not known", reason=str(error))
            return
        links = {one: (row.by, row.recording_id) for one, row in taken.items() if row.recording_id}
        await asyncio.to_thread(self._mark_logs, engine, links)

    def start(self, takeover: Takeover) -> None:
        """Beat from now on: the ports are open, calls can be taken over."""
        self._takeover = takeover
        takeover.linked = self._linked
        self.member.start()

    async def leave(self) -> None:
        """End; when no call runs any more, for good."""
        await self.member.leave(for_good=not self._continuity.running)

    def awaits(self, tag: str, waited: float) -> bool:
        """Whether we may take over the dialog of this To tag soon; a request has waited so long for it."""
        return self._takeover is not None and self.member.awaits(self._config.cluster.name, tag, waited)

    def row(self) -> Mapping[str, Any]:
        """How things stand, for people and programs."""
        member, replica = self.member, self.member.replica
        return {
            "name": self._config.cluster.name,
            "node": member.name,
            "connected": member.connected,
            "trouble": member.trouble.text or None,
            "duplicate_name": member.trouble.duplicate,
            "calls": replica.calls,
            "pending": replica.pending,
            "lag_s": round(replica.lag_s, 3),
            **asdict(replica.figures),
            "taken_over": member.taken_over,
            "takeovers_failed": member.failed_takeovers,
            "nodes": [_shown(name, row) for name, row in sorted(member.nodes.items())],
        }

    def _hooks(self) -> Hooks:
        return Hooks(
            take_over=self._take_over,
            running=lambda: self._continuity.running,
            release=lambda recording_id: self._takeover is not None and self._takeover.release(recording_id),
            shared=self._shared,
            serves=lambda addresses: any(is_here(one) for one in addresses.split()),
        )

    def _shared(self, recording_id: str, row: TakenRow) -> None:
        if self._takeover is not None and row.recording_id:
            self._takeover.share(recording_id, row.recording_id, row.by)

    async def _take_over(self, claim: Claim) -> Mapping[str, str]:
        return {} if self._takeover is None else await self._takeover.take(claim)

    def _linked(self, node: str, lost: str, ours: str) -> None:
        spawn(self._tell(node, {lost: ours}), name="cluster link")

    async def _tell(self, node: str, links: Mapping[str, str]) -> None:
        try:
            await self._store.tell_taken(node, links)
        except ClusterError as error:
            _log.warning("a node will not learn who went on with its call", of=node, reason=str(error))

    def _mark_logs(self, engine: MediaEngine, links: Mapping[str, tuple[str, str]]) -> None:
        """Blocks: reads the logs."""
        for recording_id, (node, other) in links.items():
            path = log_path(self._config.spool_dir, recording_id)
            if not path.exists():
                continue
            event = {"event": "recording.continued", "recording_id": other, "node": node, "cause": "failover"}
            try:
                log = engine.resume_log(path)
                log.append_event(event)
                log.close(sync=False)
            except MediaError as error:
                ids = {"recording_id": recording_id}
                _log.warning("a log could not be told who went on", **ids, reason=str(error))


def _shown(name: str, row: NodeRow) -> dict[str, object]:
    """A node as `siprecord cluster` shows it."""
    return {
        "name": name,
        "state": "dead" if row.state == "up" and not row.lease_ms else row.state,
        "taken_by": row.by or None,
        "lease_s": round(row.lease_ms / 1000, 1),
        "calls": row.calls,
        "lag_s": row.lag_s,
        "host": row.host,
        "pid": row.pid,
        "version": row.version,
        "addresses": row.addresses.split(),
        "seen": datetime.fromtimestamp(row.seen, UTC).isoformat(timespec="milliseconds"),
    }


def redis_settings(cluster: ClusterConfig) -> RedisSettings:
    """How Redis is reached."""

    def secret(value: Any) -> str | None:
        return value.get_secret_value() if value is not None else None

    def path(value: Path | None) -> str | None:
        return str(value) if value is not None else None

    return RedisSettings(
        servers=cluster.endpoints(),
        sentinel=cluster.sentinel,
        username=cluster.username or None,
        password=secret(cluster.password),
        sentinel_password=secret(cluster.sentinel_password),
        database=cluster.database,
        tls=cluster.tls,
        tls_ca=path(cluster.tls_ca),
        tls_certificate=path(cluster.tls_certificate),
        tls_key=path(cluster.tls_key),
        timeout_s=cluster.timeout_s,
    )


def _row(config: Config, instance: str) -> NodeRow:
    return NodeRow(
        instance=instance,
        host=platform.node(),
        pid=os.getpid(),
        version=own_version(),
        since=time.time(),
        addresses=" ".join(config.cluster.addresses),
    )


def _instance(data_dir: Path) -> str:
    """Who we are in all our lives: a number in the data directory."""
    path = data_dir / INSTANCE_FILE
    try:
        if path.exists() and (known := path.read_text().strip()).isalnum():
            return known
        made = secrets.token_hex(8)
        path.write_text(made + "\n")
    except OSError as error:
        raise ConfigError(f"{path} can't be made: {error.strerror}") from error
    return made
