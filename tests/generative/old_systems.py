"""Systems made in every way that a mapping can tell, any rows in them, any instruction about them, and both engines over the same rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from ecluse.adapters.connectors.memory import MemorySource
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource
from ecluse.terms.codes import Classification, LocalCode
from ecluse.terms.instruction import Period, SpecialCategory, System, parse
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import Plan, compile_plan
from ecluse.terms.vocabulary import vocabulary
from tests.documents import INSTRUCTION

PLAIN: Final = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
START, END = date(2024, 1, 10), date(2024, 2, 29)
Tables = dict[str, list[dict[str, Any]]]

DDL: Final = {
    "PRESC": "NUM TEXT, NOM TEXT",
    "PAT": "NUM TEXT, NOM TEXT, DOC TEXT, COM TEXT, KIND TEXT",
    "ADR": "PAT TEXT, VILLE TEXT, RANG TEXT",
    "REQ": "NUM TEXT, PAT TEXT, PRESC TEXT, SITE TEXT, DAT TEXT, INFO TEXT",
    "RES": "NUM TEXT, REQ TEXT, ANA TEXT, VAL TEXT, COM TEXT, SITE TEXT, DAT TEXT, MAJ TEXT",
    "ISO": "NUM TEXT, REQ TEXT, RES TEXT, GERME TEXT",
    "PDF": "NUM TEXT, REQ TEXT, CONTENU BLOB",
    "ACTE": "NUM TEXT, REQ TEXT, COD TEXT, QTE INTEGER",
}
TEXTS: Final = ("", "à jeun", "x\x00y", " ", "🩸", "1'; --", None)

DATES: Final[dict[str | None, dict[str | None, date | None]]] = {
    None: {
        "2024-01-10": date(2024, 1, 10), "2024-02-29": date(2024, 2, 29), "2024-02-29 23:59:59.999": date(2024, 2, 29),
        "2024-01-31T08:00": date(2024, 1, 31), "2024-01-09": date(2024, 1, 9), "2024-03-01": date(2024, 3, 1), "2024-02-30": None,
        "0000-00-00": None, "2023-02-29": None, "20240115": None, "2024-1-15": None, "": None, "infinity": None, "0044-03-15 BC": None,
        "٢٠٢٤-٠١-١٥": None, "2024-01-15 ": None, None: None,
    },
    "%Y%m%d": {
        "20240110": date(2024, 1, 10), "20240229": date(2024, 2, 29), "20240109": date(2024, 1, 9), "20240301": date(2024, 3, 1),
        "20240230": None, "00000000": None, "20230229": None, "2024-01-15": None, "2024011": None, "202401150": None, "": None, " 0240115": None,
        "-0240115": None, None: None,
    },
    "%d/%m/%Y %H:%M": {
        "10/01/2024 00:00": date(2024, 1, 10), "29/02/2024 23:59": date(2024, 2, 29), "09/01/2024 23:59": date(2024, 1, 9),
        "01/03/2024 00:00": date(2024, 3, 1), "29/02/2024 24:00": None, "31/04/2024 10:00": None, "29/02/2024": None, "29-02-2024 10:00": None,
        "29/02/2024 1:000": None, None: None,
    },
}  # fmt: skip
"""What each raw date means, by format."""

SITES: Final[dict[str, dict[str | None, str | None]]] = {
    '"SITE"': {"NORD": "NORD", "SUD": "SUD", "EST": "EST", "": "", "nord": "nord", "NORD ": "NORD ", None: None},
    '{ column = "SITE", trim = true, absent = ["", "0"] }': {"NORD  ": "NORD", "NORD": "NORD", "SUD": "SUD", "0": None, "  ": None, None: None},
    '{ column = "SITE", values = { "1" = "NORD", "2" = "SUD" }, also = { "7" = "NORD", "9" = "SUD" }, absent = ["9"] }': {
        "1": "NORD", "2": "SUD", "3": None, "7": "NORD", "9": None, "NORD": None, "1 ": None, None: None,
    },
}  # fmt: skip
"""What each raw site means, by reading."""

CATEGORY: Final = {"NA": None, "VIH": "HIV", "HCG": "PREG", "K9": "ONC", "B1": None, "B9": "HIV"}
CODES: Final[dict[str, dict[str | None, str | None]]] = {
    '"{}"': {**{code: code for code in CATEGORY}, "": "", None: None},
    '{{ column = "{}", trim = true, absent = [""] }}': {"NA": "NA", "VIH  ": "VIH", "HCG": "HCG", "K9   ": "K9", "B9 ": "B9", "": None, None: None},
    '{{ column = "{}", values = {{ "n" = "NA", "h" = "VIH", "g" = "HCG", "b" = "B9" }}, also = {{ "v" = "VIH" }} }}': {
        "n": "NA", "h": "VIH", "v": "VIH", "g": "HCG", "b": "B9", None: None,
    },
}  # fmt: skip
"""What each raw code means, by reading."""

LINKS: Final[dict[str, dict[str | None, str | None]]] = {
    '"PAT"': {"P1": "P1", "P2": "P2", "P3": "P3", "p1": "p1", None: None},
    '{ column = "PAT", absent = ["P3", "0"] }': {"P1": "P1", "P2": "P2", "P3": None, "p1": "p1", None: None},
    '{ column = "PAT", values = { "P1" = "P2", "P2" = "P1" }, also = { "p1" = "P1" } }': {
        "P1": "P2", "P2": "P1", "P3": None, "p1": "P1", None: None,
    },
}  # fmt: skip
"""Whom each raw reference to a patient means, by reading."""

CLASSIFICATION: Final = Classification(
    {
        (system, code): LocalCode(system, code, code, (category,) if category else ())
        for system in ("test", "act")
        for code, category in {**CATEGORY, "": None}.items()
    }
)
RECORDS: Final[dict[str, tuple[str, ...]]] = {
    "prescriber": ("id", "family_name"),
    "patient": ("id", "birth_name", "city", "doctor", "comment"),
    "request": ("id", "patient", "prescriber", "site", "date", "clinical_info"),
    "result": ("id", "request", "code", "value", "comment"),
    "isolate": ("id", "request", "result", "organism"),
    "document": ("id", "request", "content"),
    "invoice": ("id", "request", "act", "quantity"),
}


@dataclass(frozen=True)
class Old:
    """One way in which a system may be made: how it writes dates, sites, codes and whose a request is; whether its results know their own site and date."""

    format: str | None
    site: str
    code: str
    own: bool
    acts: bool
    link: str = '"PAT"'

    @property
    def mapping(self) -> bytes:
        day = (
            '{ column = "DAT" }' if self.format is None else f'{{ column = "DAT", format = "{self.format}" }}'
        )
        scope = f"scope = {{ site = {self.site}, date = {day} }}" if self.own else ""
        act = self.code.format("COD") if self.acts else '"COD"'
        return f"""
mapping = {{ system = "old", version = 1 }}
[prescriber]
table = "PRESC"
fields = {{ id = "NUM", family_name = "NOM" }}
[patient]
table = "PAT"
where = {{ KIND = ["P", "Q"] }}
fields = {{ id = "NUM", birth_name = "NOM", city = "adr.VILLE", doctor = {{ column = "DOC", absent = [""] }}, comment = "COM" }}
[[patient.join]]
table = "ADR"
as = "adr"
on = {{ PAT = "NUM" }}
where = {{ RANG = "1" }}
[request]
table = "REQ"
fields = {{ id = "NUM", patient = {self.link}, prescriber = "PRESC", site = {self.site}, date = {day}, clinical_info = "INFO" }}
[result]
table = "RES"
changed = "MAJ"
{scope}
fields = {{ id = "NUM", request = "REQ", code = {self.code.format("ANA")}, value = {{ first = ["VAL", "COM"] }}, comment = "COM" }}
[isolate]
table = "ISO"
fields = {{ id = "NUM", request = "REQ", result = "RES", organism = "GERME" }}
[document]
table = "PDF"
fields = {{ id = "NUM", request = "REQ", content = "CONTENU" }}
[invoice]
table = "ACTE"
fields = {{ id = "NUM", request = "REQ", act = {act}, quantity = "QTE" }}
""".encode()

    def codes(self, *, act: bool = False) -> dict[str | None, str | None]:
        return CODES['"{}"'] if act and not self.acts else CODES[self.code]


systems = st.builds(
    Old,
    format=st.sampled_from(list(DATES)),
    site=st.sampled_from(list(SITES)),
    code=st.sampled_from(list(CODES)),
    own=st.booleans(),
    acts=st.booleans(),
    link=st.sampled_from(list(LINKS)),
)
texts = st.sampled_from(TEXTS)
PATIENTS, PRESCRIBERS, REQUESTS, RESULTS = (
    ("P1", "P2", "P3", "p1"),
    ("M1", "M2", "M3"),
    ("D1", "D2", "D3", "D4", "D5"),
    ("R1", "R2", "R3", "R4"),
)


@st.composite
def filled(draw: st.DrawFn, system: Old) -> Tables:
    """Any rows: orphans, absent values, dates that do not exist, sites and codes that mean nothing."""

    def some(names: tuple[str, ...]) -> list[str]:
        return draw(st.lists(st.sampled_from(names), unique=True))

    def any_of(names: Any) -> Any:
        return draw(st.sampled_from([*names, None]))

    def rows(most: int, **columns: Any) -> list[dict[str, Any]]:
        return [
            {name: draw(values) for name, values in columns.items()}
            for _ in range(draw(st.integers(0, most)))
        ]

    days, sites = st.sampled_from(list(DATES[system.format])), st.sampled_from(list(SITES[system.site]))
    requests = st.sampled_from([*REQUESTS, "D1 ", "gone", None])
    return {
        "PRESC": [{"NUM": name, "NOM": draw(texts)} for name in some(PRESCRIBERS)],
        "PAT": [
            {"NUM": name, "NOM": draw(texts), "DOC": any_of((*PRESCRIBERS, "", "M1 ")), "COM": draw(texts), "KIND": any_of("PQX")}
            for name in some(PATIENTS)
        ],
        "ADR": [{"PAT": name, "VILLE": draw(texts), "RANG": any_of("1")} for name in some(PATIENTS)],
        "REQ": [
            {"NUM": name, "PAT": any_of(PATIENTS), "PRESC": any_of(PRESCRIBERS), "SITE": draw(sites), "DAT": draw(days), "INFO": draw(texts)}
            for name in some(REQUESTS)
        ],
        "RES": rows(
            8, NUM=st.sampled_from(RESULTS), REQ=requests, ANA=st.sampled_from(list(system.codes())), VAL=texts, COM=texts, SITE=sites, DAT=days,
            MAJ=st.sampled_from(["2024-01-10 10:00:00", None]),
        ),
        "ISO": rows(5, NUM=st.sampled_from(("I1", "I2")), REQ=requests, RES=st.sampled_from([*RESULTS, "gone", None]), GERME=texts),
        "PDF": rows(4, NUM=st.sampled_from(("F1", "F2")), REQ=requests, CONTENU=st.sampled_from([b"", b"\x00\xff%PDF", None])),
        "ACTE": rows(
            4, NUM=st.sampled_from(("A1", "A2")), REQ=requests, COD=st.sampled_from(list(system.codes(act=True))),
            QTE=st.sampled_from([0, -1, 2**62, None]),
        ),
    }  # fmt: skip


@st.composite
def plans(draw: st.DrawFn, system: Old) -> Plan:
    """Any instruction: some kinds, some fields, some sites, some special categories."""
    kinds = draw(st.lists(st.sampled_from(list(RECORDS)), unique=True, min_size=1))
    records = {
        kind: tuple(name for name in RECORDS[kind] if name == "id" or draw(st.booleans()))
        for kind in RECORDS
        if kind in kinds
    }
    instruction = replace(
        PLAIN,
        source=System("old", ""),
        period=Period("request.date", START, END),
        sites=tuple(draw(st.lists(st.sampled_from(("NORD", "SUD", "NORD ")), unique=True, min_size=1))),
        records=records,
        special=tuple(
            SpecialCategory(it, "")
            for it in draw(st.lists(st.sampled_from(("HIV", "PREG", "ONC")), unique=True))
        ),
    )
    mapping = parse_mapping(system.mapping, vocabulary=vocabulary())
    instruction = replace(instruction, source=System("old", mapping.digest))
    return compile_plan(
        instruction=instruction,
        mapping=mapping,
        classification=CLASSIFICATION,
        vocabulary=vocabulary(),
        rehearse=draw(st.sampled_from([0, 0, 1, 2])),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Old, Tables, Plan]:
    system = draw(systems)
    return system, draw(filled(system)), draw(plans(system))


def sources(folder: str, tables: Tables) -> tuple[MemorySource, SqliteSource]:
    """The same rows behind both engines."""
    file = Path(folder) / "old.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        for name, columns in DDL.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
            for row in tables.get(name, []):
                connection.execute(
                    f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    list(row.values()),
                )
    fast = SqliteSource(parse_address(f"sqlite:///{file}"))
    return MemorySource(fast.catalogue(), tables), fast


def fixed(kind: str) -> Plan:
    """A plan for one kind, all its fields, of the plainest system."""
    system = Old(None, '"SITE"', '"{}"', own=False, acts=True)
    mapping = parse_mapping(system.mapping, vocabulary=vocabulary())
    instruction = replace(
        PLAIN,
        source=System("old", mapping.digest),
        period=Period("request.date", START, END),
        sites=("NORD",),
        records={kind: RECORDS[kind]},
    )
    return compile_plan(
        instruction=instruction, mapping=mapping, classification=CLASSIFICATION, vocabulary=vocabulary()
    )
