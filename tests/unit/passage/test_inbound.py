"""The target's half of a passage where something is not as it should be: what is received, loaded and accepted, and on what grounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from ecluse.adapters.connectors.memory import MemorySource, Row
from ecluse.base.refusal import Refusal
from ecluse.passage.inbound import hand_over, load, receive
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.outbound import deposit, extract_parcel, prepare
from ecluse.passage.parcel import MANIFEST, Sealer
from ecluse.proof.sign import sign_document, verify_document
from tests.documents import ENGINEER
from tests.sites import CHECKSUM, NEW_TABLES, OLD_TABLES, Killed, Laboratory, patient, request, result


@pytest.fixture
def lab() -> Laboratory:
    return Laboratory()


def advance(lab: Laboratory, name: str, to: MigrationState) -> None:
    while lab.state(name) is not to:
        lab.step(name)


# --- what is received ----------------------------------------------------------------------------------------------------------


def test_a_parcel_without_its_statement_is_refused(lab: Laboratory) -> None:
    """A parcel whose last part is of records says nothing of what was excluded: it is not received."""
    name, site = lab.begin(), lab.source_site
    behind = prepare(site, name, mapping=lab.old).authority
    at = lab.now()
    sealer = Sealer(
        site.spool, migration=name, instruction=behind.instruction.digest, agreement=behind.agreement.digest,
        recipients=behind.recipients, key=site.agent,
    )  # fmt: skip
    sealer.seal(b"rows", role="records", kind="patient", rows=0)
    manifest = sealer.close(created=at, expires=at + timedelta(days=9), sequence=1, previous="")
    told = {"instruction": lab.instruction, "manifest": manifest.digest, "sequence": 1}
    for act in (Act.OPEN_SOURCE, Act.CLOSE_SOURCE, Act.EXTRACT):
        site.record(act.value, by=ENGINEER.id, subject=name, body=told)
    deposit(site, name, by=ENGINEER.id)
    hand_over(lab.target_site, name, by=ENGINEER.id, source="old-site")
    with pytest.raises(Refusal, match="parcel/statement-malformed"):
        receive(lab.target_site, name, source="old-site")


def test_a_manifest_signed_again_is_not_the_one_in_the_ledger(lab: Laboratory) -> None:
    """Another manifest of the same parts, though the source's own machine signed it, is not the one that the ledger says was extracted."""
    name = lab.begin()
    advance(lab, name, MigrationState.DEPOSITED)
    agent = lab.source_site.agent
    held = lab.target_site.custody.held[name]  # type: ignore[attr-defined]
    said = json.loads(verify_document(held[MANIFEST], type="manifest", keys={"a": agent.public}).payload)
    said["expires"] = (lab.time + timedelta(days=900)).isoformat()
    held[MANIFEST] = sign_document(json.dumps(said).encode(), type="manifest", keys=[agent])
    with pytest.raises(Refusal, match="parcel/another") as refused:
        hand_over(lab.target_site, name, by=ENGINEER.id, source="old-site")
    assert refused.value.values["what"] == "manifest"
    assert lab.state(name) is MigrationState.DEPOSITED


# --- what stood in the target before ---------------------------------------------------------------------------------------------


def test_a_resumed_load_keeps_what_was_seen_before_it(lab: Laboratory) -> None:
    """Killed once it had begun, a load goes on without measuring the target again: its own rows are not taken for what stood there before."""
    lab.target.tables["people"].append({"id": "P7", "name": "A", "first": None, "sex": None, "born": None})
    name = lab.begin()
    advance(lab, name, MigrationState.HANDED_OVER)
    lab.wire.arm(5, after=False)
    with pytest.raises(Killed):
        lab.load(name)
    lab.wire.arm(0, after=False)
    received = receive(lab.target_site, name, source="old-site")
    load(lab.target_site, received, by=ENGINEER.id, target=lab.target, before=None, mapping=lab.new)
    found = lab.reconcile(name)
    assert (found.unexplained, found.failed) == (0, ())


def test_without_sums_of_before_every_row_must_be_the_parcels(lab: Laboratory) -> None:
    """Where nothing was kept of what stood in the target, nothing stood there: an empty target is explained, one with a row of its own is not."""
    for own in (0, 1):
        made = Laboratory()
        made.target.tables["people"] += [
            {"id": "P7", "name": "A", "first": None, "sex": None, "born": None} for _ in range(own)
        ]
        name = made.begin()
        advance(made, name, MigrationState.HANDED_OVER)
        received = receive(made.target_site, name, source="old-site")
        load(made.target_site, received, by=ENGINEER.id, target=made.target, before=None, mapping=made.new)
        assert made.reconcile(name).unexplained == own


# --- what is accepted --------------------------------------------------------------------------------------------------------------


def test_a_result_that_was_touched_is_not_accepted(lab: Laboratory) -> None:
    """Bytes put in the place of the signed reconciliation get no biologist's signature, and the migration stays as it was."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    lab.reconcile(name)
    document = lab.target_site.bodies("reconciliation.signed", subject=name)[-1]["document"]
    lab.target_site.documents.held[document] = b"no envelope"  # type: ignore[attr-defined]
    with pytest.raises(Refusal, match="sign/"):
        lab.accept(name)
    assert lab.state(name) is MigrationState.LOADED


def test_a_cut_over_run_is_accepted_after_the_whole_one(lab: Laboratory) -> None:
    """The whole run having been accepted for itself, accepting the cut-over run accepts that one alone; what it did not carry stays rejected."""
    for table in ("PAT", "REQ", "RES"):  # the name too long for the target
        lab.tables[table] = [row for row in lab.tables[table] if not str(row["NUM"]).endswith("3")]
    lab.target.tables["facts"].append({**dict.fromkeys(NEW_TABLES.tables["facts"].columns), "id": "R4"})
    whole = lab.begin()
    advance(lab, whole, MigrationState.LOADED)
    assert lab.reconcile(whole).kinds[2].rejected_at_target == {"facts: unique": 1}
    lab.accept(whole)
    lab.tables["PAT"].append(patient(6))
    lab.tables["REQ"].append(request(8, 6, MAJ=None))
    lab.tables["RES"].append(result(8, 8, MAJ=None))
    delta = lab.begin(delta=True)
    advance(lab, delta, MigrationState.HANDED_OVER)
    lab.load(delta, before={})
    found = lab.reconcile(delta)
    assert (found.unexplained, found.failed) == (0, ())
    assert found.kinds[2].rejected_at_target == {"facts: unique": 1}
    lab.accept(delta)
    assert [lab.state(name) for name in (whole, delta)] == [MigrationState.RECONCILED] * 2
    accepted = lab.target_site.bodies(Act.RECONCILE.value, subject=whole)
    assert len(accepted) == 1


# --- what is read in several batches -----------------------------------------------------------------------------------------------


class Dripping:
    """A snapshot that gives its rows one by one."""

    def __init__(self, snapshot: Any) -> None:
        self._snapshot = snapshot
        self.unclassified, self.census = snapshot.unclassified, snapshot.census

    def rows(self, *asked: Any) -> Iterator[pa.RecordBatch]:
        for batch in self._snapshot.rows(*asked):
            for place in range(batch.num_rows):
                yield batch.slice(place, 1)


class DrippingSource(MemorySource):
    """The laboratory's source, row by row."""

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        with super().snapshot() as whole:
            yield Dripping(whole)


def test_rows_that_come_one_by_one_are_the_same_passage(lab: Laboratory) -> None:
    """However the source cuts its rows into batches, the same rows leave, the same are rejected, and nothing is unexplained."""
    name = lab.begin()
    tables: dict[str, list[Row]] = {table: list(rows) for table, rows in lab.tables.items()}
    statement = extract_parcel(
        lab.source_site, prepare(lab.source_site, name, mapping=lab.old), by=ENGINEER.id,
        connect=lambda: DrippingSource(OLD_TABLES, tables), needed=lambda _plan, _source: frozenset(), checksum=CHECKSUM,
    )  # fmt: skip
    assert {kind: it.moved for kind, it in statement.kinds.items()} == {
        "patient": 4,
        "request": 4,
        "result": 4,
    }
    assert statement.kinds["patient"].rejected.total() == 1
    advance(lab, name, MigrationState.LOADED)
    assert lab.reconcile(name).unexplained == 0
