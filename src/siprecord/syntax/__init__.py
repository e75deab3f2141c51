"""Bytes to values and back, without state, time or I/O: SIP, multipart bodies, SDP, recording metadata."""
