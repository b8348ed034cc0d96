"""The steps after the ledger's, one by one: what each refuses, what it skips, and what it says that it examined."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from ecluse.base.words import LANGUAGES
from ecluse.inspection.evidence import STEPS, holds, steps, verify_bundle
from ecluse.passage.migration import Act
from ecluse.proof.bundle import bundle_of
from ecluse.proof.evidence import KO, OK, SKIPPED
from ecluse.proof.sign import sign_document
from tests.documents import AGREEMENT, BIOLOGIST, DPO, ENGINEER, SECOND
from tests.dossiers import NEW, NOON, OLD, Told, outcomes, seeded, whole

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


def test_an_honest_passage_holds() -> None:
    """Every step of an honest passage is OK, numbered in one sequence, and says in both languages how many things it examined."""
    told = terms()
    told.passage(loaded_with=told.sign_code_map())
    judged = verify_bundle(bundle_of(told.bundle()), trust=told.trust())
    assert [(step.number, step.name, step.outcome) for step in judged] == [
        (number, name, OK) for number, name in enumerate(steps(), start=1)
    ]
    assert holds(judged)
    for step in judged:
        assert step.examined > 0, step.name
        for language in LANGUAGES:
            assert str(step.examined) in step.said.message(language)
            assert step.title(language)


def test_nothing_to_examine_is_skipped() -> None:
    """A ledger that tells of no migration gives SKIPPED from its documents on, never OK."""
    told = Told()
    told.note("watched", by=OLD, subject="s")
    judged = told.judged()
    assert judged.pop("people") == OK
    assert {judged[name] for name, _ in STEPS if name in judged} == {SKIPPED}


def test_a_ledger_that_does_not_hold_tells_nothing() -> None:
    """When an entry was altered, none of what the ledger tells is judged."""
    files = whole().bundle()
    files["ledger/entries.jsonl"] = files["ledger/entries.jsonl"].replace(b"m-1", b"m-2", 1)
    judged = outcomes(files)
    assert judged["heads against entries"] == "ledger/altered"
    assert {judged[name] for name, _ in STEPS} == {SKIPPED}


def forged_name(files: dict[str, bytes]) -> None:
    """Renames a document."""
    name = next(name for name in files if name.startswith("documents/"))
    files[f"documents/{'0' * 64}.dsse.json"] = files.pop(name)


def rewritten(files: dict[str, bytes]) -> None:
    """Writes a document in another way, the same value."""
    name = next(name for name in files if name.startswith("documents/"))
    files[name] = files[name].replace(b'":', b'": ', 1)


def no_payload(files: dict[str, bytes]) -> None:
    """Makes a document something else than an envelope."""
    files[next(name for name in files if name.startswith("documents/"))] = b"{}"


def bad_base64(files: dict[str, bytes]) -> None:
    """Makes a payload no base64."""
    files[next(name for name in files if name.startswith("documents/"))] = b'{"payload":"?"}'


def unnamed(files: dict[str, bytes]) -> None:
    """Adds a document that nothing names."""
    envelope = sign_document(b"x", type="agreement", keys=[seeded("p-7f3a")])
    files["documents/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.dsse.json"] = envelope


def lacking(files: dict[str, bytes]) -> None:
    """Removes a document."""
    del files[next(name for name in files if name.startswith("documents/"))]


def no_manifest(files: dict[str, bytes]) -> None:
    """Removes the manifest."""
    del files["manifests/m-1.dsse.json"]


def other_manifest(files: dict[str, bytes]) -> None:
    """Puts a document in the manifest's place."""
    files["manifests/m-1.dsse.json"] = files[next(name for name in files if name.startswith("documents/"))]


@pytest.mark.parametrize(
    ("touch", "code"),
    [
        (forged_name, "bundle/document-altered"),
        (rewritten, "bundle/document-altered"),
        (no_payload, "bundle/document-altered"),
        (bad_base64, "bundle/document-altered"),
        (unnamed, "bundle/document-unnamed"),
        (lacking, "bundle/document-lacking"),
        (no_manifest, "bundle/document-lacking"),
        (other_manifest, "bundle/document-altered"),
    ],
)
def test_documents_are_the_ones_named(touch: Callable[[dict[str, bytes]], None], code: str) -> None:
    """A document that is altered, renamed, rewritten, added or taken away is KO."""
    files = whole().bundle()
    touch(files)
    assert outcomes(files)["documents"] == code


def test_a_forgotten_body_excuses_no_more_documents_than_it_could_name() -> None:
    """Once an entry's body is forgotten, the document that it named is no longer too many, and the entry is no longer judged."""
    told = whole()
    told.ledger.forget(2)  # the classification's
    assert told.judged()["documents"] == "bundle/forgotten-early"
    told.note("watched", by=OLD, subject="s", after=200 * DAY)
    judged = told.judged()
    assert judged["documents"] == OK
    assert (judged["codes"], judged["order"]) == ("bundle/not-in-force", OK)


def test_a_migration_whose_drafting_is_forgotten_is_not_judged() -> None:
    """Without the body that names its instruction, a migration's runs are no longer examined, and its order still is."""
    told = whole()
    for seq in range(told.ledger.size):
        told.ledger.forget(seq)
    judged = told.judged()
    assert judged["order"] == OK
    assert {
        judged[name]
        for name in (
            "agreement",
            "instruction",
            "codes",
            "recipient",
            "extraction",
            "erasure",
            "time to live",
            "limits",
            "reconciliation",
        )
    } == {SKIPPED}


def test_bodies_forgotten_by_halves_are_passed_over() -> None:
    """Entries of a run whose own bodies are forgotten are passed over where their body is needed, and nowhere else."""
    told = whole()
    acts = [row.leaf.split(b'"')[3].decode() for row in told.records.rows]
    for act in (Act.INSTRUCT, Act.EXTRACT, Act.DEPOSIT, Act.HAND_OVER, Act.RECONCILE, Act.ERASE):
        told.ledger.forget(acts.index(act.value))
    judged = told.judged()
    assert {judged[name] for name in ("instruction", "order", "hand-over", "time to live")} == {OK}
    assert {judged[name] for name in ("extraction", "reconciliation", "limits")} == {SKIPPED}


def test_a_run_after_a_forgotten_manifest_is_still_chained_by_number() -> None:
    """After a forgotten extraction, the next one keeps its place in the sequence."""
    told = extracted()
    told.ledger.forget(told.ledger.size - 1)
    told.hand_over()
    told.begin("m-2")
    told.read("m-2")
    told.extract("m-2")
    assert told.judged()["extraction"] == OK


def test_keys_are_certified() -> None:
    """A person or machine whose certificate another root signed, says another name, role or purpose, or is no certificate, is KO."""
    stranger = Told()
    stranger.roots[OLD] = seeded("stranger")
    cases: list[tuple[Callable[[Told], object], str]] = [
        (lambda told: told.people.update({DPO.id: stranger.certified(DPO.id, role="dpo", root=OLD)}), "bundle/person-malformed"),
        (lambda told: told.people.update({DPO.id: told.people[SECOND.id]}), "bundle/person-malformed"),
        (lambda told: told.roles.update({DPO.id: "biologist"}), "bundle/person-malformed"),
        (lambda told: told.roles.update({DPO.id: "wizard"}), "bundle/person-malformed"),
        (lambda told: told.people.update({DPO.id: told.certified(DPO.id, role="dpo", root=OLD, purpose="other")}), "bundle/person-malformed"),
        (lambda told: told.people.update({DPO.id: b"{}"}), "sign/envelope-malformed"),
        (lambda told: told.people.update({DPO.id: told.certified(DPO.id, role="dpo", root=OLD, key=seeded(SECOND.id).public.encode())}), "bundle/shared-key"),
        (lambda told: told.people.pop(BIOLOGIST.id), "bundle/unknown-actor"),
        (lambda told: told.people.update({BIOLOGIST.id: told.certified(BIOLOGIST.id, role="biologist", root=OLD, not_after=NOON)}), "key/cert-expired"),
        (lambda told: told.agents.update({OLD: told.certified(OLD, role="agent", root=NEW)}), "bundle/person-malformed"),
        (lambda told: told.agents.update({"nowhere": told.agents[OLD]}), "bundle/person-malformed"),
    ]  # fmt: skip
    for change, code in cases:
        told = whole()
        change(told)
        assert told.judged()["people"] == code


def test_a_person_s_file_is_named_by_its_person() -> None:
    """Two persons' files swapped are KO, and so is a file with a field that nobody knows."""
    files = whole().bundle()
    first, second = f"people/{DPO.id}.json", f"people/{SECOND.id}.json"
    swapped = files | {first: files[second], second: files[first]}
    assert outcomes(swapped)["people"] == "bundle/person-malformed"
    assert (
        outcomes(files | {first: files[first].replace(b'"id"', b'"nick":"x","id"')})["people"]
        == "bundle/person-malformed"
    )


def test_names_may_be_told() -> None:
    """A bundle that gives people's names verifies as well."""
    told = whole()
    files = told.bundle()
    name = f"people/{DPO.id}.json"
    assert (
        outcomes(files | {name: files[name].replace(b',"role"', b',"name":"Maud Kerbrat","role"')})["people"]
        == OK
    )


def test_another_root_than_the_policy_s() -> None:
    """A bundle made again with its own roots agrees with itself, and is KO by the laboratory's policy."""
    told = whole()
    trust = told.trust()
    forged = Told()
    forged.roots = {site: seeded(f"forged {site}") for site in (OLD, NEW)}
    forged.agents = {site: forged.certified(site, role="agent", root=site) for site in (OLD, NEW)}
    forged.people = {
        name: forged.certified(name, role=forged.roles[name], root=OLD) for name in forged.people
    }
    forged.terms()
    forged.passage()
    assert KO not in forged.judged().values()
    assert outcomes(forged.bundle(), trust)["people"] == "bundle/another-root"


def test_the_agreement_binds_both_parties() -> None:
    """An agreement signed by one party, or by someone who may not, is KO."""
    for signers, code in (
        ((BIOLOGIST.id,), "sign/not-enough-signatures"),
        ((BIOLOGIST.id, ENGINEER.id), "people/may-not"),
    ):
        told = Told()
        told.sign_agreement(signers=signers)
        assert told.judged()["agreement"] == code


def test_the_agreement_is_complete_and_in_force_at_each_run() -> None:
    """An agreement with an empty mention, or ended before a gate opens, is KO."""
    told = Told()
    told.sign_agreement(text=AGREEMENT.replace("frequency = ", 'frequency = "" # ', 1))
    assert told.judged()["agreement"] == "agreement/mention-empty"
    told = terms()
    told.begin()
    told.at += 150 * DAY
    told.read()
    assert told.judged()["agreement"] == "agreement/mention-expired"


def test_a_run_comes_after_the_agreement() -> None:
    """A run under an instruction whose agreement was signed afterwards, or never, is KO."""
    never = terms()
    never.sign_instruction(
        agreement="sha256:" + "9" * 64, codes="sha256:" + "8" * 64, certificate="sha256:" + "7" * 64
    )
    never.begin()
    assert never.judged()["agreement"] == "bundle/not-in-force"


def test_the_order_of_the_table() -> None:
    """A step out of order, a migration drafted twice or never, and a gate opened while another is open, are KO."""
    early = terms()
    early.begin()
    early.extract()
    early.hand_over()
    early.note(Act.OPEN_SOURCE.value)
    assert early.judged()["order"] == "migration/not-now"
    twice = terms()
    twice.begin()
    twice.begin()
    assert twice.judged()["order"] == "migration/not-now"
    never = terms()
    never.note(Act.OPEN_SOURCE.value)
    assert never.judged()["order"] == "migration/unknown"
    both = terms()
    both.begin("m-1")
    both.begin("m-2")
    both.note(Act.OPEN_SOURCE.value, subject="m-1")
    both.note(Act.OPEN_SOURCE.value, subject="m-2")
    assert both.judged()["order"] == "migration/gate-open"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"signers": (ENGINEER.id,)}, "instruction/threshold-not-reached"),
        ({"signers": (SECOND.id,)}, "instruction/no-biologist"),
        ({"replace": {"not_before = 2026-11-20": "not_before = 2026-11-24"}}, "instruction/not-yet-valid"),
        ({"replace": {"not_after = 2026-12-15": "not_after = 2026-11-22"}}, "instruction/expired"),
        ({"noted": False}, "bundle/not-in-force"),
        ({"version": 2}, "bundle/disagrees"),
        ({"supersedes": 3}, "bundle/entry-unreadable"),
        ({"version": "1"}, "bundle/entry-unreadable"),
        ({"version": True}, "bundle/entry-unreadable"),
    ],
)
def test_the_instruction_authorises_each_run(changes: dict[str, object], code: str) -> None:
    """An instruction signed by too few or the wrong people, out of time, not in force or noted otherwise, is KO when it is run."""
    told = terms(**changes)
    told.begin()
    assert told.judged()["instruction"] == code


def test_an_instruction_is_used_up() -> None:
    """One run more than the instruction allows is KO."""
    told = terms(replace={"runs = 3": "runs = 1"})
    told.begin("m-1")
    assert told.judged()["instruction"] == OK
    told.begin("m-2")
    assert told.judged()["instruction"] == "instruction/used-up"


def test_a_run_names_its_instruction() -> None:
    """A run instructed under another instruction than it was drafted under is KO."""
    told = terms()
    told.begin(instruction="sha256:" + "0" * 64)
    assert told.judged()["instruction"] == "bundle/disagrees"


def test_a_superseded_instruction_is_not_run() -> None:
    """A run under an instruction that a later one replaces is KO."""
    told = terms()
    old = told.instruction
    told.note(
        "instruction.signed", by=BIOLOGIST.id, subject="another", document=old, version=1, supersedes=old
    )
    told.begin()
    assert told.judged()["instruction"] == "instruction/superseded"


def test_a_revoked_instruction_is_not_run() -> None:
    """A run after the revocation is KO; a revocation by someone who may not, or of another instruction, is KO; a forgotten one counts."""
    told = terms()
    told.revoke()
    assert told.judged()["documents"] == OK
    told.begin()
    assert told.judged()["instruction"] == "instruction/revoked"
    told.ledger.forget(4)
    assert told.judged()["instruction"] == "instruction/revoked"
    stranger = terms()
    stranger.begin()
    stranger.revoke(signers=(ENGINEER.id,))
    assert stranger.judged()["instruction"] == "people/may-not"
    other = terms()
    other.begin()
    other.revoke(instruction="sha256:" + "0" * 64)
    assert other.judged()["instruction"] == "bundle/disagrees"


def test_codes_are_a_biologist_s() -> None:
    """A classification that no biologist signed, or signed after the run, is KO."""
    told = Told()
    told.sign_codes(signers=(SECOND.id,))
    assert told.judged()["codes"] == "codes/not-signed"
    late = terms()
    late.sign_instruction(
        agreement=late.agreement_of(late.instruction),
        codes="sha256:" + "8" * 64,
        certificate="sha256:" + "7" * 64,
    )
    late.begin()
    assert late.judged()["codes"] == "bundle/not-in-force"


def test_a_code_map_is_signed_and_in_force_when_records_are_loaded() -> None:
    """A map that nobody who may signed is KO, and so is a loading that names another one than the last signed before its gate opened."""
    told = terms()
    assert told.judged()["code map"] == "SKIPPED"
    told.sign_code_map(signers=(ENGINEER.id,))
    assert told.judged()["code map"] == "codes/map-not-signed"
    told = terms()
    first = told.sign_code_map()
    told.load(code_map=first)
    told.load()
    assert told.judged()["code map"] == "OK"
    late = terms()
    first, last = late.sign_code_map(), late.sign_code_map("K2")
    late.load(code_map=first)
    assert late.judged()["code map"] == "bundle/not-in-force"
    gone = terms()
    seq = gone.ledger.size
    gone.load(code_map=gone.sign_code_map())
    gone.ledger.forget(seq)
    assert gone.judged()["code map"] == "SKIPPED"
    late = terms()
    late.load(code_map=last)
    late.sign_code_map("K2")
    assert late.judged()["code map"] == "bundle/not-in-force"


def test_the_recipient_is_compared_first() -> None:
    """A recipient compared after the run or never, certified by no root or out of its period, is KO."""
    told = Told()
    agreement, codes, certificate = told.sign_agreement(), told.sign_codes(), told.certify_recipient()
    told.sign_instruction(agreement=agreement, codes=codes, certificate=certificate)
    told.begin()
    told.compare(certificate)
    assert told.judged()["recipient"] == "recipient/not-compared"


@pytest.mark.parametrize(
    ("root", "days", "code"), [("elsewhere", 90, "recipient/not-certified"), (NEW, 0, "key/cert-expired")]
)
def test_the_recipient_is_certified(root: str, days: int, code: str) -> None:
    """A recipient's certificate is signed by a known root and holds at the run."""
    told = Told()
    told.roots["elsewhere"] = seeded("elsewhere")
    certificate = told.certify_recipient(root=root, until=NOON + timedelta(days=days))
    told.compare(certificate)
    told.sign_instruction(agreement=told.sign_agreement(), codes=told.sign_codes(), certificate=certificate)
    told.begin()
    del told.roots["elsewhere"]
    assert told.judged()["recipient"] == code


def test_a_recipient_s_certificate_is_one() -> None:
    """A document that is no certificate cannot certify a recipient, and a certificate that is lacking neither."""
    told = Told()
    agreement, codes = told.sign_agreement(), told.sign_codes()
    told.compare(codes)
    told.sign_instruction(agreement=agreement, codes=codes, certificate=codes)
    told.begin()
    assert told.judged()["recipient"] == "sign/other-type"
    told = terms()
    told.begin()
    for name in [name for name, octets in told.files.items() if b"keycert" in octets]:
        del told.files[name]
    assert told.judged()["recipient"] == "bundle/document-lacking"
