"""`ecluse` alone on a terminal: where this workspace stands, and the one command that comes next."""

from __future__ import annotations

from pathlib import Path

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.speak import Voice
from ecluse.wiring.settings import read_settings

__all__ = ["ROAD", "guide"]

ROAD = (
    ("road_workspace", "init --source URL --target URL"),
    ("road_sites", "site new source"),
    ("road_agreement", "agreement check FILE"),
    ("road_instruction", "instruction show FILE"),
    ("road_lock", "lock status"),
    ("road_run", "run --as PERSON"),
    ("road_accept", "accept --as PERSON"),
)
"""The way through, in order."""


def guide(home: Path, language: str) -> None:
    """The numbered way, from nothing to a certificate of erasure."""
    voice = Voice(language=language)
    voice.line(voice.phrase("promise"))
    for number, (key, command) in enumerate(ROAD, start=1):
        voice.line(f"  {number}. {voice.phrase(key):<46} ecluse {command}")
    try:
        read_settings(home)
    except Refusal:
        voice.next("demo")
    else:
        voice.next("lock status")
