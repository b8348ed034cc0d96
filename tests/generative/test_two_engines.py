"""Two engines, one plan: for any rows and any instruction, the reference engine and the SQL one agree, and both do what was signed.

Nothing unnamed leaves and nothing named is lost: what must leave is worked out a third time here, from tables that say what each raw value means.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecluse.adapters.connectors.memory import MemorySource
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource
from ecluse.base.refusal import Refusal
from ecluse.passage.extract import Snapshot, Source
from ecluse.terms.codes import Classification, LocalCode
from ecluse.terms.instruction import Period, SpecialCategory, System, parse
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import Plan, Slice, compile_plan, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.documents import INSTRUCTION

PLAIN: Final = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
START, END = date(2024, 1, 10), date(2024, 2, 29)
Tables = dict[str, list[dict[str, Any]]]
Row = tuple[tuple[str, Any], ...]

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
    '{ column = "SITE", values = { "1" = "NORD", "2" = "SUD" }, absent = ["9"] }': {
        "1": "NORD", "2": "SUD", "3": None, "9": None, "NORD": None, "1 ": None, None: None,
    },
}  # fmt: skip
"""What each raw site means, by reading."""

CATEGORY: Final = {"NA": None, "VIH": "HIV", "HCG": "PREG", "K9": "ONC", "B1": None, "B9": "HIV"}
CODES: Final[dict[str, dict[str | None, str | None]]] = {
    '"{}"': {**{code: code for code in CATEGORY}, "": "", None: None},
    '{{ column = "{}", trim = true, absent = [""] }}': {"NA": "NA", "VIH  ": "VIH", "HCG": "HCG", "K9   ": "K9", "B9 ": "B9", "": None, None: None},
    '{{ column = "{}", values = {{ "n" = "NA", "h" = "VIH", "g" = "HCG", "b" = "B9" }} }}': {
        "n": "NA", "h": "VIH", "g": "HCG", "b": "B9", None: None,
    },
}  # fmt: skip
"""What each raw code means, by reading."""

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
    """One way in which a system may be made: how it writes dates, sites and codes; whether its results know their own site and date."""

    format: str | None
    site: str
    code: str
    own: bool
    acts: bool

    @property
    def mapping(self) -> bytes:
        day = '{ column = "DAT" }' if self.format is None else f'{{ column = "DAT", format = "{self.format}" }}'
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
fields = {{ id = "NUM", patient = "PAT", prescriber = "PRESC", site = {self.site}, date = {day}, clinical_info = "INFO" }}
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
    Old, format=st.sampled_from(list(DATES)), site=st.sampled_from(list(SITES)), code=st.sampled_from(list(CODES)), own=st.booleans(), acts=st.booleans()
)
texts = st.sampled_from(TEXTS)
PATIENTS, PRESCRIBERS, REQUESTS, RESULTS = ("P1", "P2", "P3", "p1"), ("M1", "M2", "M3"), ("D1", "D2", "D3", "D4", "D5"), ("R1", "R2", "R3", "R4")


@st.composite
def filled(draw: st.DrawFn, system: Old) -> Tables:
    """Any rows: orphans, absent values, dates that do not exist, sites and codes that mean nothing."""

    def some(names: tuple[str, ...]) -> list[str]:
        return draw(st.lists(st.sampled_from(names), unique=True))

    def any_of(names: Any) -> Any:
        return draw(st.sampled_from([*names, None]))

    def rows(most: int, **columns: Any) -> list[dict[str, Any]]:
        return [{name: draw(values) for name, values in columns.items()} for _ in range(draw(st.integers(0, most)))]

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
    records = {kind: tuple(name for name in RECORDS[kind] if name == "id" or draw(st.booleans())) for kind in RECORDS if kind in kinds}
    instruction = replace(
        PLAIN,
        source=System("old", ""),
        period=Period("request.date", START, END),
        sites=tuple(draw(st.lists(st.sampled_from(("NORD", "SUD", "NORD ")), unique=True, min_size=1))),
        records=records,
        special=tuple(SpecialCategory(it, "") for it in draw(st.lists(st.sampled_from(("HIV", "PREG", "ONC")), unique=True))),
    )
    mapping = parse_mapping(system.mapping, vocabulary=vocabulary())
    instruction = replace(instruction, source=System("old", mapping.digest))
    return compile_plan(
        instruction=instruction, mapping=mapping, classification=CLASSIFICATION, vocabulary=vocabulary(), rehearse=draw(st.sampled_from([0, 0, 1, 2]))
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
                connection.execute(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
    fast = SqliteSource(parse_address(f"sqlite:///{file}"))
    return MemorySource(fast.catalogue(), tables), fast


def leaving(snapshot: Snapshot, plan: Plan, piece: Slice) -> Counter[Row]:
    """Every row that leaves, as a multiset of (column, raw value)."""
    return Counter(tuple(sorted(row.items())) for batch in snapshot.rows(plan, piece) for row in batch.to_pylist())


def answers(source: Source, plan: Plan) -> Iterator[tuple[str, Any]]:
    """All that an engine says of a plan."""
    with source.snapshot() as snapshot:
        for path in plan.classified:
            yield path, snapshot.codes(plan, path)
        for piece in plan.slices:
            yield f"{piece.kind} census", Counter({tuple(count[:3]): count.rows for count in snapshot.census(plan, piece)})
            yield f"{piece.kind} rows", leaving(snapshot, plan, piece)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_both_engines_read_everything_back(case: tuple[Old, Tables, Plan]) -> None:
    """Reading a target back, no rule applies: both engines give every row of every kind."""
    _, tables, asked = case
    plan = read_back(
        records={piece.kind: tuple(piece.fields) for piece in asked.slices}, instruction="", mapping=asked.mapping, vocabulary=vocabulary()
    )
    with tempfile.TemporaryDirectory() as folder:
        slow, fast = sources(folder, tables)
        told = dict(answers(slow, plan))
        assert told == dict(answers(fast, plan))
    for piece in plan.slices:
        assert told[f"{piece.kind} rows"].total() == len(Meant(*case).rows(piece.kind))


class Meant:
    """What the signed plan means for these rows, read off tables of meanings: no date is parsed here and no rule looked up."""

    def __init__(self, system: Old, tables: Tables, plan: Plan) -> None:
        self.system, self.tables, self.plan = system, tables, plan
        self.refused = {category for codes in plan.excluded.values() for category, _ in codes}
        self.requests = {row["NUM"]: row for row in tables["REQ"]}

    def rows(self, kind: str) -> list[dict[str, Any]]:
        table = {"prescriber": "PRESC", "patient": "PAT", "request": "REQ", "result": "RES", "isolate": "ISO", "document": "PDF", "invoice": "ACTE"}[kind]
        return [row for row in self.tables[table] if kind != "patient" or row["KIND"] in ("P", "Q")]

    def within(self, row: dict[str, Any] | None) -> bool:
        """The row's own site and day are named."""
        if row is None:
            return False
        site, day = SITES[self.system.site][row["SITE"]], DATES[self.system.format][row["DAT"]]
        return site is not None and site in self.plan.sites and day is not None and START <= day <= END

    def reveals(self, row: dict[str, Any]) -> str | None:
        act = "COD" in row
        code = self.system.codes(act=act)[row["COD" if act else "ANA"]]
        category = CATEGORY.get(code or "")
        return category if category in self.refused else None

    def held(self, request: str | None) -> set[str]:
        tests = [*self.tables["RES"], *self.tables["ACTE"]]
        return {category for row in tests if request is not None and row["REQ"] == request and (category := self.reveals(row))}

    def leaves(self, kind: str, row: dict[str, Any]) -> bool:
        request = row if kind == "request" else self.requests.get(row.get("REQ"))
        if kind in ("patient", "prescriber"):
            return row["NUM"] in (self.patients if kind == "patient" else self.prescribers)
        if not self.within(row if kind == "result" and self.system.own else request):
            return False
        if kind in ("result", "invoice"):
            return not self.reveals(row)
        if kind == "isolate":
            return not any(self.reveals(result) for result in self.tables["RES"] if result["NUM"] == row["RES"])
        piece = self.plan.slice(kind)
        return piece is None or "content" not in piece.fields or not self.held(row["REQ"])

    @property
    def patients(self) -> set[Any]:
        return {row["PAT"] for row in self.requests.values() if self.within(row)} - {None}

    @property
    def prescribers(self) -> set[Any]:
        named = {row["PRESC"] for row in self.requests.values() if self.within(row)}
        taken = self.plan.slice("patient")
        treated = [row for row in self.rows("patient") if row["NUM"] in self.patients] if taken and "doctor" in taken.fields else []
        return named | {row["DOC"] for row in treated}

    def cells(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        """Every field that could be named, with what must leave of it."""
        if kind == "prescriber":
            return {"id": row["NUM"], "family_name": row["NOM"]}
        if kind == "patient":
            city = next((it["VILLE"] for it in self.tables["ADR"] if it["PAT"] == row["NUM"] and it["RANG"] == "1"), None)
            mine = {name for name, request in self.requests.items() if request["PAT"] == row["NUM"]}
            comment = None if any(map(self.held, mine)) else row["COM"]
            return {"id": row["NUM"], "birth_name": row["NOM"], "city": city, "doctor": row["DOC"], "comment": comment}
        if kind == "request":
            info = None if self.held(row["NUM"]) else row["INFO"]
            cells = {"patient": row["PAT"], "prescriber": row["PRESC"], "site": row["SITE"], "date": row["DAT"], "clinical_info": info}
        elif kind == "result":
            comment = None if self.held(row["REQ"]) else row["COM"]
            cells = {"code": row["ANA"], "value": row["COM"] if row["VAL"] is None else row["VAL"], "comment": comment}
        elif kind == "isolate":
            cells = {"result": row["RES"], "organism": row["GERME"]}
        elif kind == "document":
            cells = {"content": row["CONTENU"]}
        else:
            cells = {"act": row["COD"], "quantity": None if row["QTE"] is None else str(row["QTE"])}
        return {"id": row["NUM"], "request": row.get("REQ"), **cells}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases())
def test_nothing_unnamed_leaves_and_nothing_named_is_lost(case: tuple[Old, Tables, Plan]) -> None:
    """Both engines say the same; what leaves is exactly the named cells of the rows within the instruction; every row is counted once."""
    system, tables, plan = case
    with tempfile.TemporaryDirectory() as folder:
        slow, fast = (dict(answers(source, plan)) for source in sources(folder, tables))
    assert slow == fast
    meant = Meant(system, tables, plan)
    for piece in plan.slices:
        census, gone = fast[f"{piece.kind} census"], fast[f"{piece.kind} rows"]
        leaves = sum(rows for (rule, _, _), rows in census.items() if not rule)
        sampled = sum(rows for (rule, _, _), rows in census.items() if rule == "rehearsal")
        expected = Counter(
            tuple(sorted((name, value) for name, value in meant.cells(piece.kind, row).items() if name in piece.fields))
            for row in meant.rows(piece.kind)
            if meant.leaves(piece.kind, row)
        )
        named: Counter[Row] = Counter()
        for row, rows in gone.items():
            named[tuple(cell for cell in row if not cell[0].startswith("_"))] += rows
        assert not named - expected
        assert (leaves, leaves + sampled, census.total()) == (gone.total(), expected.total(), len(meant.rows(piece.kind)))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(cases(), st.sampled_from([1, 2]))
def test_a_rehearsal_takes_whole_patients_and_no_more(case: tuple[Old, Tables, Plan], most: int) -> None:
    """A rehearsal's rows are among those of the whole run, and those of its requests belong to as many patients at most as were asked."""
    _, tables, plan = case
    with tempfile.TemporaryDirectory() as folder:
        slow, _ = sources(folder, tables)
        for piece in plan.slices:
            with slow.snapshot() as snapshot:
                few, whole = (leaving(snapshot, replace(plan, rehearse=it), piece) for it in (most, 0))
            assert not few - whole
            if piece.kind == "patient":
                assert len({dict(row)["id"] for row in few}) <= most
            if piece.kind == "request" and "patient" in piece.fields:
                assert len({dict(row)["patient"] for row in few}) <= most


@pytest.mark.parametrize("number", [0, 1])
def test_a_request_number_that_stands_twice_is_refused(number: int, tmp_path: Path) -> None:
    """Whose result it is cannot be told: both engines refuse rather than give it twice."""
    request = {"NUM": "D1", "PAT": "P1", "PRESC": None, "SITE": "NORD", "DAT": "2024-01-10", "INFO": None}
    tables = {"REQ": [request, request], "RES": [{"NUM": "R1", "REQ": "D1", "ANA": "NA"}]}
    plan = fixed("result")
    with sources(str(tmp_path), tables)[number].snapshot() as snapshot, pytest.raises(Refusal, match="source/join-multiplies"):
        list(snapshot.census(plan, plan.slices[0]))


def test_a_join_that_finds_two_rows_shows(tmp_path: Path) -> None:
    """A join that would make two patients of one is refused by the reference engine; the SQL one gives more rows than it counted, which step 5 refuses."""
    address = {"PAT": "P1", "VILLE": "Auray", "RANG": "1"}
    tables = {"PAT": [{"NUM": "P1", "KIND": "P"}], "ADR": [address, address]}
    asked = fixed("patient")
    plan = read_back(records={"patient": ("id", "city")}, instruction="", mapping=asked.mapping, vocabulary=vocabulary())
    slow, fast = sources(str(tmp_path), tables)
    with slow.snapshot() as snapshot, pytest.raises(Refusal, match="source/join-multiplies"):
        list(snapshot.census(plan, plan.slices[0]))
    with fast.snapshot() as snapshot:
        counted = sum(count.rows for count in snapshot.census(plan, plan.slices[0]))
        assert (counted, leaving(snapshot, plan, plan.slices[0]).total()) == (1, 2)


def test_a_snapshot_does_not_see_what_changes_after_it(tmp_path: Path) -> None:
    """Rows that change under the reference engine's snapshot are not seen by it, and are by the next."""
    tables = {"PAT": [{"NUM": "P1", "KIND": "P"}]}
    source, _ = sources(str(tmp_path), tables)
    plan = read_back(records={"patient": ("id",)}, instruction="", mapping=fixed("patient").mapping, vocabulary=vocabulary())
    with source.snapshot() as snapshot:
        tables["PAT"][0]["NUM"] = "P2"
        tables["PAT"].append({"NUM": "P3", "KIND": "P"})
        assert [row["id"] for batch in snapshot.rows(plan, plan.slices[0]) for row in batch.to_pylist()] == ["P1"]
    with source.snapshot() as snapshot:
        assert [row["id"] for batch in snapshot.rows(plan, plan.slices[0]) for row in batch.to_pylist()] == ["P2", "P3"]


def fixed(kind: str) -> Plan:
    """A plan for one kind, all its fields, of the plainest system."""
    system = Old(None, '"SITE"', '"{}"', own=False, acts=True)
    mapping = parse_mapping(system.mapping, vocabulary=vocabulary())
    instruction = replace(
        PLAIN, source=System("old", mapping.digest), period=Period("request.date", START, END), sites=("NORD",), records={kind: RECORDS[kind]}
    )
    return compile_plan(instruction=instruction, mapping=mapping, classification=CLASSIFICATION, vocabulary=vocabulary())
