"""Sockets for SIP, and the driver that runs one sans-IO endpoint over all of them."""

from siprecord.transport.application import Deadline, EndpointControl, SipApplication
from siprecord.transport.keeping import SocketKeeper
from siprecord.transport.server import CustomSIPServer
from siprecord.transport.settings import (
    Advertised,
    ConnectionInfo,
    ListenerInfo,
    TransportCounters,
    TransportSettings,
)
from siprecord.transport.sockets import FREEBIND, source_towards

__all__ = [
    "FREEBIND",
    "Advertised",
    "ConnectionInfo",
    "CustomSIPServer",
    "Deadline",
    "EndpointControl",
    "ListenerInfo",
    "SipApplication",
    "SocketKeeper",
    "TransportCounters",
    "TransportSettings",
    "source_towards",
]
