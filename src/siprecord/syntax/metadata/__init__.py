"""Recording metadata (RFC 7865): any dialect in, the RFC's form out."""

from siprecord.syntax.metadata.fields import Extension
from siprecord.syntax.metadata.model import (
    NAMESPACE,
    Group,
    MediaStream,
    MetadataDocument,
    NameId,
    Participant,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Reason,
    Session,
    SessionAssociation,
)
from siprecord.syntax.metadata.read import parse_metadata, read_metadata
from siprecord.syntax.metadata.write import write_metadata, write_snapshot_request

__all__ = [
    "NAMESPACE",
    "Extension",
    "Group",
    "MediaStream",
    "MetadataDocument",
    "NameId",
    "Participant",
    "ParticipantSessionAssociation",
    "ParticipantStreamAssociation",
    "Reason",
    "Session",
    "SessionAssociation",
    "parse_metadata",
    "read_metadata",
    "write_metadata",
    "write_snapshot_request",
]
