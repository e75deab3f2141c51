"""What is wrong with a message or a call, where it stands, which rule it breaks, and what to change."""

from siprecord.cli.diagnosis.calls import CallSoFar, explain_calls
from siprecord.cli.diagnosis.finding import Finding, Line
from siprecord.cli.diagnosis.findings import findings_of
from siprecord.cli.diagnosis.lengths import length_finding, without_length
from siprecord.cli.diagnosis.text import Text

__all__ = [
    "CallSoFar",
    "Finding",
    "Line",
    "Text",
    "explain_calls",
    "findings_of",
    "length_finding",
    "without_length",
]
