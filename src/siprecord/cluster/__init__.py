"""What several nodes know of one another, kept in Redis or Valkey: who lives, and which calls are whose.

Nothing here stands in the way of recording: a call never waits for Redis, and without it a node goes on
alone.
"""

from siprecord.cluster.connect import RedisSettings
from siprecord.cluster.envelope import DamagedSnapshot, Snapshot
from siprecord.cluster.marks import node_mark
from siprecord.cluster.member import Claim, Hooks, Member, MemberSettings
from siprecord.cluster.replica import Replica
from siprecord.cluster.store import ClusterError, Fenced, NameTaken, NodeRow, RedisStore, TakenRow
from siprecord.cluster.trouble import Trouble

__all__ = [
    "Claim",
    "ClusterError",
    "DamagedSnapshot",
    "Fenced",
    "Hooks",
    "Member",
    "MemberSettings",
    "NameTaken",
    "NodeRow",
    "RedisSettings",
    "RedisStore",
    "Replica",
    "Snapshot",
    "TakenRow",
    "Trouble",
    "node_mark",
]
