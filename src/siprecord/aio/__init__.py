"""The only place that starts tasks, and what the event loop does not tell of file descriptors and sockets."""

from siprecord.aio.refusals import Refusals
from siprecord.aio.tasks import finish, spawn
from siprecord.aio.wakeups import Wakeup

__all__ = ["Refusals", "Wakeup", "finish", "spawn"]
