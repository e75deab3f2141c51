"""The HTTP side: health, metrics, status, calls and recordings."""

from siprecord.control.http import HttpServer
from siprecord.control.ports import HealthSource, RecordingSource, Row, Sources

__all__ = ["HealthSource", "HttpServer", "RecordingSource", "Row", "Sources"]
