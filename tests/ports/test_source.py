"""The contract of `passage.extract.Source`, which every engine that reads a laboratory passes: live databases, their dumps, the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.mapping import BASE, Column, Reading
from ecluse.terms.plan import ALL
from tests.ports.sources import (
    CENSUS,
    ENGINES,
    LEAVING,
    LIVE,
    ROWS,
    Place,
    counted,
    laboratories,
    place,
    plan,
    rows_by_id,
)

KINDS = tuple(CENSUS)


@pytest.fixture(scope="module", params=ENGINES)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    yield from laboratories(request, tmp_path_factory.mktemp("lab"))


@pytest.fixture(params=LIVE)
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from laboratories(request, tmp_path)


def test_every_row_is_counted_once_under_the_first_rule_that_keeps_it(lab: Place) -> None:
    """Each of the seven rules keeps the rows it must, and the rest leave."""
    wanted = plan()
    with lab.source(wanted).snapshot() as snapshot:
        assert {kind: counted(snapshot, wanted, kind) for kind in KINDS} == CENSUS


def test_the_rows_that_leave_are_those_the_census_said(lab: Place) -> None:
    """The very rows counted under no rule are read, and no other."""
    wanted = plan()
    with lab.source(wanted).snapshot() as snapshot:
        assert {kind: sorted(rows_by_id(snapshot, wanted, kind)) for kind in KINDS} == LEAVING


def test_census_and_rows_agree_by_site_and_month(lab: Place) -> None:
    """A row is read at the raw site and the month at which the census counted it."""
    wanted = plan()
    with lab.source(wanted).snapshot() as snapshot:
        for piece in wanted.slices:
            said = {
                (count.site, count.month): count.rows
                for count in snapshot.census(wanted, piece)
                if not count.rule
            }
            read: dict[tuple[str, str], int] = {}
            for batch in snapshot.rows(wanted, piece):
                for site, month in zip(
                    batch.column("_site").to_pylist(), batch.column("_month").to_pylist(), strict=True
                ):
                    read[site, month] = read.get((site, month), 0) + 1
            assert read == said


def test_values_arrive_as_they_are_stored(lab: Place) -> None:
    """Quotes, backslashes, line ends, emoji, an empty text, a padded code and octets come unchanged; NULL stays NULL."""
    wanted = plan()
    with lab.source(wanted).snapshot() as snapshot:
        patients = rows_by_id(snapshot, wanted, "patient")
        assert patients["P1"]["birth_name"] == 'L\'ÉTÉ \\ "x"'
        assert patients["P1"]["comment"] == "à revoir\nlundi\t;"
        # A message that says "" empties the field: there, an empty text and an absent one are the same.
        assert patients["P2"]["birth_name"] == (None if lab.engine == "files-folded" else "")
        assert patients["P2"]["doctor"] is None
        assert rows_by_id(snapshot, wanted, "result")["A1"]["code"] == "GLU     "
        assert rows_by_id(snapshot, wanted, "document")["C1"]["content"] == b"%PDF\x00\xff'\\\n"


def test_free_text_stays_where_the_request_holds_a_category_kept_back(lab: Place) -> None:
    """The row leaves with its free text empty, and says which category kept it; the others leave whole."""
    wanted = plan()
    with lab.source(wanted).snapshot() as snapshot:
        results = rows_by_id(snapshot, wanted, "result")
        assert (results["A1"]["comment"], results["A1"]["_withheld"]) == ("net", None)
        assert (results["A3"]["comment"], results["A3"]["_withheld"]) == (None, "HIV")
        requests = rows_by_id(snapshot, wanted, "request")
        assert [requests[key]["_withheld"] for key in ("R1", "R3", "R6")] == [None, "HIV", "STI"]
        patients = rows_by_id(snapshot, wanted, "patient")
        assert (patients["P2"]["comment"], patients["P2"]["_withheld"]) == (None, "HIV")


def test_where_contents_cannot_be_told_no_container_leaves(lab: Place) -> None:
    """With every category named but none computable, documents stay, all under the same rule."""
    wanted = plan(excluded={}, containers=(ALL,))
    with lab.source(wanted).snapshot() as snapshot:
        assert counted(snapshot, wanted, "document") == {"site": 1, "container/*": 3}
        assert rows_by_id(snapshot, wanted, "document") == {}


def test_a_rehearsal_takes_the_first_patients_and_all_that_is_theirs(lab: Place) -> None:
    """One patient: their requests and results, the prescriber they saw and their own doctor, and nobody else's."""
    wanted = plan(rehearse=1)
    with lab.source(wanted).snapshot() as snapshot:
        found = {kind: sorted(rows_by_id(snapshot, wanted, kind)) for kind in KINDS}
        assert found == {
            "prescriber": ["D1", "D2"], "patient": ["P1"], "request": ["R1"], "specimen": ["E1"], "result": ["A1"], "isolate": ["G2"],
            "susceptibility": ["B2"], "document": ["C1"], "invoice": ["F3"],
        }  # fmt: skip
        assert counted(snapshot, wanted, "request")["rehearsal"] == 2


def test_the_codes_seen_are_those_within_period_and_sites(lab: Place) -> None:
    """Codes come trimmed, with their number of rows, from the rows within the instruction only, but for those that are classified."""
    wanted = replace(plan(), classified={"result.code": frozenset({"GLU"}), "invoice.act": frozenset()})
    with lab.source(wanted).snapshot() as snapshot:
        assert snapshot.unclassified(wanted, "result.code") == {"VIH1": 1, "GONO": 1}
        assert snapshot.unclassified(wanted, "invoice.act") == {"0388": 1, "0552": 1}
        everything = replace(wanted, classified={})
        assert snapshot.unclassified(everything, "result.code") == {"GLU": 2, "VIH1": 1, "GONO": 1}


def test_reading_back_takes_every_row(lab: Place) -> None:
    """A plan that reads a target back applies no rule, whatever the rows hold."""
    wanted = plan(read_back=True, excluded={}, classified={})
    with lab.source(wanted).snapshot() as snapshot:
        assert counted(snapshot, wanted, "result") == {"": 6}
        assert len(rows_by_id(snapshot, wanted, "result")) == 6
        assert rows_by_id(snapshot, wanted, "result")["A3"]["comment"] == "voir VIH"


def test_a_site_named_like_an_attack_is_only_a_text(lab: Place) -> None:
    """Quotes, backslashes and placeholders in a document's values match nothing and change nothing."""
    wanted = plan(sites=("01' OR '1'='1", "\\' OR 1=1 -- ", "%s", ":v1", '"', "01"))
    with lab.source(wanted).snapshot() as snapshot:
        assert sorted(rows_by_id(snapshot, wanted, "request")) == ["R1", "R3"]


def test_rows_left_unread_leave_the_snapshot_usable(lab: Place) -> None:
    """Taking the first batch and walking away costs the next reader nothing."""
    wanted = plan()
    piece = wanted.slice("result")
    assert piece is not None
    with lab.source(wanted).snapshot() as snapshot:
        next(iter(snapshot.rows(wanted, piece)))
        assert sorted(rows_by_id(snapshot, wanted, "result")) == LEAVING["result"]


def test_a_snapshot_sees_one_instant(live: Place) -> None:
    """Rows added, changed and taken out by others under the read are not seen, and are in the next snapshot."""
    wanted = plan()
    quote = "`" if live.engine == "mariadb" else '"'
    table, key = f"{quote}DOSSIER{quote}", f"{quote}NUMDOS{quote}"
    with live.source(wanted).snapshot() as snapshot:
        assert counted(snapshot, wanted, "request") == CENSUS["request"]
        live.say(f"DELETE FROM {table} WHERE {key} = 'R1'")
        live.say(f"UPDATE {table} SET {quote}CODSITE{quote} = '09' WHERE {key} = 'R3'")
        assert sorted(rows_by_id(snapshot, wanted, "request")) == LEAVING["request"]
        assert counted(snapshot, wanted, "request") == CENSUS["request"]
    with live.source(wanted).snapshot() as snapshot:
        assert sorted(rows_by_id(snapshot, wanted, "request")) == ["R6"]


@pytest.mark.parametrize("engine", [*LIVE, "sqlite-dump", "files"])
def test_a_join_that_multiplies_rows_is_refused(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A request number that stands twice would double its specimens: the census says so instead of counting them twice."""
    wanted = plan()
    piece = wanted.slice("specimen")
    assert piece is not None
    rows = {**ROWS, "DOSSIER": [*ROWS["DOSSIER"], ROWS["DOSSIER"][0]]}
    with ExitStack() as stack:
        source = place(engine, request, tmp_path, stack, rows=rows).source(wanted)
        with source.snapshot() as snapshot, pytest.raises(Refusal) as refused:
            list(snapshot.census(wanted, piece))
    assert refused.value.code == "source/join-multiplies"
    assert (refused.value.values["expected"], refused.value.values["got"]) == (3, 4)


def test_a_column_the_system_has_not_is_refused(lab: Place) -> None:
    """A mapping that names an absent column is refused by name before a row is read."""
    if lab.engine == "memory":
        pytest.skip("the memory has the columns of its rows")
    wanted = plan()
    piece = wanted.slice("patient")
    assert piece is not None
    kind = replace(
        piece.mapping, fields={**piece.mapping.fields, "phone": Reading(columns=(Column(BASE, "ABSENT"),))}
    )
    described = replace(wanted.mapping, kinds={**wanted.mapping.kinds, "patient": kind})
    broken = replace(
        wanted, mapping=described, slices=(replace(piece, mapping=kind, fields=dict(kind.fields)),)
    )
    with pytest.raises(Refusal) as refused, lab.source(broken).snapshot() as snapshot:
        list(snapshot.rows(broken, broken.slices[0]))
    assert refused.value.code in ("mapping/column-absent", "source/dump-lacks")


@pytest.mark.parametrize(
    ("changes", "patients", "prescribers"),
    [
        ({"absent": ("P2",)}, ["P1"], ["D1", "D2"]),
        ({"values": (("P1", "P3"),)}, ["P3"], ["D1", "D3"]),
        ({"values": (("P9", "P3"),), "also": (("P1", "P3"),), "absent": ("P9",)}, ["P3"], ["D1", "D3"]),
    ],
)
def test_a_reference_is_followed_by_what_it_means(
    lab: Place, changes: dict[str, Any], patients: list[str], prescribers: list[str]
) -> None:
    """A request's patient that the mapping takes for nobody makes no patient leave; one that it calls otherwise makes that one leave."""
    described = plan().mapping
    request = described.kinds["request"]
    reading = replace(request.fields["patient"], **changes)
    kinds = {**described.kinds, "request": replace(request, fields={**request.fields, "patient": reading})}
    wanted = plan(replace(described, kinds=kinds))
    with lab.source(wanted).snapshot() as snapshot:
        assert sorted(rows_by_id(snapshot, wanted, "patient")) == patients
        assert sorted(rows_by_id(snapshot, wanted, "prescriber")) == prescribers
        assert sorted(rows_by_id(snapshot, wanted, "request")) == LEAVING["request"]
