"""What a format of files is to Écluse: it reads octets into records and counts, and writes records into octets; nothing else.

Decides the contract that `source` and `target` of this folder rely on, and every format keeps (tests/ports/test_format.py). A format knows no
instruction, plan or rule: it gives the records of the canonical vocabulary, in the raw text of the message, and the fate of every unit
(segment, line, element, row) of what it was given, so that none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, Protocol

__all__ = ["CARRIED", "IGNORED", "UNKNOWN", "Case", "Fact", "Format", "Row", "Seen", "Unread", "Written"]

Row = Mapping[str, str | bytes | None]
"""A record: field name to raw text (octets for a document's content); None or missing where the message says nothing."""

CARRIED: Final = "carried"
"""The fate of a unit that gave a record, or a part of one."""
IGNORED: Final = "structure"
"""The fate of a unit that holds no field of the vocabulary: an envelope, a trailer, a set-up line."""
UNKNOWN: Final = "not-in-vocabulary"
"""The fate of a unit that says something the vocabulary has no word for: it stays where it is, and is counted."""


class Fact(NamedTuple):
    """One record as one message tells it. Later facts of the same kind and `id` complete and replace earlier ones, field by field: a field
    that is None changes nothing, "" empties it. `gone`: the message says that the record is deleted.

    `row` has the record's id, always: what has none cannot be told from another, and is `Unread`. `place`: file, message and unit (1-based),
    for counts and messages; never a value.
    """

    kind: str
    row: Row
    place: str
    gone: bool = False


class Unread(NamedTuple):
    """A unit, or a whole message, that cannot be read as records: `reason` is a short stable word ("cut", "no-patient", "encoding"...), `raw` its
    octets, which are kept sealed for the laboratory alone. Its units are counted here and nowhere else: `units` by name.
    """

    place: str
    reason: str
    raw: bytes
    units: Mapping[str, int]


class Seen(NamedTuple):
    """So many units of this name (segment "OBX", element "observation", "row") met this fate: `CARRIED`, `IGNORED`, or `UNKNOWN`."""

    unit: str
    fate: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """A request with all that stands below it, as a format writes it. `patient` and `prescriber` are {} where there is none."""

    request: Row
    patient: Row = field(default_factory=dict)
    prescriber: Row = field(default_factory=dict)
    specimens: Sequence[Row] = ()
    results: Sequence[Row] = ()
    isolates: Sequence[Row] = ()
    susceptibilities: Sequence[Row] = ()
    documents: Sequence[Row] = ()
    invoices: Sequence[Row] = ()


class Written(NamedTuple):
    """One file to write: its name (made of numbers and safe letters, never of a value), and its octets."""

    name: str
    content: bytes


class Format(Protocol):
    """One format of files. Reading is a stream: memory stays that of one message."""

    name: str
    """As in an address: `hl7v2`, `hprim`, `cda`..."""
    mapping: str
    """The mapping file that ships with it (TOML text): the kinds and fields that the format can hold, and no other."""

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file, `name` being how places call it. Never raises for what the file holds: what cannot be read is `Unread`.

        `stream` may give fewer octets than asked for, as a pipe does. Every unit is counted once: by a `Seen`, or in an `Unread`.
        """
        ...

    def unfit(self, kind: str, row: Row) -> str | None:
        """Why this record could not be read back exactly from this format ("encoding", "too-long"...), or None."""
        ...

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """Files that hold all cases, then the records that belong to none (kind, record): patients and prescribers without a request.

        Names are in their own order: what is read last was written last. Memory stays that of one file.
        """
        ...
