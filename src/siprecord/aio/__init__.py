"""The only place that starts tasks, and the bridge from file descriptors to callbacks."""

from siprecord.aio.tasks import finish, spawn
from siprecord.aio.wakeups import Wakeup

__all__ = ["Wakeup", "finish", "spawn"]
