"""The other side of SIPREC: a recording client, for test calls and load.

`SrcCall` places one call through a `ClientDriver`; a `Player` of the media plane sends its audio. Any number
of calls may share both.
"""

from siprecord.client.audio import load_pcm
from siprecord.client.call import SrcCall
from siprecord.client.codecs import Codec, Law
from siprecord.client.driver import ClientDriver, DriverSettings
from siprecord.client.load import CallOutcome, Load, LoadProgress
from siprecord.client.load_plan import FaultRates, Faults, LoadPlan, faults_of
from siprecord.client.load_report import LoadFigures, figures
from siprecord.client.plan import CallPlan, Party
from siprecord.client.ports import Played, Player, Track
from siprecord.client.report import CallError, CallReport, CallStatus, StreamReport
from siprecord.client.safety import refuse_strangers
from siprecord.client.target import Target, read_target

__all__ = [
    "CallError",
    "CallOutcome",
    "CallPlan",
    "CallReport",
    "CallStatus",
    "ClientDriver",
    "Codec",
    "DriverSettings",
    "FaultRates",
    "Faults",
    "Law",
    "Load",
    "LoadFigures",
    "LoadPlan",
    "LoadProgress",
    "Party",
    "Played",
    "Player",
    "SrcCall",
    "StreamReport",
    "Target",
    "Track",
    "faults_of",
    "figures",
    "load_pcm",
    "read_target",
    "refuse_strangers",
]
