"""Padded base64, read in one way only: two texts never stand for the same octets."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

__all__ = ["from_base64", "to_base64"]


def to_base64(octets: bytes) -> str:
    """Base64 with padding (RFC 4648, section 4)."""
    return b64encode(octets).decode()


def from_base64(text: str) -> bytes | None:
    """The octets of canonical, padded base64; None for anything else."""
    try:
        octets = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return octets if to_base64(octets) == text else None
