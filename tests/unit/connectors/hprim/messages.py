"""Messages of one's own making, and what reading them gives."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from ecluse.adapters.connectors.files.format import Fact, Seen, Unread
from ecluse.adapters.connectors.hprim.format import Hprim
from ecluse.adapters.connectors.hprim.letters import HprimLetters

HEAD = "H|~^\\&|A.HPR|SECRET|1~LABO||ORU|||2~CLINIQUE||P|H2.4~C|202401150830"
PATIENT = "P|1|IPP1|LAB1||PETIT~ANNE|DURAND|19900102|F"
REQUEST = "OBR|1|T1~D1|E1~R1|GLU~Glucose~L|R"
RESULT = "OBX|1|NM|GLU~Glucose~L||5.4|mmol/l|3.9 - 6.1|N|||F"


def sent(*segments: str, head: str = HEAD, end: str = "L|1", eol: str = "\r\n") -> bytes:
    """A whole message."""
    return eol.join([head, *segments, end, ""]).encode("latin-1")


def read(octets: bytes) -> list[Fact | Unread | Seen]:
    """Everything that a file of HPRIM Santé tells."""
    return list(Hprim().read(io.BytesIO(octets), name="f"))


def read_letters(octets: bytes) -> list[Fact | Unread | Seen]:
    """Everything that a file of HPRIM Médecins tells."""
    return list(HprimLetters().read(io.BytesIO(octets), name="f"))


def records(told: list[Fact | Unread | Seen]) -> dict[tuple[str, str], dict[str, Any]]:
    """The records that facts come to, with the fields that say something."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in told:
        if isinstance(fact, Fact):
            record = found.setdefault((fact.kind, str(fact.row["id"])), {})
            record.update({name: value for name, value in fact.row.items() if value is not None})
    return found


def one(octets: bytes, kind: str) -> dict[str, Any]:
    """The only record of a kind."""
    (record,) = [row for (known, _), row in records(read(octets)).items() if known == kind]
    return record


def reasons(told: list[Fact | Unread | Seen]) -> list[tuple[str, dict[str, int]]]:
    """Why what is unread is so, and its units."""
    return [(it.reason, dict(it.units)) for it in told if isinstance(it, Unread)]


def fates(told: list[Fact | Unread | Seen]) -> dict[tuple[str, str], int]:
    """How many units met each fate."""
    counted: Counter[tuple[str, str]] = Counter()
    for it in told:
        if isinstance(it, Seen):
            counted[it.unit, it.fate] += it.times
    return dict(counted)
