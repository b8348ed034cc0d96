"""Messages for tests, written as their lines, and what they tell."""

from __future__ import annotations

import io
from typing import Any

from ecluse.adapters.connectors.files.format import Fact, Row, Seen, Unread
from ecluse.adapters.connectors.hl7.format import Hl7v2
from ecluse.adapters.connectors.hl7.parts import Manner

__all__ = ["MSH", "ORU", "PID", "Told", "told"]

MSH = "MSH|^~\\&|SIL|LABO|DPI|CH|20240115083000||{}|1|P|2.5|||||FRA|UNICODE UTF-8"
ORU = MSH.format("ORU^R01^ORU_R01")
PID = "PID|1||12||DURAND^ANNE|||F"


class Told:
    """What some octets tell, by kind."""

    def __init__(self, said: list[Fact | Unread | Seen]) -> None:
        self.facts = [it for it in said if isinstance(it, Fact)]
        self.unread = [it for it in said if isinstance(it, Unread)]
        self.fates = {(it.unit, it.fate): it.times for it in said if isinstance(it, Seen)}

    def rows(self, kind: str) -> list[Row]:
        """The records of a kind that are not gone."""
        return [it.row for it in self.facts if it.kind == kind and not it.gone]

    def one(self, kind: str) -> dict[str, Any]:
        """The only record of a kind, without its id."""
        [row] = self.rows(kind)
        return {name: it for name, it in row.items() if name != "id"}

    @property
    def reasons(self) -> list[str]:
        """Why what was not read was not."""
        return [it.reason for it in self.unread]


def told(*lines: str, end: str = "\r", codec: str = "utf-8", manner: Manner | None = None) -> Told:
    """What these lines tell, each ended alike."""
    return of_octets("".join(line + end for line in lines).encode(codec), manner=manner)


def of_octets(octets: bytes, *, manner: Manner | None = None) -> Told:
    """What a file of these octets tells."""
    return Told(list(Hl7v2(manner=manner or Manner()).read(io.BytesIO(octets), name="f")))
