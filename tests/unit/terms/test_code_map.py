"""From local codes to LOINC and the NABM: what units measure, what labels name, what is proposed and why, and what a decision is worth."""

from __future__ import annotations

import pytest

from ecluse.base.refusal import Refusal
from ecluse.base.words import LANGUAGES
from ecluse.terms.code_map import (
    NONE,
    CodeMap,
    Decision,
    Draft,
    Likelihood,
    LocalTest,
    Proposal,
    Proposer,
    catalogue,
    drafted,
    is_code_map,
    parse,
    proposed,
    read_draft,
    read_locals,
    reason,
    render,
    targets,
)
from ecluse.terms.code_map.units import dimensions, named_property, property_dimension, written
from ecluse.terms.code_map.words import likeness, said, tokens
from tests.documents import BIOLOGIST, ENGINEER

LOINC = b"""\
# a comment of the file's own
code,name
14682-9,Creatinine [Moles/volume] in Serum or Plasma
2160-0,Creatinine [Mass/volume] in Serum or Plasma
2161-8,Creatinine [Mass/volume] in Urine
718-7,Hemoglobin [Mass/volume] in Blood
3016-3,"Thyr\xc3\xa9ostimuline [Arbitraire/Volume] S\xc3\xa9rum/Plasma ; Num\xc3\xa9rique"
13945-1,Erythrocytes [#/area] in Urine sediment by Microscopy high power field
8251-1,Service comment
2887-8,Protein [Presence] in Urine
4544-3,Hematocrit [Volume Fraction] of Blood by Automated count
2862-1,"Albumine [Masse/Volume] S\xc3\xa9rum/Plasma ; Num\xc3\xa9rique ; Electrophor\xc3\xa8se"
1751-7,Albumin [Mass/volume] in Serum or Plasma
"""
NABM = b"BIO_PRS_IDE;BIO_INF_LIB\r\n552;SANG : GLUCOSE (GLYCEMIE)\r\n1208;TSH\r\n"
CREATININE = LocalTest("test", "CREA", "mg/L", "Créatinine", "Sang hépariné")


def offered(local: LocalTest, *files: bytes) -> tuple[Proposal, ...]:
    return Proposer(
        catalogue((f"{place}.csv", file) for place, file in enumerate(files or (LOINC,)))
    ).propose(local)


def keys(proposal: Proposal) -> list[str]:
    return [why.key for why in proposal.reasons]


# --- units -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "measured"),
    [
        ("g/L", ["M/L3"]), ("mg/dl", ["M/L3"]), ("µmol/L", ["N/L3"]), ("MMOL/L", ["N/L3"]), ("G/L", ["C/L3"]), ("T/L", ["C/L3"]),
        ("10*3/uL", ["C/L3"]), ("x 10^9/L", ["C/L3"]), ("mille/mm3", ["C/L3"]), ("/mm3", ["C/L3"]), ("copies/mL", ["C/L3"]), ("{cells}/mL", ["C/L3"]),
        ("UI/L", ["A/L3", "N/L3/T"]), ("[iU]/mL", ["A/L3"]), ("nkat/L", ["N/L3/T"]), ("%", ["1"]), ("fL", ["L3"]), ("pg", ["M"]),
        ("mL/min/1,73m²", ["L3/T"]), ("mL/min/{1.73_m2}", ["L3/T"]), ("g/24h", ["M/T"]), ("mmol/24 h", ["N/T"]), ("mm", ["L"]), ("mmHg", ["M/L/T2"]),
        ("mg/mmol", ["M/N"]), ("INR", ["1"]), ("10*3{cells}/uL", ["C/L3"]), ("", []), ("zorglub", []), ("g/zorg", []), ("g L", []), ("m2", ["L2"]), ("log copies/mL", []), ("mm Hg", ["M/L/T2"]), ("µmol / L", ["N/L3"]),
    ],
)  # fmt: skip
def test_a_unit_says_what_it_measures_however_it_is_written(unit: str, measured: list[str]) -> None:
    """UCUM or French habits, the dimension is the same; "UI" is both an activity and an arbitrary unit; what is not understood has none."""
    assert sorted(map(written, dimensions(unit))) == measured


def test_a_property_says_what_it_asks_for() -> None:
    """A LOINC property by its letters or in words asks for a dimension, for no unit, or is not known."""
    assert [
        named_property(words) for words in ("Moles/volume", "Masse/Volume", "Pr\u200besence", "Zorglub")
    ] == ["SCnc", "MCnc", "PrThr", ""]
    found = property_dimension("SCnc")
    assert isinstance(found, tuple)
    assert written(found) == "N/L3"
    assert (property_dimension("PrThr"), property_dimension("Zorg")) == ("none", None)


# --- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "things"),
    [
        ("GLYC", {"glucose"}), ("Glycémie à jeun", {"glucose", "fasting"}), ("CREAT.", {"creatinine"}), ("NFS", {"complete-count"}),
        ("TSH us", {"tsh"}), ("Hb A1c", {"hba1c"}), ("T.C.M.H.", {"mch"}), ("ASAT (TGO)", {"ast"}), ("Dosage du zorglub", {"zorglub"}),
        ("Numération des Globules Blancs", {"leukocytes"}),
    ],
)  # fmt: skip
def test_a_label_names_the_same_thing_however_it_is_written(label: str, things: set[str]) -> None:
    """Accents, capitals, dots and abbreviations do not count; silent words say nothing; an unknown word stands for itself."""
    assert said(label).things == things


def test_specimens_and_methods_are_heard_too() -> None:
    """The specimen's own text decides; without one, the label's words; a method is heard wherever it stands."""
    assert said("Créatinine urinaire").specimens == {"urine"}
    assert said("Créatinine urinaire", where="Sang sec").specimens == {"serum", "plasma"}
    assert said("Hématocrite Auto").methods == {"automated"}
    assert said("TSH", where="XXX").specimens == frozenset()
    assert tokens("γ-GT (U/L)") == ("gt", "u", "l")
    assert likeness("rifampicine", "rifampicine") == 1.0
    assert 0.6 < likeness("rifampicine", "rifampin") < 1.0 > likeness("a", "b")


# --- the codes one may choose among ------------------------------------------------------------------------------------


def test_files_of_targets_are_read_by_their_header() -> None:
    """LOINC's own table, a value set, the NABM and a plain list; what is no code of the list, or withdrawn, is counted and left."""
    own = (
        b"LOINC_NUM\tCOMPONENT\tPROPERTY\tSYSTEM\tMETHOD_TYP\tSTATUS\tLONG_COMMON_NAME\tEXAMPLE_UCUM_UNITS\r\n"
        b"2951-2\tSodium\tSCnc\tSer/Plas\t\tACTIVE\tSodium [Moles/volume] in Serum or Plasma\tmmol/L\r\n"
        b"2951-3\tSodium\tSCnc\tSer/Plas\t\tACTIVE\tIts check digit is wrong\tmmol/L\r\n"
        b"20570-8\tHematocrit\tZorg\tBld\t\tDEPRECATED\tHematocrit\t%\r\n"
        b"32354-3\tHematocrit\tZorg\tBldA\t\tACTIVE\tHematocrit of Arterial blood\t%; L/L\r\n"
    )
    values = "value_set,system,code,display\nEDS,loinc,2951-2,\nEDS,loinc,2823-3,\nEDS,ucum,mmol/L,\nEDS,loinc,718-7,Hémoglobine\n".encode(
        "cp1252"
    )
    known = catalogue([("loinc.txt", own), ("eds.csv", values), ("nabm.csv", NABM)])
    assert [(name, kept, left) for name, _, kept, left in known.files] == [
        ("loinc.txt", 2, 2),
        ("eds.csv", 3, 1),
        ("nabm.csv", 2, 0),
    ]
    sodium = known.targets["loinc", "2951-2"]
    assert (sodium.name, sodium.property_name, sodium.listed) == (
        "Sodium [Moles/volume] in Serum or Plasma",
        "SCnc",
        ("loinc.txt", "eds.csv"),
    )
    assert sodium.specimens == {"serum", "plasma"}
    asked = known.targets["loinc", "32354-3"].asks
    assert isinstance(asked, frozenset)
    assert set(map(written, asked)) == {"1"}
    assert [one.code for one in known.unnamed] == ["2823-3"]
    assert known.unnamed[0].name == ""
    assert [code for system, code in known.targets if system == "nabm"] == ["0552", "1208"]
    assert known.targets["loinc", "718-7"].name == "Hémoglobine"
    assert known.holds_loinc
    assert not catalogue([("nabm.csv", NABM)]).holds_loinc
    assert targets.well_formed("nabm", "0552") > targets.well_formed("nabm", "552")


@pytest.mark.parametrize("payload", [b"", b"# only this\n", b"name,unit\nTSH,mUI/L\n"])
def test_a_file_without_a_column_of_codes_is_refused(payload: bytes) -> None:
    """A list of targets, or of local codes, that names no column of codes is refused with what its header says."""
    for read in (lambda: catalogue([("x.csv", payload)]), lambda: read_locals(payload, where="x.csv")):
        with pytest.raises(Refusal) as caught:
            read()
        assert caught.value.code == "codes/catalogue-unreadable"


def test_a_file_too_large_is_refused_before_it_is_read() -> None:
    """Nobody's dictionary is that large: the file is refused by its size."""
    for size, read in (
        (targets.LARGEST, lambda file: catalogue([("x", file)])),
        (64 << 20, lambda file: read_locals(file, where="x")),
    ):
        with pytest.raises(Refusal) as caught:
            read(bytes(size + 1))
        assert caught.value.code == "codes/catalogue-unreadable"


def test_a_laboratory_exports_its_own_list() -> None:
    """One line for a code and unit, whatever the columns' order; a line without a code is nothing; another list than two is refused."""
    text = "label;code;unit;system\nTSH;TSH;mUI/L;\nActe;1208;;act\n;;;\n"
    found = read_locals(text.encode(), where="x.csv")
    assert found == [LocalTest("act", "1208", label="Acte"), LocalTest("test", "TSH", "mUI/L", "TSH")]
    with pytest.raises(Refusal) as caught:
        read_locals(b"system,code\nzorg,1\n", where="x.csv")
    assert "zorg" in caught.value.message()


# --- proposals ---------------------------------------------------------------------------------------------------------


def test_the_unit_tells_mass_from_amount() -> None:
    """The same label in mg/L and in µmol/L is proposed two different codes, and each forbids the other's."""
    mass, amount = (
        offered(CREATININE),
        offered(LocalTest("test", "CREA", "µmol/L", "Créatinine", "Sang hépariné")),
    )
    assert (mass[0].target.code, mass[0].likelihood) == ("2160-0", Likelihood.VERY_LIKELY)
    assert (amount[0].target.code, amount[0].likelihood) == ("14682-9", Likelihood.VERY_LIKELY)
    assert mass[-1].likelihood is Likelihood.FORBIDDEN
    assert (mass[-1].target.code, "unit_other" in keys(mass[-1])) == ("14682-9", True)
    assert (
        reason(mass[-1].reasons[2], "en")
        == "unit: mg/L measures a mass by volume, the code asks for an amount of substance by volume (SCnc)"
    )


def test_the_specimen_tells_blood_from_urine() -> None:
    """Another specimen lowers a proposal and is told; one that is not said is told too."""
    blood, urine = offered(CREATININE), offered(LocalTest("test", "CREAU", "mg/L", "Créatinine urinaire"))
    assert (blood[0].target.code, urine[0].target.code) == ("2160-0", "2161-8")
    assert "specimen_other" in keys(next(one for one in blood if one.target.code == "2161-8"))
    assert "specimen_unsaid" in keys(offered(LocalTest("test", "TSH us", "mUI/L"))[0])


def test_the_method_tells_two_ways_of_measuring() -> None:
    """A method said by both, by the code alone, or otherwise, weighs and is told."""
    by = {
        one.target.code: keys(one)
        for one in offered(LocalTest("test", "A", "g/L", "Albumine", "Sérum", "Electrophorèse"))
    }
    assert by["2862-1"][-1] == "method_same"
    assert not any(key.startswith("method") for key in by["1751-7"])
    assert keys(offered(LocalTest("test", "A", "g/L", "Albumine", "Sérum"))[1])[-1] == "method_unsaid"
    assert (
        keys(offered(LocalTest("test", "HT", "%", "Hématocrite", "Sang EDTA", "manuel"))[0])[-1]
        == "method_other"
    )
    assert keys(offered(LocalTest("test", "HT", "%", "Hématocrite", "Sang EDTA"))[0])[-1] == "method_unsaid"


@pytest.mark.parametrize(
    ("local", "code", "why"),
    [
        (LocalTest("test", "HB", "", "Hémoglobine", "Sang"), "718-7", "unit_unsaid"),
        (LocalTest("test", "HB", "zorgs", "Hémoglobine", "Sang"), "718-7", "unit_unknown"),
        (LocalTest("test", "PU", "", "Protéine", "Urine"), "2887-8", "unit_none"),
        (LocalTest("test", "PU", "g/L", "Protéine", "Urine"), "2887-8", "unit_for_words"),
        (LocalTest("test", "COM", "g/L", "Service comment"), "8251-1", "unit_unchecked"),
    ],
)
def test_what_is_not_known_of_a_unit_is_told(local: LocalTest, code: str, why: str) -> None:
    """No unit, one not understood, one beside a word, one that nothing checks: each is a reason in words."""
    best = offered(local)[0]
    assert (best.target.code, why in keys(best)) == (code, True)


def test_a_target_of_no_known_measure_and_no_unit_says_nothing_of_units() -> None:
    """Where neither side says anything of a unit, there is no reason about units."""
    assert not any(
        key.startswith("unit") for key in keys(offered(LocalTest("test", "COM", "", "Service comment"))[0])
    )


def test_a_word_nobody_knows_is_compared_by_its_letters() -> None:
    """Two spellings of one unknown word are met; a word like none is proposed nothing."""
    file = b"code,name\n46244-0,Rifampycinozole resistance\n"
    assert (
        offered(LocalTest("test", "R", label="Rifampycinozol resistance"), file)[0].target.code == "46244-0"
    )
    assert offered(LocalTest("test", "Z", label="Zorglub"), file) == ()
    assert offered(LocalTest("test", "37", label="37"), file) == ()


def test_a_value_set_beside_loinc_says_which_codes_are_wanted() -> None:
    """Of two codes alike, the one that the national set holds as well comes first, though the set names none."""
    file = b"code,name\n6690-2,Leukocytes [#/volume] in Blood\n26464-8,Leukocytes [#/volume] in Blood\n"
    local = LocalTest("test", "GB", "G/L", "Leucocytes", "Sang EDTA")
    assert offered(local, file, b"system,code,display\nloinc,6690-2,\n")[0].target.code == "6690-2"
    assert offered(local, file, b"system,code,display\nloinc,26464-8,\n")[0].target.code == "26464-8"


def test_an_act_is_its_own_code_first() -> None:
    """An act whose code stands in the NABM is proposed that act before any like it; tests are never proposed an act."""
    best, *others = offered(LocalTest("act", "0552", label="TSH"), NABM)
    assert (best.target.code, best.likelihood, keys(best)) == ("0552", Likelihood.VERY_LIKELY, ["same_code"])
    assert [one.target.code for one in others] == ["1208"]
    assert offered(LocalTest("test", "TSH", label="TSH"), NABM) == ()


def test_what_is_proposed_is_the_same_in_any_order() -> None:
    """Proposals depend on the code and the catalogue alone, and every reason reads in both languages."""
    known = catalogue([("loinc.csv", LOINC)])
    locals_ = [CREATININE, LocalTest("test", "TSH", "mUI/L", "TSH", "Sang sec")]
    found = proposed(known, locals_)
    assert found == proposed(known, reversed(locals_))
    for proposals in found.values():
        for one in proposals:
            for why in one.reasons:
                assert all(reason(why, language) for language in LANGUAGES)


# --- the document ------------------------------------------------------------------------------------------------------


def draft(*, before: Draft | None = None) -> Draft:
    known = catalogue([("loinc.csv", LOINC)])
    locals_ = [
        CREATININE,
        LocalTest("test", "TSH", "mUI/L", "TSH", "Sang sec", "ECLIA", 12),
        LocalTest("act", "9999"),
    ]
    return drafted(
        proposed(known, locals_),
        catalogues=[f"{name} {digest}" for name, digest, _, _ in known.files],
        language="fr",
        before=before,
    )


CHOSEN = Decision("2160-0", BIOLOGIST.id, "masse par volume, sang")


def test_nothing_is_chosen_beforehand() -> None:
    """A fresh draft decides nothing, and signed as it stands it maps nothing."""
    text = render(draft(), language="fr").encode()
    assert is_code_map(text)
    assert len(read_draft(text).undecided) == 3
    assert parse(text, signers=[BIOLOGIST]).targets == {}
    assert not is_code_map(b"[[code]]\n")


def test_a_draft_reads_back_and_keeps_what_was_decided() -> None:
    """What is written is read back equal; proposed anew, a decision stays; undone, the line is undecided again."""
    made = (
        draft()
        .decided(("test", "CREA", "mg/L"), CHOSEN)
        .decided(("act", "9999", ""), Decision(NONE, "p-7f3a", "acte interne"))
    )
    again = read_draft(render(made, language="en").encode())
    assert set(again.lines) == set(made.lines)
    assert (again.catalogues, again.loinc) == (made.catalogues, True)
    assert [line.local.code for line in draft(before=again).undecided] == ["TSH"]
    assert len(again.decided(("test", "CREA", "mg/L"), None).undecided) == 2


def test_only_a_signed_decision_maps() -> None:
    """The map holds what was decided, by list, code and unit; another unit, an undecided code, or "none" maps nothing; a signer who may not, nothing."""
    made = (
        draft()
        .decided(("test", "CREA", "mg/L"), CHOSEN)
        .decided(("act", "9999", ""), Decision(NONE, "p-7f3a", "acte interne"))
    )
    payload = render(made, language="fr").encode()
    found = parse(payload, signers=[BIOLOGIST])
    assert found.coding("test", "CREA", "mg/L") == ("loinc", "2160-0")
    assert [
        found.coding("test", "CREA", "µmol/L"),
        found.coding("test", "TSH", "mUI/L"),
        found.coding("act", "9999"),
    ] == [None] * 3
    assert found.digest.startswith("sha256:")
    assert hash(found) == hash(parse(b"[code-map]\nversion = 1\ncatalogues = []\n", signers=[BIOLOGIST]))
    with pytest.raises(Refusal) as caught:
        parse(payload, signers=[ENGINEER])
    assert caught.value.code == "codes/map-not-signed"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("14682-9", "codes/another-dimension"),
        ("2160-1", "codes/not-a-target"),
        ("créatinine", "codes/not-a-target"),
    ],
)
def test_a_wrong_choice_is_refused_when_it_is_made(target: str, code: str) -> None:
    """What the unit forbids, what is no code, and a code whose check digit is wrong cannot be chosen."""
    with pytest.raises(Refusal) as caught:
        draft().decided(("test", "CREA", "mg/L"), Decision(target, "p-7f3a", "essai"))
    assert caught.value.code == code
    assert caught.value.hint("fr")


HEAD = "[code-map]\nversion = 1\ncatalogues = []\n"
LINE = '[[code]]\nsystem = "test"\ncode = "TSH"\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD + LINE + LINE, "codes/decided-twice"),
        (HEAD + LINE + '[code.decision]\ntarget = "3016-3"\nby = "p-7f3a"\n', "document/missing-key"),
        (
            HEAD + LINE + '[code.decision]\ntarget = "3016-3"\nby = "moi"\nwhy = "parce que"\n',
            "document/bad-value",
        ),
        (HEAD + LINE + 'loinc = "3016-3"\n', "document/unknown-key"),
        (HEAD.replace("[]", '["loinc.csv"]'), "document/bad-value"),
        (HEAD.replace("= 1", "= 2"), "document/bad-value"),
        (HEAD + "[[code]]\n", "document/missing-key"),
    ],
)
def test_a_document_that_says_less_or_more_is_refused(text: str, code: str) -> None:
    """Two lines for one code, a decision without its author or its why, an unknown key: refused, never guessed."""
    with pytest.raises(Refusal) as caught:
        read_draft(text.encode())
    assert caught.value.code == code


def test_what_was_chosen_is_found_by_the_record_s_own_code_and_unit() -> None:
    """A result is known by its code in its unit, an invoice line by its act; what has no local code, or says none, has nothing beside it."""
    known = CodeMap(
        {
            ("test", "NA", "mmol/L"): ("loinc", "2951-2"),
            ("test", "HT", ""): ("loinc", "4544-3"),
            ("act", "552", ""): ("nabm", "0552"),
        }
    )
    assert known.of("result", {"code": "NA", "unit": "mmol/L"}) == ("loinc", "2951-2")
    assert known.of("result", {"code": "HT", "unit": None}) == ("loinc", "4544-3")
    assert known.of("result", {"code": "NA", "unit": "g/L"}) is None
    assert known.of("invoice", {"act": "552"}) == ("nabm", "0552")
    assert known.of("invoice", {"id": "F1"}) is None
    assert known.of("patient", {"id": "12"}) is None
