"""The invented laboratory: the same from the same seed, whole, and as awkward as real ones."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.invent.catalogue import analyses, classification
from ecluse.invent.laboratory import MOST_PATIENTS, invent
from ecluse.invent.places import SITES
from ecluse.invent.systems import OLD
from ecluse.terms.vocabulary import vocabulary
from tests.unit.invent.gathered import laboratory

PATIENTS = 20_000


@pytest.mark.parametrize("batch", [1, 7, 250, 999])
def test_the_size_of_the_batches_changes_nothing(batch: int) -> None:
    """The same seed and number of patients give the same rows in the same order, whatever the batches."""
    whole = laboratory(patients=250, seed=3, batch=8192, documents=0.3)
    assert laboratory(patients=250, seed=3, batch=batch, documents=0.3) == whole


@settings(max_examples=25, deadline=None)
@given(patients=st.integers(1, 60), batch=st.integers(1, 70), seed=st.integers(0, 2**63 - 1))
def test_any_seed_and_size_keep_every_reference(patients: int, batch: int, seed: int) -> None:
    """For any seed, size and batch, no key is twice, every reference leads to a row already given, and the rows do not depend on the batch."""
    keys: dict[str, set[str]] = {table.name: set() for table in OLD.tables}
    given_rows: list[tuple[str, dict[str, object]]] = []
    for name, rows in invent(patients=patients, seed=seed, batch=batch, documents=0.5):
        table = OLD.table(name)
        own = rows[table.key].to_pylist()
        assert not keys[name].intersection(own)
        keys[name].update(own)
        assert len(set(own)) == len(own)
        for reference in table.references:
            assert set(rows[reference.column].drop_null().to_pylist()) <= keys[reference.table]
        given_rows += [(name, row) for row in rows.to_pylist()]
    again = [
        (name, row)
        for name, rows in invent(patients=patients, seed=seed, documents=0.5)
        for row in rows.to_pylist()
    ]
    for table in OLD.tables:
        assert [row for name, row in given_rows if name == table.name] == [
            row for name, row in again if name == table.name
        ]


def test_another_seed_gives_other_people() -> None:
    """Two seeds give laboratories of the same size with other people in them."""
    one, other = laboratory(patients=250, seed=3, batch=8192, documents=0.3), laboratory(patients=250, seed=4)
    assert one["PATIENT"]["NUMPAT"] == other["PATIENT"]["NUMPAT"]
    assert one["PATIENT"]["NSS"] != other["PATIENT"]["NSS"]


def test_no_text_is_longer_than_its_column() -> None:
    """Every text fits the width that the table declares, and what is required is never null."""
    for name, rows in laboratory(patients=PATIENTS).items():
        for column in OLD.table(name).columns:
            if column.width:
                longest = pc.max(pc.utf8_length(rows[column.name])).as_py() or 0
                assert longest <= column.width, (name, column.name, longest)
            assert not column.required or rows[column.name].null_count == 0


def test_about_ten_results_a_patient_over_six_years_and_28_sites() -> None:
    """The volume is about ten results a patient, requests go from 2015 to 2020, and sites weigh 36, 22 and 20 % in the three départements."""
    made = laboratory(patients=PATIENTS)
    assert 9.5 < made["RESULT"].num_rows / PATIENTS < 11.5
    days = made["DOSSIER"]["DATDEM"].to_pylist()
    assert min(days)[:4] == "2015"
    assert max(days)[:4] == "2020"
    sites = Counter(made["DOSSIER"]["CODSITE"].to_pylist())
    assert set(sites) == {site.code for site in SITES}
    for department, share in (("56", 36), ("45", 22), ("27", 20)):
        found = sum(sites[site.code] for site in SITES if site.town.department == department)
        assert abs(found / len(days) * 100 - share) < 2


def test_request_numbers_say_the_site_and_the_day() -> None:
    """A request's number is its site, date and rank, the ranks of a day at a site have no gap, and its results repeat site and date."""
    made = laboratory(patients=PATIENTS)
    requests = {row["NUMDOS"]: row for row in made["DOSSIER"].to_pylist()}
    for number, row in requests.items():
        assert number[:8] == row["CODSITE"] + row["DATDEM"][2:]
        assert f"{row['DTENR']:%Y%m%d}" == row["DATDEM"]
    heads = Counter(number[:8] for number in requests)
    assert {number for number in requests if int(number[8:]) > heads[number[:8]]} == set()
    for row in made["RESULT"].select(["NUMDOS", "CODSITE", "DATDEM"]).slice(0, 20_000).to_pylist():
        assert (row["CODSITE"], row["DATDEM"]) == (
            requests[row["NUMDOS"]]["CODSITE"],
            requests[row["NUMDOS"]]["DATDEM"],
        )


def test_results_have_every_trap_of_real_ones() -> None:
    """Decimal commas, "<" and ">" texts, words, empty texts and nulls, corrected versions, four visibilities and five states all occur."""
    results = laboratory(patients=PATIENTS)["RESULT"]
    values = results["VALRES"].drop_null().to_pylist()
    for wanted in (r"^\d+,\d+$", r"^<\d+,\d$", r"^>1000$", r"^Négatif$", r"^Positif$", r"^$", r"^1/\d+$"):
        assert any(re.search(wanted, value) for value in values), wanted
    assert not any("." in value for value in values if re.fullmatch(r"[<>\d.,]+", value))
    assert results["VALRES"].null_count > 0
    assert set(results["STARES"].to_pylist()) == set("PSVCA")
    assert set(results["VISIB"].to_pylist()) == set("0123")
    assert set(results["INDIC"].to_pylist()) == {"N", "B", "H", None}
    assert all(len(code) == 8 for code in results["CODANA"].to_pylist())
    assert set(results["CODANA"].to_pylist()) == {test.padded for test in analyses()}


def test_units_change_on_the_first_day_of_2018() -> None:
    """A glycaemia is in g/L before 2018 and in mmol/L from then on, with its reference range."""
    results = laboratory(patients=PATIENTS)["RESULT"]
    glucose = results.filter(pc.equal(results["CODANA"], "GLY     ")).to_pylist()
    assert {(row["DATDEM"] >= "2018", row["UNITE"], row["BORINF"], row["BORSUP"]) for row in glucose} == {
        (False, "g/L", "0,70", "1,10"),
        (True, "mmol/L", "3,88", "6,11"),
    }


def test_a_corrected_result_follows_the_one_it_replaces() -> None:
    """Version 2 of a test stands right after version 1 of the same request and test, and only it is called corrected."""
    rows = (
        laboratory(patients=PATIENTS)["RESULT"]
        .select(["NUMRES", "NUMDOS", "CODANA", "VERSRES", "STARES"])
        .to_pylist()
    )
    pairs = [(first, second) for first, second in pairwise(rows) if second["VERSRES"] == "2"]
    assert len(pairs) > 100
    for first, second in pairs:
        assert (first["NUMDOS"], first["CODANA"], first["VERSRES"]) == (
            second["NUMDOS"],
            second["CODANA"],
            "1",
        )
        assert (first["STARES"], second["STARES"]) == ("V", "C")
    assert all((row["VERSRES"] == "2") == (row["STARES"] == "C") for row in rows)


def test_only_signed_results_have_a_validator_and_only_done_ones_a_value() -> None:
    """Validator and time stand exactly on validated and corrected results; what was ordered or cancelled has no value."""
    for row in laboratory(patients=PATIENTS)["RESULT"].slice(0, 50_000).to_pylist():
        assert (row["STARES"] in "VC") == (row["VALIDPAR"] is not None) == (row["DTVAL"] is not None)
        assert (row["STARES"] in "PA") == (row["VALRES"] is None)


def test_genetic_results_are_never_visible_and_minors_have_theirs_kept_from_guardians() -> None:
    """A genetic test is hidden, and a minor's pregnancy or infection is hidden from guardians or secret (CSP L.1131-1-3, L.1111-5)."""
    made = laboratory(patients=PATIENTS)
    genetic = [test.padded for test in analyses() if "GEN" in test.categories]
    results = made["RESULT"]
    found = results.filter(pc.is_in(results["CODANA"], value_set=pa.array(genetic)))["VISIB"].to_pylist()
    assert found
    assert "0" not in found
    assert "2" in results["VISIB"].to_pylist()


def test_germs_belong_to_positive_cultures_and_letters_follow_concentrations() -> None:
    """Each germ stands under a culture that is positive, has eight antibiotics, and a concentration gives one letter."""
    made = laboratory(patients=PATIENTS)
    values = dict(
        zip(made["RESULT"]["NUMRES"].to_pylist(), made["RESULT"]["VALRES"].to_pylist(), strict=True)
    )
    assert {values[number] for number in made["GERME"]["NUMRES"].to_pylist()} == {"Positive"}
    lines = made["ABG"].to_pylist()
    assert set(Counter(row["NUMGER"] for row in lines).values()) == {8}
    letters: dict[str, set[str]] = {}
    for row in lines:
        letters.setdefault(row["CMI"] or "", set()).add(row["SIR"])
    assert all(len(found) == 1 for concentration, found in letters.items() if concentration)
    assert set().union(*letters.values()) == {"S", "I", "R"}


def test_a_document_repeats_every_result_of_its_request() -> None:
    """Each PDF has right offsets, one document a request, and holds in clear the label of every test of the request and the patient's NIR."""
    made = laboratory(patients=250, seed=3, batch=8192, documents=0.3)
    labels: dict[str, list[str]] = {}
    for row in made["RESULT"].to_pylist():
        labels.setdefault(row["NUMDOS"], []).append(f"{row['LIBRES']} : {row['VALRES'] or 'non rendu'}")
    numbers = {row["NUMPAT"]: row["NSS"] for row in made["PATIENT"].to_pylist()}
    owners = {row["NUMDOS"]: row["NUMPAT"] for row in made["DOSSIER"].to_pylist()}
    documents = made["CRPDF"].to_pylist()
    assert 0.2 < len(documents) / made["DOSSIER"].num_rows < 0.4
    for row in documents:
        content = row["CONTENU"]
        assert content.startswith(b"%PDF-1.4\n")
        start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", content)[0])
        offsets = [int(found) for found in re.findall(rb"(\d{10}) 00000 n \n", content[start:])]
        assert [content[offset : offset + 7] for offset in offsets] == [
            b"%d 0 obj" % rank for rank in range(1, 6)
        ]
        length = int(re.findall(rb"/Length (\d+)", content)[0])
        assert content[content.index(b"stream\n") + 7 :][length : length + 10] == b"\nendstream"
        text = content.decode("cp1252").replace("\\(", "(").replace("\\)", ")")
        assert all(
            label.encode("cp1252", "replace").decode("cp1252") in text for label in labels[row["NUMDOS"]]
        )
        assert (numbers[owners[row["NUMDOS"]]] or "?") in text


def test_the_share_of_documents_can_be_none_or_all() -> None:
    """With a share of 0 there is no document; with 1 every validated request has one."""
    assert laboratory(patients=250, seed=3, documents=0.0)["CRPDF"].num_rows == 0
    made = laboratory(patients=250, seed=3, documents=1.0)
    validated = pc.is_in(made["DOSSIER"]["ETAT"], value_set=pa.array(["C", "V"]))
    assert made["CRPDF"].num_rows == pc.sum(validated).as_py()


def test_every_code_and_act_is_classified() -> None:
    """The biologist's classification holds every code and act that occurs, with categories of the vocabulary; all seven special ones occur."""
    lines = classification()
    assert len({(line.kind, line.code) for line in lines}) == len(lines)
    made = laboratory(patients=PATIENTS)
    for kind, table, column in (("analysis", "RESULT", "CODANA"), ("act", "FACTUR", "CODACT")):
        found = {code.rstrip() for code in made[table][column].drop_null().to_pylist()}
        assert found <= {line.code for line in lines if line.kind == kind}
    used = {category for line in lines for category in line.categories}
    assert used == {*vocabulary().special, "H"}


def test_payments_share_the_table_of_acts_and_have_none() -> None:
    """FACTUR mixes two things: lines of type A have an act, lines of type R have none; amounts have a decimal comma."""
    for row in laboratory(patients=PATIENTS)["FACTUR"].slice(0, 20_000).to_pylist():
        assert (row["TYPLIG"] == "A") == (row["CODACT"] is not None)
        assert re.fullmatch(r"\d+,\d\d", row["MONTANT"])
        assert re.fullmatch(r"\d\d/\d\d/\d{4}", row["DATFAC"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"patients": 0}, "invent/size"),
        ({"patients": MOST_PATIENTS + 1}, "invent/size"),
        ({"batch": 0}, "invent/batch"),
        ({"documents": 1.5}, "invent/documents"),
        ({"documents": -0.1}, "invent/documents"),
    ],
)
def test_what_cannot_be_invented_is_refused_at_once(asked: dict[str, float], code: str) -> None:
    """A size, a batch or a share out of bounds is refused when asked, before any row."""
    with pytest.raises(Refusal) as refusal:
        invent(**{"patients": 10, "seed": 1, **asked})  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.exit) == (code, 2)
