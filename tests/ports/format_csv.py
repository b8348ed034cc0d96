"""CSV, as we write it ourselves, among the formats of the contract suite."""

from __future__ import annotations

import re
from io import RawIOBase

from ecluse.adapters.connectors.table.csv_format import CsvRecords
from ecluse.adapters.connectors.table.records import columns_of
from tests.ports.formats import Described, Repeat

MARK = b"\xef\xbb\xbf"
LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def units(octets: bytes) -> int:
    """Lines, ended as any system ends them."""
    return len(LINE.findall(octets.removeprefix(MARK)))


def sheet(kind: str, *rows: dict[str, str], end: str = "\r\n") -> bytes:
    """A table of one kind, each cell as it is given."""
    columns = columns_of(kind)
    lines = [
        ";".join(columns),
        *(";".join(row.get(name.partition("_")[2], "") for name in columns) for row in rows),
    ]
    return MARK + "".join(line + end for line in lines).encode()


SAMPLES = (
    sheet("patient", {"id": "P1", "birth_name": "'=1+1", "comment": '"à\r\njeun"'}, {"birth_name": "SANS NUMERO"}, {"id": "P2", "phone": "'"}),
    sheet("result", {"id": "A1", "request": "R1", "value": "-1,5"}, {"id": "A2", "value": "<0,1"}, end="\n") + b"\r\n\r\nA3;R1\r\n",
    sheet("document", {"id": "C1", "content": "JVBERi0="}, {"id": "C2", "content": "pas du base 64"}, {"id": "C3", "content": "JVBERi1="}, end="\r"),
    sheet("request", {"id": "R1", "site": '"01"x', "status": "validated"}, {"id": "R2", "clinical_info": '"jamais'}, {"id": "R3"}),
    sheet("specimen") + sheet("specimen", {"id": "E1"}),
    b"NUMPAT;NOM\r\n1;DUPONT\r\n",
    sheet("patient", {"id": "P1", "birth_name": "x\x00y"}) + b"\xff\xfe\r\n",
)  # fmt: skip


def _repeated(times: int) -> RawIOBase:
    row = sheet("result", {"id": "A000000", "request": "R1", "code": "GLU", "value": "5,4"}).splitlines(
        keepends=True
    )
    return Repeat(lambda n: row[1].replace(b"A000000", b"A%06d" % n), times, head=row[0])


DESCRIBED = Described(name="csv", format=CsvRecords, units=units, samples=SAMPLES, repeated=_repeated)
