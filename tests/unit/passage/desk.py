"""A target with two kinds of record, and a desk to load parts at: what the tests of loading and replaying share."""

from __future__ import annotations

from threading import Lock
from typing import Any

import pyarrow as pa

from ecluse.base.refusal import Fault
from ecluse.passage.handover import Part
from ecluse.passage.load import Loader, Mark, RowsRefused
from ecluse.passage.parcel import PartHeader
from ecluse.passage.rejects import RejectVault
from ecluse.passage.replay import Replayed, replay
from ecluse.passage.rows import body_of
from ecluse.passage.writing import Writer
from ecluse.proof.unseal import new_identity
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey
from ecluse.terms.mapping import Mapping, parse_mapping
from ecluse.terms.vocabulary import vocabulary
from tests.ports.memory_target import MemoryTarget
from tests.sites import MemoryVault

MAPPING = b"""
mapping = { system = "NEW", version = 1 }
[prescriber]
table = "doctors"
fields = { id = "id", family_name = "name" }
[patient]
table = "people"
fields.id = "number"
fields.birth_name = "p.name"
fields.sex = { column = "p.sex", values = { "H" = "M", "F" = "F" } }
fields.birth_date = { column = "p.born", format = "%d/%m/%Y", absent = [""] }
fields.city = "town.label"
fields.email = { constant = "-" }
fields.comment = "p.weight"
fields.doctor = "p.doctor"
write = { state = { constant = "A" }, line = { field = "id", plus = 100 }, copy = { field = "birth_name" }, gone = { field = "ins" } }
where = { kind = "P" }
[[patient.join]]
table = "persons"
as = "p"
on = { number = "number" }
where = { role = "patient" }
role = "owned"
[[patient.join]]
table = "towns"
as = "town"
on = { id = "town" }
role = "catalogue"
[[patient.join]]
table = "doctors"
as = "seen"
on = { id = "p.doctor" }
"""


def column(
    name: str, family: Any = "text", *, nullable: bool = True, length: int | None = None
) -> CatalogueColumn:
    return CatalogueColumn(name, family, "", nullable, length=length)


def table(
    name: str, *columns: CatalogueColumn, key: tuple[str, ...] = (), links: tuple[ForeignKey, ...] = ()
) -> CatalogueTable:
    return CatalogueTable(name, {it.name: it for it in columns}, key, links)


TABLES = Catalogue("memory", {it.name: it for it in (
    table("doctors", column("id", nullable=False), column("name"), key=("id",)),
    table(
        "people", column("number"), column("town", "integer"), column("state"), column("line", "integer"), column("copy"), column("kind"), column("gone"),
        key=("number",), links=(ForeignKey(("number",), "persons", ("number",)),),
    ),
    table(
        "persons", column("number"), column("name", length=5), column("sex"), column("born"), column("role"), column("doctor"), column("weight", "float"),
        key=("number",),
    ),
    table("towns", column("id", "integer"), column("label"), key=("id",)),
)})  # fmt: skip


def mapping(text: bytes = MAPPING) -> Mapping:
    return parse_mapping(text, vocabulary=vocabulary())


def target(*, text: bytes = MAPPING) -> MemoryTarget:
    made = MemoryTarget(TABLES)
    made.tables["towns"] = [{"id": 1, "label": "Vannes"}, {"id": 2, "label": "Auray"}]
    return made


def patients(*rows: dict[str, Any]) -> pa.RecordBatch:
    names = ("id", "birth_name", "sex", "city", "comment", "doctor")
    batch = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    batch["birth_date"] = pa.array([row.get("birth_date") for row in rows], pa.date32())
    batch |= {name: pa.array(["-"] * len(rows), pa.string()) for name in ("_site", "_month")}
    return pa.RecordBatch.from_pydict(batch)


def writer(text: bytes = MAPPING, catalogue: Catalogue = TABLES) -> Writer:
    made = target()
    return Writer(vocabulary().kinds["patient"], mapping(text).kinds["patient"], catalogue, made.lookup)


class Desk:
    """A target, a reject vault, and parts to load."""

    def __init__(self, made: MemoryTarget | None = None) -> None:
        self.target = made or target()
        self.identity, self.recipient = new_identity()
        self.vault = MemoryVault()
        self.rejects = RejectVault(self.vault, "m-rejects", to=self.recipient)
        self.lost: dict[str, set[str]] = {}

    def loader(self, **how: Any) -> Loader:
        lost: dict[str, set[str]] = {}
        for it in self.rejects.read([self.identity]):
            lost.setdefault(it.kind, set()).update(it.rows.column("id").to_pylist())
        return Loader(
            self.target,
            migration="m",
            mapping=mapping(),
            vocabulary=vocabulary(),
            rejects=self.rejects,
            lost=lost,
            **how,
        )

    def replay(self) -> Replayed:
        """The rejected rows tried again, by a loader that knows of none."""
        loader = Loader(
            self.target, migration="m", mapping=mapping(), vocabulary=vocabulary(), rejects=self.rejects
        )
        return replay(loader, self.vault, "m-rejects", to=self.recipient, identities=[self.identity])

    @property
    def reasons(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for it in self.rejects.read([self.identity]):
            for reason, rows in it.reasons.items():
                found[reason] = found.get(reason, 0) + rows
        return found

    @property
    def people(self) -> list[str]:
        return sorted(row["number"] for row in self.target.tables["people"])


def part(number: int, kind: str, batch: pa.RecordBatch, *, cut: int = 0, role: Any = "records") -> Part:
    batches = [batch.slice(0, cut), batch.slice(cut)] if cut else [batch]
    return Part(PartHeader("m", number, role, kind, batch.num_rows, 0, "", "", ""), body_of(batches))


def doctors(*names: str) -> pa.RecordBatch:
    groups = {name: ["-"] * len(names) for name in ("_site", "_month")}
    return pa.RecordBatch.from_pydict({"id": list(names), "family_name": ["A" * 3] * len(names), **groups})


class Picky(MemoryTarget):
    """Refuses batches that hold certain people; may be cut off after so many writes."""

    def __init__(self, *refused: str, writes: int = 10**9) -> None:
        super().__init__(TABLES)
        self.tables["towns"] = target().tables["towns"]
        self.refused, self.writes = set(refused), writes

    def write(self, tables: Any, *, mark: Mark, replace: bool = False) -> None:
        for it in tables:
            if it.table == "people" and self.refused & set(it.rows.column("number").to_pylist()):
                raise RowsRefused("target/rows-refused", where="people", reason="check")
        if not self.writes:
            raise ConnectionError
        self.writes -= 1
        super().write(tables, mark=mark, replace=replace)


class Twins(Picky):
    """Can be written side by side; gives way so many times to the batch beside."""

    def __init__(self, *refused: str, busy: int = 0, fault: str = "target/busy", most: int = 2) -> None:
        super().__init__(*refused)
        self.busy, self.fault, self.most, self.hands, self._writing = busy, fault, most, 1, Lock()

    def beside(self) -> MemoryTarget:
        if self.hands == self.most:
            raise Fault("address/not-reached", where="people")
        self.hands += 1
        return self

    def close(self) -> None:
        self.hands -= 1

    def write(self, tables: Any, *, mark: Mark, replace: bool = False) -> None:
        with self._writing:
            if self.busy:
                self.busy -= 1
                raise Fault(self.fault, where="people")
            super().write(tables, mark=mark, replace=replace)
