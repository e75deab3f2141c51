"""Bounds that every parser obeys. A peer decides what arrives; these decide what it can cost us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of one message and its bodies. All are ours; the RFCs set none.

    The defaults hold every message seen in the field several times over (a conference of 50 participants
    makes about 100 kB of metadata) and stop what only an attacker would send.
    """

    max_message: int = 2 * 1024 * 1024
    """Bytes of one SIP message, head and body."""
    max_head: int = 64 * 1024
    """Bytes of the start line and all header fields."""
    max_headers: int = 256
    """Header rows of one message."""
    max_parts: int = 32
    """Parts of a multipart body, nested ones included."""
    max_multipart_depth: int = 4
    """How deep multipart bodies may nest."""
    max_sdp: int = 256 * 1024
    """Bytes of one SDP body."""
    max_sdp_media: int = 512
    """m-lines that are read; how many are recorded is a setting of its own."""
    max_sdp_lines: int = 8192
    """Lines of one SDP body."""
    max_xml: int = 1024 * 1024
    """Bytes of one metadata document; a larger one is kept but not read."""
    max_xml_depth: int = 32
    """How deep elements may nest."""
    max_xml_elements: int = 20_000
    """Elements of one metadata document."""


DEFAULT_LIMITS = Limits()
