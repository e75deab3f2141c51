"""Recording metadata (RFC 7865): any dialect in, the RFC's form out."""

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
from siprecord.syntax.metadata.read import parse_metadata
from siprecord.syntax.metadata.write import write_metadata, write_snapshot_request

__all__ = [
    "NAMESPACE",
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
    "write_metadata",
    "write_snapshot_request",
]
