"""Who sent a message, and what it says beside the RFCs: one small file of data for each vendor.

A dialect is chosen by evidence in the message itself, never by configuration. Whatever the vendor, the result
has one form, `Findings`. Nothing here raises for what a peer may send, and nothing refuses a call.
"""

from siprecord.recording.dialects.evidence import Evidence
from siprecord.recording.dialects.findings import Fact, Findings, Party
from siprecord.recording.dialects.reading import DIALECTS, dialect_named, read_findings

__all__ = ["DIALECTS", "Evidence", "Fact", "Findings", "Party", "dialect_named", "read_findings"]
