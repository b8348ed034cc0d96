"""A system nobody here wrote, by a mapping file alone: OpenELIS Global 2 read, carried to FHIR R4 and into a second OpenELIS, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from importlib import resources
from pathlib import Path
from typing import Any, Final

import psycopg
import pyarrow as pa
import pytest

from ecluse.adapters.checksums import DuckChecksum
from ecluse.adapters.connectors.fhir.address import parse_folder
from ecluse.adapters.connectors.fhir.read import FhirSource
from ecluse.adapters.connectors.fhir.write import FhirTarget, fhir_mapping
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.read_postgres import PostgresSource
from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget
from ecluse.adapters.vaults import DiskVault
from ecluse.passage.canonical import canonical
from ecluse.passage.extract import Source
from ecluse.passage.handover import Part
from ecluse.passage.inbound import measure
from ecluse.passage.load import Loader, Target
from ecluse.passage.parcel import PartHeader
from ecluse.passage.rejects import RejectVault
from ecluse.passage.rows import body_of, pieces_of
from ecluse.passage.tally import Salts
from ecluse.proof.unseal import new_identity
from ecluse.terms.mapping import Mapping, check_mapping, parse_mapping
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from tests.real.openelis_fill import FILLED, create, fill_openelis
from tests.servers import Server

PATIENTS: Final = 3000
MERGED: Final = 5
SALTS: Final = Salts(41, 42)


def openelis() -> Mapping:
    """The mapping that ships with the project."""
    file = resources.files("ecluse.invent") / "mappings" / "openelis-global2.toml"
    return parse_mapping(file.read_bytes(), vocabulary=vocabulary())


def everything(mapping: Mapping) -> Plan:
    """The plan that reads every field OpenELIS's mapping knows, through another system's mapping perhaps."""
    records = {name: tuple(kind.fields) for name, kind in openelis().kinds.items()}
    return read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary())


@pytest.fixture(scope="module")
def filled(postgresql: Server, shared_data: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """An OpenELIS with an invented laboratory in it, and how many rows each table holds."""
    with postgresql.database() as url:
        address = create(url, shared_data)
        yield address, fill_openelis(url, patients=PATIENTS, seed=3)


@pytest.fixture
def empty(postgresql_url: str, shared_data: Path) -> str:
    """A second OpenELIS, with its catalogue and no patient."""
    return create(postgresql_url, shared_data)


def canonical_rows(source: Source, mapping: Mapping) -> dict[str, list[pa.RecordBatch]]:
    """Every record by kind; none may be rejected."""
    plan, read = everything(mapping), {}
    with source.snapshot() as snapshot:
        for piece in plan.slices:
            lost: dict[str, set[str]] = {}
            converted = [
                canonical(raw, piece, vocabulary=vocabulary(), lost=lost)
                for raw in snapshot.rows(plan, piece)
            ]
            assert [
                it.rejected.column("_reason").to_pylist() for it in converted if it.rejected.num_rows
            ] == []
            read[piece.kind] = [it.moved for it in converted]
    return read


def load(rows: dict[str, list[pa.RecordBatch]], target: Target, mapping: Mapping, *, rejects: Path) -> int:
    """The records put into a target by the passage's own loader, part after part; how many."""
    vault = RejectVault(DiskVault(rejects), "m", to=new_identity()[1])
    loader = Loader(target, migration="m", mapping=mapping, vocabulary=vocabulary(), rejects=vault)
    written = number = 0
    for kind, batches in rows.items():
        for some in pieces_of(iter(batches)):
            number += 1
            count = sum(batch.num_rows for batch in some)
            plain = [batch.select([name for name in batch.schema.names if name[0] != "_"]) for batch in some]
            header = PartHeader("m", number, "records", kind, count, 0, "", "", "")
            written += loader.load(Part(header, body_of(plain)))
    assert vault.count == 0
    return written


def sums(source: Source, mapping: Mapping) -> dict[str, Any]:
    """The reconciliation's sums of every record that a system holds, by kind and group."""
    with source.snapshot() as snapshot:
        sides = measure(snapshot, everything(mapping), checksum=DuckChecksum(), salts=SALTS)
    return {kind: side.sums.groups for kind, side in sides.items()}


def asked(url: str, query: str) -> Any:
    with psycopg.connect(url.partition("?")[0]) as connection:
        connection.execute("SET search_path = clinlims")
        return connection.execute(query).fetchall()  # type: ignore[call-overload]


def test_the_mapping_names_only_what_openelis_has(empty: str) -> None:
    """Every table and column of the mapping file is in the published tables, 322 of them."""
    catalogue = PostgresSource(parse_address(empty)).catalogue()
    check_mapping(openelis(), catalogue)
    assert len(catalogue.tables) >= 322


def test_openelis_is_read_as_it_means_its_rows(filled: tuple[str, dict[str, int]]) -> None:
    """Coded results are read as words, identities and people as one record, statuses as the vocabulary's, merged patients and water not at all."""
    url, counts = filled
    rows = {
        kind: pa.Table.from_batches(batches)
        for kind, batches in canonical_rows(PostgresSource(parse_address(url)), openelis()).items()
    }
    assert {kind: table.num_rows for kind, table in rows.items()} == {
        "prescriber": counts["provider"], "patient": counts["patient"] - MERGED, "request": counts["sample"] - 1,
        "specimen": counts["sample_item"], "result": counts["result"],
    }  # fmt: skip
    coded = dict(
        asked(
            url,
            "SELECT r.id::text, dict_entry FROM result r JOIN dictionary d ON d.id::text = r.value WHERE result_type = 'D'",
        )
    )
    plain = dict(asked(url, "SELECT id::text, value FROM result WHERE result_type <> 'D'"))
    values = dict(
        zip(rows["result"].column("id").to_pylist(), rows["result"].column("value").to_pylist(), strict=True)
    )
    assert len(coded) > 1000
    assert values == coded | plain
    national = asked(url, "SELECT count(*) FROM patient WHERE NOT is_merged AND national_id IS NOT NULL")[0][
        0
    ]
    assert PATIENTS > national == rows["patient"].column("ins").drop_null().length() > 0
    assert set(rows["request"].column("status").to_pylist()) == {"open", "validated"}
    assert set(rows["result"].column("status").to_pylist()) == {
        "ordered",
        "entered",
        "validated",
        "cancelled",
    }
    assert set(rows["request"].column("urgent").to_pylist()) == {True, False}


def test_openelis_is_carried_into_fhir_and_no_value_differs(
    filled: tuple[str, dict[str, int]], tmp_path: Path
) -> None:
    """All rows read back from the FHIR folder have the sums of all rows of OpenELIS, kind by kind, month by month."""
    source = PostgresSource(parse_address(filled[0]))
    address = parse_folder(f"fhir+file://{tmp_path}/fhir")
    rows = canonical_rows(source, openelis())
    written = load(rows, FhirTarget(address), fhir_mapping(), rejects=tmp_path)
    assert written == sum(batch.num_rows for batches in rows.values() for batch in batches)
    assert sums_by_count(address, rows)
    original, carried = sums(source, openelis()), sums(FhirSource(address), fhir_mapping())
    assert original["patient"] == carried["patient"]
    assert original == carried


def sums_by_count(address: Any, rows: dict[str, list[pa.RecordBatch]]) -> bool:
    """Each kind has as many resources as records."""
    kinds = {kind: sum(batch.num_rows for batch in batches) for kind, batches in rows.items()}
    found = {
        kind: sum(len(path.read_bytes().splitlines()) for path in address.path.glob(f"*.{kind}.*"))
        for kind in kinds
    }
    return found == kinds


def test_openelis_is_carried_into_a_second_openelis_and_no_value_differs(
    filled: tuple[str, dict[str, int]], empty: str, tmp_path: Path
) -> None:
    """All rows read back from the second OpenELIS have the sums of the first's; each table has its rows, and every foreign key holds."""
    url, counts = filled
    source = PostgresSource(parse_address(url))
    rows = canonical_rows(source, openelis())
    with ExitStack() as stack:
        target = stack.enter_context(closing(PostgresTarget(parse_address(empty))))
        load(rows, target, openelis(), rejects=tmp_path)
        assert load(rows, target, openelis(), rejects=tmp_path) == 0
    assert sums(source, openelis()) == sums(PostgresSource(parse_address(empty)), openelis())
    held = {table: asked(empty, f"SELECT count(*) FROM {table}")[0][0] for table in FILLED}
    identities = asked(
        url,
        "SELECT count(*) FROM patient_identity JOIN patient ON patient.id = patient_id WHERE NOT is_merged",
    )[0][0]
    assert held == counts | {
        "person": counts["person"] - MERGED, "patient": counts["patient"] - MERGED, "patient_identity": identities, "sample": counts["sample"] - 1,
    }  # fmt: skip
    assert broken_links(empty) == []


def broken_links(url: str) -> list[str]:
    """Foreign keys of the filled tables that a row breaks, asked again of the database one by one."""
    named = ", ".join(f"'clinlims.{table}'::regclass" for table in FILLED)
    links = asked(
        url,
        f"""SELECT conname, conrelid::regclass, confrelid::regclass, a.attname, b.attname FROM pg_constraint c
        JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = confkey[1]
        WHERE contype = 'f' AND conrelid IN ({named})""",
    )
    assert len(links) > 20
    return [
        name for name, child, parent, column, key in links
        if asked(url, f"SELECT 1 FROM {child} c WHERE c.{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE p.{key} = c.{column}) LIMIT 1")
    ]  # fmt: skip
