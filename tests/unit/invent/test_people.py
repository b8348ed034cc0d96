"""The invented people: coherent, in the leak's proportions, and nobody real."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from stdnum import luhn
from stdnum.fr import nir

from ecluse.invent.draws import Draws
from ecluse.invent.laboratory import BATCH
from ecluse.invent.patients import Patients
from ecluse.invent.persons import LEAK
from ecluse.invent.places import SITES
from tests.unit.invent.gathered import laboratory

PATIENTS = 20_000


@pytest.fixture(scope="module")
def patients() -> list[dict[str, str | None]]:
    """The rows of PATIENT."""
    rows: list[dict[str, str | None]] = laboratory(patients=PATIENTS)["PATIENT"].to_pylist()
    return rows


def test_every_nir_is_valid(patients: list[dict[str, str | None]]) -> None:
    """python-stdnum, which shares no code with us, accepts every NIR of twenty thousand patients, Corsican ones included."""
    numbers = [row["NSS"] for row in patients if row["NSS"]]
    assert [number for number in numbers if not nir.is_valid(number)] == []
    assert len(numbers) > PATIENTS * 0.99
    assert {number[5:7] for number in numbers} >= {"2A", "2B", "97", "99", "56"}


def test_a_nir_says_the_sex_birth_and_place_of_its_bearer(patients: list[dict[str, str | None]]) -> None:
    """Where a patient has an INS, it agrees with the sex, year, month and place of the record; the month is 00 or 20 when unknown."""
    unknown_months = 0
    with_ins = [row for row in patients if row["MATINS"] and row["DATNAI"]]
    for row in with_ins:
        number, born = row["MATINS"] or "", row["DATNAI"] or ""
        assert number == row["NSS"]
        assert row["SEXE"] in (number[0], "9")
        assert number[1:3] == born[2:4]
        assert row["LIEUNAI"] in (number[5:10], None)
        if number[3:5] in ("00", "20"):
            unknown_months += 1
            assert born[4:] in ("1231", "0000")
        else:
            assert number[3:5] == born[4:6]
    assert len(with_ins) > PATIENTS / 2
    assert unknown_months > 0


def test_a_child_bears_the_number_of_a_parent_and_no_ins(patients: list[dict[str, str | None]]) -> None:
    """Children born after 2004 have the NSS of the grown patient before them, live at the same address and have no INS of their own."""
    children = [(parent, child) for parent, child in pairwise(patients) if (child["DATNAI"] or "0") > "2003"]
    assert len(children) > PATIENTS * 0.05
    for parent, child in children:
        assert child["MATINS"] is None
        assert (child["ADR"], child["CP"]) == (parent["ADR"], parent["CP"])
        assert None in (parent["NSS"], child["NSS"]) or parent["NSS"] == child["NSS"]
        assert None in (parent["NOMNAI"], child["NOMNAI"]) or parent["NOMNAI"] == child["NOMNAI"]


def test_merged_patients_are_the_same_person_spelled_otherwise(patients: list[dict[str, str | None]]) -> None:
    """A merged patient refers to an earlier one with the same birth and number, and its name is close but not the same."""
    by_number = {row["NUMPAT"]: row for row in patients}
    merged = [row for row in patients if row["PATFUS"]]
    assert len(merged) > PATIENTS * 0.004
    for row in merged:
        kept = by_number[row["PATFUS"]]
        assert (kept["NUMPAT"] or "") < (row["NUMPAT"] or "")
        assert kept["PATFUS"] is None
        assert None in (kept["NSS"], row["NSS"]) or kept["NSS"] == row["NSS"]
        assert None in (kept["NOMNAI"], row["NOMNAI"]) or kept["NOMNAI"] != row["NOMNAI"]


def test_names_are_as_varied_as_real_ones(patients: list[dict[str, str | None]]) -> None:
    """Accents, apostrophes, hyphens, spaces, one-letter names, names of more than eighty characters and missing given names all occur."""
    names = [row["NOMNAI"] for row in patients if row["NOMNAI"]]
    for wanted in (r"[éèïœ]", r"'", r"-", r" ", r"^.$", r"^.{80,}$", r"^[A-Z]+$", r"^[A-Z][a-z]+$"):
        assert any(re.search(wanted, name) for name in names), wanted
    assert any(row["NOMNAI"] and not row["PRENOM"] for row in patients)
    assert any(row["NOMUSU"] and row["NOMUSU"] != row["NOMNAI"] for row in patients)
    assert any(row["DATDEC"] for row in patients)
    assert {row["SEXE"] for row in patients} == {"1", "2", "9"}


def test_nobody_is_real(patients: list[dict[str, str | None]]) -> None:
    """Every INS bears the test or demonstration OID, every telephone is in a range kept for fiction, every e-mail in a reserved domain."""
    reserved = re.compile(r"@(example\.(org|com|net)|[a-z]+\.(invalid|example))$")
    fiction = ("019900", "026191", "035301", "046571", "053649", "063998")
    for row in patients:
        assert row["OIDINS"] in (
            (None,) if row["MATINS"] is None else ("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
        )
        for phone in (row["TELFIX"], row["TELPOR"]):
            assert phone is None or re.sub(r"[ .]", "", phone).startswith(fiction)
            assert phone is None or len(re.sub(r"[ .]", "", phone)) == 10
        assert row["MEL"] is None or (
            reserved.search(row["MEL"]) and re.fullmatch(r"[a-z0-9.@-]+", row["MEL"])
        )


def test_prescribers_and_sites_are_nobodys() -> None:
    """RPPS numbers have a right Luhn digit, are all different and begin by 99, as no real one does; so do the sites' numbers."""
    made = laboratory(patients=PATIENTS)
    numbers = made["PRESCR"]["RPPS"].to_pylist()
    assert all(luhn.is_valid(number) and number.startswith("99") and len(number) == 11 for number in numbers)
    assert len(set(numbers)) == len(numbers)
    phones = made["PRESCR"]["TEL"].to_pylist() + made["SITE"]["TELSITE"].to_pylist()
    assert all(phone.replace(" ", "").startswith("026191") for phone in phones)
    assert all(number.startswith("99") for number in made["SITE"]["FINESS"].to_pylist())
    assert made["SITE"].num_rows == len(SITES) == 28


def test_addresses_are_coherent(patients: list[dict[str, str | None]]) -> None:
    """A town has one postcode, and the département of each patient is one where the laboratory has a site."""
    towns = {((row["VILLE"] or "").upper(), row["CP"]) for row in patients}
    assert len({town for town, _ in towns}) == len(towns)
    assert {(row["CP"] or "")[:2] for row in patients} == {site.town.department for site in SITES}


def test_the_proportions_of_the_leak_are_exact_at_its_size() -> None:
    """At 491,840 patients the file holds exactly what was counted in the leak: NIR, names, telephones, e-mails, passwords."""
    total = LEAK["patients"]
    counted = dict.fromkeys(("nir", "named", "landline", "mobile", "email", "password"), 0)
    columns = {"nir": "NSS", "named": "NOMNAI", "landline": "TELFIX", "mobile": "TELPOR", "email": "MEL"}
    for first in range(0, total, BATCH):
        at = np.arange(first, min(first + BATCH, total), dtype=np.int64)
        made = Patients(Draws(2021), at, total=total, prescribers=3000)
        for name, column in columns.items():
            counted[name] += len(at) - made.columns[column].null_count
        counted["password"] += pc.count(made.portal()["MDP"]).as_py()
    assert counted == {
        "nir": 489_838,
        "named": 478_882,
        "landline": 270_569,
        "mobile": 159_591,
        "email": 55_738,
        "password": 14_997,
    }


def test_at_other_sizes_the_proportions_are_kept() -> None:
    """A smaller laboratory has the same shares, rounded to a whole patient."""
    made = laboratory(patients=PATIENTS)
    table = made["PATIENT"]
    for name, column in (("nir", "NSS"), ("named", "NOMNAI"), ("mobile", "TELPOR"), ("email", "MEL")):
        assert table.num_rows - table[column].null_count == round(PATIENTS * LEAK[name] / LEAK["patients"])
    assert made["PORTAIL"].num_rows == round(PATIENTS * LEAK["password"] / LEAK["patients"])


def test_free_text_hides_what_must_not_leave() -> None:
    """HIV, cancer, pregnancy, genetics and treatments all stand in both comment columns, with mistakes and negations."""
    table = laboratory(patients=PATIENTS)["PATIENT"]
    for column in ("COMM1", "COMM2"):
        text = "\n".join(table[column].drop_null().to_pylist())
        for word in (
            "VIH",
            "Pas de VIH",
            "trithérapie",
            "Enceinte",
            "IVG",
            "chimio",
            "cancèr",
            "BRCA1",
            "metformine",
            "Subutex",
            "lithium",
        ):
            assert word in text, (column, word)


def test_secrets_stand_under_innocent_names() -> None:
    """The portal keeps passwords in clear text, PARAM hashes, and PATIENT door codes."""
    made = laboratory(patients=PATIENTS)
    assert made["PORTAIL"]["MDP"].null_count == 0
    assert all(token.startswith("$2b$") for token in made["PARAM"]["JETON"].drop_null().to_pylist())
    assert pc.count(made["PATIENT"]["CODEACC"]).as_py() > 0
    assert isinstance(made["PORTAIL"], pa.Table)
