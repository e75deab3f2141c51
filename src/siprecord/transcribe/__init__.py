"""Live audio for speech-to-text: a reader of the capture log, so that it can't hurt the recording."""

from siprecord.transcribe.audio import LiveAudio, Speaker
from siprecord.transcribe.delays import Delays
from siprecord.transcribe.live import AudioCallback, LiveAudioFeed, LogBatch, LogPiece, LogTail

__all__ = [
    "AudioCallback",
    "Delays",
    "LiveAudio",
    "LiveAudioFeed",
    "LogBatch",
    "LogPiece",
    "LogTail",
    "Speaker",
]
