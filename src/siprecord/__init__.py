"""Siprecord, a SIPREC session recording server."""
