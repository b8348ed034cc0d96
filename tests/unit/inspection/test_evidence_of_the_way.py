"""The steps that follow where the data went: manifests, hand-over, reconciliation, erasure, time to live, limits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecluse.inspection.evidence import STEPS, verify_bundle
from ecluse.passage.acts import KEY_RESURRECTED
from ecluse.passage.migration import Act
from ecluse.proof.bundle import bundle_of
from ecluse.proof.canonical import canonical_json
from ecluse.proof.evidence import OK, SKIPPED, export_ledger
from tests.documents import BIOLOGIST, DPO, ENGINEER, REPRESENTATIVE, SECOND
from tests.dossiers import NEW, OLD, Told, outcomes, whole

DAY = timedelta(days=1)


def terms(**changes: object) -> Told:
    """A past in which everything is signed and nothing has run."""
    told = Told()
    told.terms(**changes)
    return told


def extracted(**changes: object) -> Told:
    """A past up to the extraction, told otherwise."""
    told = terms()
    told.begin()
    told.read()
    told.extract(**changes)  # type: ignore[arg-type]
    return told


def loaded() -> Told:
    """A past up to the loading."""
    told = extracted()
    told.hand_over()
    told.load()
    return told


def reconciled(**changes: object) -> Told:
    """A past up to the acceptance, its reconciliation told otherwise."""
    told = loaded()
    told.accept(told.reconcile(**changes))  # type: ignore[arg-type]
    return told


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signer": NEW}, "bundle/not-theirs"),
        ({"signer": ENGINEER.id}, "bundle/not-theirs"),
        ({"manifest": {"migration": "m-2"}}, "bundle/disagrees"),
        ({"manifest": {"recipient": "0" * 64}}, "bundle/disagrees"),
        ({"manifest": {"sequence": 2}}, "bundle/disagrees"),
        ({"manifest": {"previous": "sha256:" + "0" * 64}}, "bundle/disagrees"),
        ({"manifest": {"created": "today"}}, "parcel/manifest-malformed"),
        ({"manifest": {"created": "2026-11-23T12:00:00"}}, "parcel/manifest-malformed"),
        ({"manifest": {"expires": "2027-11-23T12:00:00+00:00"}}, "bundle/disagrees"),
        ({"manifest": {"parts": []}}, "parcel/manifest-malformed"),
        ({"sequence": 2}, "bundle/disagrees"),
        ({"parts": 2}, "bundle/disagrees"),
        ({"instruction": "sha256:" + "0" * 64}, "bundle/disagrees"),
    ],
)
def test_each_extraction_has_its_manifest(changes: dict[str, object], code: str) -> None:
    """A manifest of another machine, migration, recipient, place in the sequence or life than its extraction's is KO."""
    assert extracted(**changes).judged()["extraction"] == code


def test_manifests_are_chained() -> None:
    """A second manifest that does not name the first is KO, and one that is lacking too."""
    told = extracted()
    told.hand_over()
    told.begin("m-2")
    told.read("m-2")
    told.extract("m-2", manifest={"previous": ""})
    assert told.judged()["extraction"] == "bundle/disagrees"
    del told.files["manifests/m-1.dsse.json"]
    assert told.judged()["extraction"] == "bundle/document-lacking"


def test_only_one_site_may_be_both() -> None:
    """Where the only machine known is the recipient's own, its manifest counts as the source's."""
    told = Told()
    del told.agents[OLD]
    told.terms()
    told.begin()
    told.read()
    told.extract(signer=NEW)
    assert told.judged()["extraction"] == OK


def test_what_is_handed_over_is_what_was_extracted() -> None:
    """A parcel of another manifest, handed over too late, or loaded without a hand-over, is KO."""
    told = extracted()
    told.hand_over(manifest="sha256:" + "0" * 64)
    assert told.judged()["hand-over"] == "bundle/disagrees"
    told = extracted()
    told.at += 15 * DAY
    told.hand_over()
    assert told.judged()["hand-over"] == "parcel/expired"
    told = extracted()
    told.load()
    assert told.judged()["hand-over"] == "bundle/not-in-force"


def test_a_hand_over_of_an_unknown_manifest_is_left_to_the_extraction_step() -> None:
    """Where no extraction was told, the hand-over alone says nothing of a manifest."""
    told = terms()
    told.begin()
    told.latest["m-1"] = "sha256:" + "0" * 64
    told.hand_over()
    assert told.judged()["hand-over"] == OK


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (BIOLOGIST.id,)}, "sign/not-enough-signatures"),
        ({"signers": (NEW,)}, "sign/not-enough-signatures"),
        ({"signers": (NEW, ENGINEER.id)}, "bundle/not-theirs"),
        ({"unexplained": 2}, "bundle/unexplained"),
        ({"unexplained": None}, "bundle/unexplained"),
        ({"failed": ["patient: rows"]}, "bundle/unexplained"),
        ({"kind": {"unexplained": 1}}, "bundle/unexplained"),
        ({"kind": {"loaded": 7}}, "bundle/unexplained"),
        ({"kind": {"seen": 11}}, "bundle/unexplained"),
        ({"kind": {"excluded": "all"}}, "bundle/unexplained"),
        ({"kind": {"checks": [{"name": "rows", "outcome": "failed"}]}}, "bundle/unexplained"),
    ],
)
def test_the_reconciliation_accepted_explains_everything(changes: dict[str, object], code: str) -> None:
    """A reconciliation without the target's or the biologist's signature, or that leaves a row unexplained by its own counts, is KO."""
    assert reconciled(**changes).judged()["reconciliation"] == code


def test_only_the_last_reconciliation_is_accepted() -> None:
    """Accepting another reconciliation than the last, one made before a later loading, or in another's name, is KO."""
    told = loaded()
    first = told.reconcile()
    told.reconcile(groups=[["another"]])
    told.accept(first)
    assert told.judged()["reconciliation"] == "bundle/disagrees"
    told = loaded()
    first = told.reconcile()
    told.load()
    told.accept(first)
    assert told.judged()["reconciliation"] == "bundle/disagrees"
    told = loaded()
    told.accept(told.reconcile(), by=SECOND.id)
    assert told.judged()["reconciliation"] == "bundle/not-theirs"


def test_an_acceptance_whose_finding_is_forgotten_is_held_to_its_document() -> None:
    """When the body that noted the reconciliation is forgotten, the document accepted is still judged."""
    told = reconciled()
    told.ledger.forget(told.ledger.size - 2)
    assert told.judged()["reconciliation"] == OK


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (NEW,)}, "sign/not-enough-signatures"),
        ({"manifest": "sha256:" + "0" * 64}, "bundle/disagrees"),
        ({"migration": "m-2"}, "bundle/disagrees"),
        ({"why": "expired"}, OK),
        ({"places": []}, "bundle/disagrees"),
        ({"places": [{"site": OLD, "method": "key-destroyed"}]}, "bundle/tombstone-lacking"),
    ],
)
def test_the_certificate_of_erasure_is_held_to_the_ledger(changes: dict[str, object], code: str) -> None:
    """A certificate signed by one site, of another migration or parcel, of no place, or of a key without tombstone, is KO."""
    told = reconciled()
    told.destroy()
    told.erase(**changes)  # type: ignore[arg-type]
    assert told.judged()["erasure"] == code


def test_the_parcel_s_key_is_dead_when_all_is_over() -> None:
    """When every extraction under an instruction is erased, the recipient's key has its tombstone, whatever the certificate lists."""
    told = reconciled()
    told.erase(places=[{"site": OLD, "what": "parcel", "method": "files-deleted"}])
    assert told.judged()["erasure"] == "bundle/tombstone-lacking"
    other = whole()
    other.begin("m-2")
    other.read("m-2")
    other.extract("m-2")
    assert other.judged()["erasure"] == OK


def test_a_migration_stopped_before_reading_is_erased_without_manifest() -> None:
    """A migration revoked before its source was read has a certificate that names no manifest, and is OK."""
    told = terms()
    told.begin()
    told.note(Act.REVOKE.value, by=DPO.id)
    told.destroy()
    told.erase(why="revoked")
    told.note(KEY_RESURRECTED, by=NEW, subject="parcel-1", site=NEW)
    judged = verify_bundle(bundle_of(told.bundle()))
    erasure = next(step for step in judged if step.name == "erasure")
    assert (erasure.outcome, "1 risen" in erasure.detail) == (OK, True)


def test_an_entry_swapped_for_another_document_is_told() -> None:
    """A document whose name is another's is altered, wherever it is read."""
    told = reconciled()
    told.destroy()
    told.erase()
    files = told.bundle()
    recons = [name for name, octets in files.items() if b"ecluse.reconciliation" in octets]
    forged = Told()
    forged.terms()
    document = forged.keep("reconciliation", b"{}", NEW, BIOLOGIST.id)
    agreement = forged.keep("agreement", b"x = 1", BIOLOGIST.id, REPRESENTATIVE.id)
    for place, digest, step in (
        (recons[0], document, "reconciliation"),
        (agreements(files), agreement, "agreement"),
    ):
        envelope = forged.files[f"documents/{digest.removeprefix('sha256:')}.dsse.json"]
        judged = outcomes(files | {place: envelope})
        assert (judged["documents"], judged[step]) == ("bundle/document-altered", "bundle/document-altered")


def agreements(files: dict[str, bytes]) -> str:
    """The agreement's file."""
    return next(name for name, octets in files.items() if b"ecluse.agreement" in octets)


def test_nothing_is_kept_beyond_its_time() -> None:
    """A migration read and not erased is KO a day after its time to live, and one erased late too; within it, it is counted as waiting."""
    told = loaded()
    told.at += 14 * DAY
    told.note("watched", by=OLD, subject="s")
    assert told.judged()["time to live"] == OK
    told.note("watched", by=OLD, subject="s", after=DAY)
    assert told.judged()["time to live"] == "bundle/kept-too-long"
    late = reconciled()
    late.at += 16 * DAY
    late.destroy()
    late.erase()
    assert late.judged()["time to live"] == "bundle/kept-too-long"


def test_a_certificate_says_its_limits() -> None:
    """A certificate that says nothing of what it does not cover is KO."""
    told = reconciled()
    told.destroy()
    told.erase(not_covered=["nothing"])
    assert told.judged()["limits"] == "bundle/disagrees"


def test_a_ledger_of_another_s_making_is_refused_without_a_traceback() -> None:
    """Entries whose bodies lack what their act needs are KO, in words."""
    told = terms()
    told.note(Act.DRAFT.value, subject="m-1")
    told.note(Act.INSTRUCT.value, subject="m-1")
    judged = told.judged()
    assert judged["agreement"] == "bundle/entry-unreadable"
    assert judged["instruction"] == "bundle/entry-unreadable"


def test_an_empty_ledger_is_skipped() -> None:
    """A ledger of nothing, and no key, leaves nothing to examine."""
    judged = outcomes(export_ledger(Told().ledger))
    assert {judged[name] for name, _ in STEPS} == {SKIPPED}


def test_a_person_s_certificate_is_written_as_an_envelope() -> None:
    """A person's file whose certificate is a text is KO."""
    files = whole().bundle()
    files[f"people/{DPO.id}.json"] = canonical_json({"id": DPO.id, "role": "dpo", "keycert": "x"})
    assert outcomes(files)["people"] == "bundle/person-malformed"
