"""What an engineer, a clock or a copy of a folder may do wrong: each is refused aloud, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.closing import revoke
from ecluse.passage.migration import MigrationState
from ecluse.terms.instruction import Instruction
from ecluse.wiring.laboratory import open_site
from tests.workspaces import Clock, carried, ended, laboratory, start


def test_two_runs_at_once_do_not_both_open_a_gate(tmp_path: Path) -> None:
    """Two engineers start the same extraction together: one is told that the other is at work, and the parcel is whole."""
    made, ready = laboratory(tmp_path)
    name, by = start(ready), ready.cast.ids["engineer"]
    _, again = made.sites()
    other = replace(ready.course, held={"source": open_site(made.settings, "source"), "target": again})

    def attempt(course: object) -> str:
        try:
            course.extract(name, by=by)  # type: ignore[attr-defined]
        except (Refusal, Fault) as said:
            return said.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        ends = sorted(pool.map(attempt, [ready.course, other]))
    assert ends in (["done", "site/busy"], ["done", "migration/not-now"])
    ready.course.run(name, by=by)
    assert ready.course.reconcile(name, by=by).unexplained == 0


def test_an_instruction_has_so_many_runs_and_no_more(tmp_path: Path) -> None:
    """The laboratory allowed three runs, rehearsals counted: the fourth is refused."""
    _, ready = laboratory(tmp_path)
    for _ in range(3):
        start(ready)
    with pytest.raises(Refusal) as refused:
        start(ready)
    assert refused.value.code == "instruction/used-up"


def test_a_revoked_instruction_starts_nothing(tmp_path: Path) -> None:
    """What the laboratory took back, nobody starts again."""
    _, ready = laboratory(tmp_path)
    biologist = ready.cast.ids["biologist"]
    revoke(
        ready.source,
        by=biologist,
        key=ready.cast.keys["biologist"],
        instruction=ready.instruction,
        reason="Reprise abandonnée par le laboratoire.",
    )
    with pytest.raises(Refusal) as refused:
        start(ready)
    assert refused.value.code == "instruction/revoked"


def test_an_engineer_signs_no_instruction_and_a_biologist_loads_nothing(tmp_path: Path) -> None:
    """Whoever orders does not carry out, and whoever carries out does not order."""
    from ecluse.passage.outbound import begin
    from ecluse.passage.signing import sign

    _, ready = laboratory(tmp_path)
    payload = (tmp_path / "instruction.toml").read_bytes()
    with pytest.raises(Refusal) as refused:
        sign(
            ready.source,
            "instruction",
            payload,
            by=ready.cast.ids["engineer"],
            key=ready.cast.keys["engineer"],
        )
    assert refused.value.code == "people/may-not"
    with pytest.raises(Refusal) as refused:
        begin(ready.source, by=ready.cast.ids["biologist"], instruction=ready.instruction)
    assert refused.value.code == "people/may-not"


def test_a_mapping_changed_after_the_signature_starts_nothing(tmp_path: Path) -> None:
    """One byte more in the mapping that the instruction names, and nothing is extracted."""
    _, ready = laboratory(tmp_path)
    name = start(ready)
    with (tmp_path / "old.toml").open("a") as mapping:
        mapping.write("\n")
    with pytest.raises(Refusal) as refused:
        ready.course.extract(name, by=ready.cast.ids["engineer"])
    assert refused.value.code == "plan/mapping-differs"


def test_a_clock_set_back_appends_nothing(tmp_path: Path) -> None:
    """An hour stolen from the machine's clock revives no expired instruction: the ledger refuses the entry."""
    clock = Clock()
    _, ready = laboratory(tmp_path, clock=clock)
    start(ready)
    clock.at -= timedelta(hours=1)
    with pytest.raises(Refusal) as refused:
        start(ready)
    assert refused.value.code in ("ledger/clock-set-back", "instruction/not-yet-valid", "key/cert-early")


def test_a_ledger_put_back_from_a_backup_is_seen_at_the_next_reading(tmp_path: Path) -> None:
    """Whoever restores the exchange's ledger to hide what happened since is refused by both sites, which saw more."""
    made, ready = laboratory(tmp_path / "home")
    files = [
        file for file in (tmp_path / "home" / "exchange").iterdir() if file.name.startswith("ledger.sqlite")
    ]
    with sqlite3.connect(tmp_path / "home" / "exchange" / "ledger.sqlite") as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / "backup").mkdir()
    for file in files:
        if file.exists():
            shutil.copy(file, tmp_path / "backup" / file.name)
    start(ready)
    del ready
    for file in (tmp_path / "home" / "exchange").iterdir():
        if file.name.startswith("ledger.sqlite"):
            file.unlink()
    for file in (tmp_path / "backup").iterdir():
        shutil.copy(file, tmp_path / "home" / "exchange" / file.name)
    with pytest.raises(Refusal) as refused:
        open_site(made.settings, "source")
    assert refused.value.code == "ledger/rolled-back"


def test_a_join_that_multiplies_rows_closes_no_parcel(tmp_path: Path) -> None:
    """A mapping whose join finds two rows for one patient is refused by the count, before anything is deposited."""
    made, ready = laboratory(tmp_path / "ready")
    del made, ready
    home = tmp_path / "joined"

    def joined(instruction: Instruction) -> Instruction:
        return instruction

    from tests.workspaces import Laboratory

    lab = Laboratory(home, patients=40, seed=1)
    lab.change = joined  # type: ignore[method-assign]
    mapping = (home / "old.toml").read_text()
    mapping = mapping.replace(
        'fields.city = "VILLE"\nfields.phone = "TELFIX"', 'fields.city = "d.NUMDOS"\nfields.phone = "TELFIX"'
    )
    mapping = mapping.replace(
        '[patient]\ntable = "PATIENT"',
        '[[patient.join]]\ntable = "DOSSIER"\nas = "d"\non = { NUMPAT = "NUMPAT" }\n\n[patient]\ntable = "PATIENT"',
    )
    (home / "old.toml").write_text(_ordered(mapping))
    ready = lab.ready()
    with pytest.raises(Refusal) as refused:
        ready.course.extract(start(ready), by=ready.cast.ids["engineer"])
    assert refused.value.code in ("extract/count-differs", "source/join-multiplies")


def _ordered(mapping: str) -> str:
    """TOML wants [patient] before [[patient.join]]."""
    head, _, tail = mapping.partition(
        '[[patient.join]]\ntable = "DOSSIER"\nas = "d"\non = { NUMPAT = "NUMPAT" }\n\n'
    )
    before, _, after = tail.partition("\n[request]")
    return f'{head}{before}\n[[patient.join]]\ntable = "DOSSIER"\nas = "d"\non = {{ NUMPAT = "NUMPAT" }}\n\n[request]{after}'


def test_a_delta_carries_only_what_changed_and_all_of_it_reconciles(tmp_path: Path) -> None:
    """The cut-over night: a corrected result and a new name go over; the whole base is reconciled again, nothing unexplained."""
    _, ready = laboratory(tmp_path, patients=80)
    first, by = carried(ready), ready.cast.ids["engineer"]
    assert ready.course.reconcile(first, by=by).unexplained == 0
    with sqlite3.connect(tmp_path / "new.sqlite") as new:
        ((result_id, patient_id),) = new.execute(
            "SELECT o.id, d.patient_id FROM observations o JOIN orders d ON d.id = o.order_id ORDER BY o.id LIMIT 1"
        )
    with sqlite3.connect(tmp_path / "old.sqlite") as source:
        source.execute("UPDATE PATIENT SET NOMUSU = 'NOUVEAU-NOM' WHERE NUMPAT = ?", (patient_id,))
        source.execute("UPDATE RESULT SET VALRES = '<0,05' WHERE NUMRES = ?", (result_id,))
    second = carried(ready, delta=True)
    result = ready.course.reconcile(second, by=by)
    assert result.unexplained == 0
    assert result.failed == ()
    with sqlite3.connect(tmp_path / "new.sqlite") as new:
        name = new.execute("SELECT used_name FROM patients WHERE id = ?", (patient_id,)).fetchone()
        value = new.execute("SELECT reported_value FROM observations WHERE id = ?", (result_id,)).fetchone()
    assert (name, value) == (("NOUVEAU-NOM",), ("<0,05",))
    biologist = ready.cast.ids["biologist"]
    ready.course.accept(second, by=biologist, key=ready.cast.keys["biologist"])
    for name in (first, second):
        ready.course.erase(name, by=biologist)
    assert ready.target.keys.names() == ["agent"]


def test_a_rollback_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    """`rollback --to 0`: not one row of the migration stays in the target, and it can be loaded again."""
    _, ready = laboratory(tmp_path)
    name, by = carried(ready), ready.cast.ids["engineer"]
    removed = ready.course.roll_back(name, by=by, to=0)
    assert removed > 0
    with sqlite3.connect(tmp_path / "new.sqlite") as new:
        for table in ("patients", "orders", "observations", "practitioners"):
            assert new.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    ready.course.run(name, by=by)
    assert ready.course.reconcile(name, by=by).unexplained == 0


def test_a_value_changed_in_the_target_is_found_and_cannot_be_accepted(tmp_path: Path) -> None:
    """Somebody turns a "<" into a value in the new system: reconciliation says where, and no biologist can accept it."""
    _, ready = laboratory(tmp_path, patients=150)
    name, by = carried(ready), ready.cast.ids["engineer"]
    with sqlite3.connect(tmp_path / "new.sqlite") as new:
        changed = new.execute(
            "UPDATE observations SET reported_value = substr(reported_value, 2) WHERE id = (SELECT min(id) FROM observations WHERE reported_value LIKE '<%')"
        )
        assert changed.rowcount == 1
    result = ready.course.reconcile(name, by=by)
    assert result.unexplained > 0
    assert "result: values" in result.failed
    with pytest.raises(Refusal) as refused:
        ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    assert (refused.value.code, refused.value.exit) == ("reconcile/unexplained", 4)


def test_an_ended_migration_does_nothing_more(tmp_path: Path) -> None:
    """Erased is erased: it cannot be loaded, reconciled or erased again."""
    _, ready = laboratory(tmp_path)
    name = ended(ready)
    assert ready.source.migration(name).state is MigrationState.ERASED
    with pytest.raises((Refusal, Fault)):
        ready.course.load(name, by=ready.cast.ids["engineer"])
    with pytest.raises(Refusal):
        ready.course.erase(name, by=ready.cast.ids["biologist"])
