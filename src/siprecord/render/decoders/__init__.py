"""Decoders: packets of one stretch of one codec in, PCM in its place out."""

from __future__ import annotations

from siprecord.render.decoders.base import Decoder, Piece, Samples

__all__ = ["Decoder", "Piece", "Samples"]
