"""HPRIM files into OpenELIS Global 2: an invented laboratory's records leave one OpenELIS as HPRIM files and enter another, with the files that others
published beside them. Decides what must arrive: what an SQL of this file's own counts in the first.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from ecluse.passage.reconcile import Reconciliation
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.formats import shipped_mapping
from ecluse.wiring.laboratory import source_of
from tests.parcels import Parcel, parcel_of
from tests.real.openelis_fill import create, fill_openelis
from tests.real.test_openelis_passage import OPENELIS, Filled, OpenElis, at_clinlims, granted
from tests.servers import Server
from tests.workspaces import start

PATIENTS: Final = 60
READER: Final = "hprim_reader"


class FromHprim(OpenElis):
    """A workspace from a folder of HPRIM files to an OpenELIS."""

    def __init__(self, home: Path, *, folder: Path, target_url: str, made: Callable[[], object]) -> None:
        super().__init__(
            home, source=f"hprim+file://{folder}", target_url=target_url, target=OPENELIS, made=made
        )
        (home / "old.toml").write_text(shipped_mapping("hprim"), encoding="utf-8")


def carried(ready: Ready, *, source: Filled | None = None) -> tuple[Reconciliation, Parcel]:
    """The passage to its certificate; nothing is unexplained, no check fails. A `source` that is a database is read by an account made for the plan."""
    name, by, course = start(ready), ready.cast.ids["engineer"], ready.course
    if source is not None:
        few = granted(ready, name, source, READER)
        course = replace(course, source_system=lambda: source_of(few))
    course.run(name, by=by)
    result = course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    sent = parcel_of(ready, name)
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])
    return result, sent


@pytest.fixture
def samples(shared_data: Path) -> Path:
    """The HPRIM Santé files that others published."""
    place = shared_data / "hprim-samples"
    if not place.is_dir():
        pytest.skip("real files: ../shared/data/hprim-samples is absent")
    return place


def test_hprim_files_are_carried_into_openelis(
    postgresql: Server, shared_data: Path, samples: Path, tmp_path: Path
) -> None:
    """OpenELIS to HPRIM files, those files and the published ones to another OpenELIS: each time all that may leave arrives, every segment is accounted
    for, and what is outside the period stays, counted.
    """
    with postgresql.database() as old, postgresql.database() as new:
        create(old, shared_data)
        postgresql.say(f"CREATE ROLE {READER} LOGIN")
        fill_openelis(old, patients=PATIENTS, seed=5)
        filled = Filled(postgresql, old.rpartition("/")[2])
        target = at_clinlims(postgresql.socket_url(new.rpartition("/")[2]))
        folder = tmp_path / "hprim"
        first, said = carried(
            OpenElis(
                tmp_path / "to-files",
                source=filled.address,
                target_url=f"hprim+file://{folder}",
                target=shipped_mapping("hprim").encode(),
                made=folder.mkdir,
            ).ready(),
            source=filled,
        )
        received = tmp_path / "received"
        shutil.copytree(folder / "messages", received)
        for file in samples.glob("*.hpr"):
            shutil.copyfile(file, received / file.name)
        second, again = carried(
            FromHprim(
                tmp_path / "from-files",
                folder=received,
                target_url=target,
                made=lambda: create(new, shared_data),
            ).ready()
        )
    wanted = {kind.kind: kind.loaded for kind in first.kinds}
    assert {kind.kind: kind.loaded for kind in second.kinds} == wanted
    assert wanted["result"] > 200
    assert not [
        kind for kind in (*first.kinds, *second.kinds) if kind.rejected_at_source or kind.rejected_at_target
    ]
    assert again == said, "the second parcel holds the very rows of the first"
    stayed = next(kind.excluded for kind in second.kinds if kind.kind == "result")
    assert stayed == {"scope/unknown": 2, "period": 1}, (
        "of the published files: a request without a site, and one of 2013"
    )
    account = second.account
    assert account is not None
    assert (account.files, account.left, account.unexplained, account.unread) == (4, {"witness": 2}, 0, {})
    assert account.units["OBX"] == {"carried": wanted["result"] + 3, "not-in-vocabulary": 1}
    assert account.seen == segments(received)


def segments(folder: Path) -> int:
    """The lines of every file, as any reader sees them."""
    return sum(
        sum(bool(line) for line in file.read_bytes().replace(b"\n", b"\r").split(b"\r"))
        for file in folder.iterdir()
    )
