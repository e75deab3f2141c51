"""The other side of SIPREC: a recording client, for test calls and load.

`SrcCall` places one call through a `ClientDriver`; a `Player` of the media plane sends its audio. Any number
of calls may share both.
"""

from siprecord.client.audio import load_pcm
from siprecord.client.call import SrcCall
from siprecord.client.driver import ClientDriver, DriverSettings
from siprecord.client.plan import CallPlan, Party
from siprecord.client.ports import Codec, Played, Player, Track
from siprecord.client.report import CallError, CallReport, CallStatus, StreamReport
from siprecord.client.target import Target, read_target

__all__ = [
    "CallError",
    "CallPlan",
    "CallReport",
    "CallStatus",
    "ClientDriver",
    "Codec",
    "DriverSettings",
    "Party",
    "Played",
    "Player",
    "SrcCall",
    "StreamReport",
    "Target",
    "Track",
    "load_pcm",
    "read_target",
]
