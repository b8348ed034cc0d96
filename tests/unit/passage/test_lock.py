"""The four lamps, the recipient's key, and the drafts that lead to them, on two sites in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from importlib import resources

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import TARGET_CHECKED
from ecluse.passage.authority import signed_instruction
from ecluse.passage.closing import revoke
from ecluse.passage.drafts import (
    Answers,
    codes_draft,
    instruction_draft,
    seen_codes,
    seen_sites,
    shared_records,
)
from ecluse.passage.lock import (
    Lamp,
    check_target,
    check_target_told,
    current_instruction,
    instruction_named,
    lamps,
)
from ecluse.passage.recipients import certified, certify_recipient, note_compared, recipients
from ecluse.passage.signing import sign
from ecluse.passage.site import Site
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import verify_document
from ecluse.terms import instruction as instructions
from ecluse.terms.catalogue import Privilege
from ecluse.terms.codes import parse as parse_codes
from ecluse.terms.instruction import Limits
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.privilege import SUPERUSER, lacking, target_needs
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT, AT, BIOLOGIST, ENGINEER, REPRESENTATIVE
from tests.sites import KEYS, NEW_TABLES, Laboratory

ROOT = SigningKey.from_seed(bytes([41]) * 32)
"""The target's root in `tests.sites`."""


def nothing_wrong() -> None:
    """The target holds."""


def seen(site: Site, instruction: str, at: object = None, check: object = nothing_wrong) -> dict[str, str]:
    """The code of each dark lamp."""
    found = lamps(site, instruction=instruction, at=at or AT, check=check)  # type: ignore[arg-type]
    assert [lamp.name for lamp in found] == ["agreement", "instruction", "recipient", "target"]
    return {lamp.name: lamp.refusal.code for lamp in found if lamp.refusal is not None}


@pytest.fixture
def blank() -> Laboratory:
    """A laboratory in which nothing was signed yet."""
    made = Laboratory()
    made.source_site.journal._events.clear()  # type: ignore[attr-defined]
    return made


def test_nothing_signed_leaves_three_lamps_dark(blank: Laboratory) -> None:
    """Without a document each lamp says what to begin with; the target, which asks for none, is lit."""
    assert current_instruction(blank.source_site) == ""
    assert seen(blank.source_site, "") == {
        "agreement": "lock/no-agreement",
        "instruction": "lock/no-instruction",
        "recipient": "lock/no-recipient",
    }


def test_each_document_lights_its_own_lamp(blank: Laboratory) -> None:
    """An agreement signed by both and a key compared light their lamps before any instruction is written."""
    blank.sign("agreement", AGREEMENT.encode(), BIOLOGIST, REPRESENTATIVE)
    assert set(seen(blank.source_site, "")) == {"instruction", "recipient"}
    made = certify_recipient(blank.target_site, "another", root=ROOT, until=AT + timedelta(days=5))
    note_compared(blank.source_site, made.certificate, by=BIOLOGIST.id, subject="new-site")
    assert set(seen(blank.source_site, "", at=AT + timedelta(seconds=30))) == {"instruction"}


def test_all_signed_lights_every_lamp() -> None:
    """With everything signed and compared, four lamps are lit for the current instruction."""
    made = Laboratory()
    assert current_instruction(made.source_site) == made.instruction
    assert seen(made.source_site, made.instruction) == {}
    assert Lamp("target").lit


def test_an_expired_agreement_darkens_the_instruction_that_rests_on_it() -> None:
    """When the agreement ends, its lamp and that of the instruction go out; the recipient's certificate holds by itself."""
    made = Laboratory()
    dark = seen(made.source_site, made.instruction, at=AT + timedelta(days=200))
    assert dark["agreement"] == "agreement/mention-expired"
    assert dark["instruction"] == "agreement/mention-expired"


def test_an_instruction_out_of_time_darkens_its_own_lamp_only() -> None:
    """An instruction whose time is over leaves the agreement's lamp lit."""
    made = Laboratory()
    assert seen(made.source_site, made.instruction, at=AT + timedelta(days=16)) == {
        "instruction": "instruction/expired"
    }


def test_a_recipient_not_compared_is_not_the_instructions_fault() -> None:
    """A key that nobody compared, or whose certificate expired, darkens the recipient's lamp, and not the instruction's."""
    made = Laboratory()
    events = made.source_site.journal._events  # type: ignore[attr-defined]
    events[:] = [event for event in events if event.act != "recipient.compared"]
    assert seen(made.source_site, made.instruction) == {"recipient": "recipient/not-compared"}


def test_a_target_that_cannot_be_reached_is_told() -> None:
    """What the target's check raises, refusal or fault, is why its lamp is dark."""
    made = Laboratory()

    def cut() -> None:
        raise Fault("address/not-reached", where="lis")

    assert seen(made.source_site, made.instruction, check=cut) == {"target": "address/not-reached"}


def test_a_run_under_way_needs_no_further_one() -> None:
    """The last run an instruction allows keeps its lamp lit until it is over."""
    made = Laboratory(runs=1)
    name = made.begin()
    assert seen(made.source_site, made.instruction) == {}
    while made.state(name).value != "erased":
        made.step(name)
    assert seen(made.source_site, made.instruction) == {"instruction": "instruction/used-up"}


def test_a_revoked_instruction_darkens_its_lamp() -> None:
    """A revocation is seen at once."""
    made = Laboratory()
    revoke(
        made.source_site,
        by=BIOLOGIST.id,
        key=KEYS[BIOLOGIST.id],
        instruction=made.instruction,
        reason="Le laboratoire change d'avis.",
    )
    assert seen(made.source_site, made.instruction) == {"instruction": "instruction/revoked"}


def test_the_target_is_the_one_described() -> None:
    """Another mapping, an absent table or an account that cannot write are refused, each by name; marks to be made yet are not asked for."""
    made = Laboratory()
    ordered, _ = _ordered(made)
    check_target(ordered, mapping=made.new, catalogue=NEW_TABLES, held=None)
    check_target(None, mapping=made.new, catalogue=NEW_TABLES, held=None)
    tables = {kind.table for kind in made.new.kinds.values()}
    check_target(ordered, mapping=made.new, catalogue=NEW_TABLES, held=target_needs(tables))
    with pytest.raises(Refusal) as differs:
        check_target(
            ordered, mapping=replace(made.new, digest="sha256:" + "9" * 64), catalogue=NEW_TABLES, held=None
        )
    with pytest.raises(Refusal) as lacks:
        check_target(
            ordered, mapping=made.new, catalogue=NEW_TABLES, held=frozenset({Privilege("SELECT", "people")})
        )
    with pytest.raises(Refusal) as absent:
        check_target(ordered, mapping=made.new, catalogue=replace(NEW_TABLES, tables={}), held=None)
    codes = [caught.value.code for caught in (differs, lacks, absent)]
    assert codes == ["lock/target-differs", "lock/target-lacks", "mapping/table-absent"]


def _ordered(made: Laboratory) -> tuple[instructions.Instruction, object]:
    from ecluse.passage.authority import signed_instruction

    return signed_instruction(made.source_site, made.instruction)


# --- the recipient's key ------------------------------------------------------------------------------------------------


def test_a_recipients_key_is_certified_then_compared() -> None:
    """A key made at the target is noted, verified by the root the source compared, and waits until a signer compares it."""
    made = Laboratory()
    new = certify_recipient(made.target_site, "cut-over", root=ROOT, until=AT + timedelta(days=5))
    assert [it.compared for it in recipients(made.source_site)] == [False, True]
    with pytest.raises(Refusal, match="people/may-not"):
        note_compared(made.source_site, new.certificate, by=ENGINEER.id, subject="new-site")
    note_compared(made.source_site, new.certificate, by=BIOLOGIST.id, subject="new-site")
    assert all(it.compared for it in recipients(made.source_site))
    assert certified(made.source_site, new.certificate, at=AT + timedelta(days=1)) == new.keycert


def test_a_key_of_a_laboratory_nobody_compared_is_not_certified() -> None:
    """A certificate signed by an unknown root, or past its time, is refused where it is named and left out of the list."""
    made = Laboratory()
    stranger = replace(made.source_site, roots={"old-site": made.source_site.roots["old-site"]})
    known = recipients(made.source_site)[0].certificate
    with pytest.raises(Refusal, match="recipient/not-certified"):
        certified(stranger, known, at=AT)
    assert recipients(stranger) == []
    with pytest.raises(Refusal, match="key/cert-expired"):
        certified(made.source_site, known, at=AT + timedelta(days=30))


# --- drafts -------------------------------------------------------------------------------------------------------------


def test_the_codes_and_sites_of_a_source_are_seen() -> None:
    """Every code with its most frequent label and its rows, every site with its requests, and nothing of a patient."""
    made = Laboratory()
    with made.source.snapshot() as snapshot:
        codes = seen_codes(snapshot, made.old, vocabulary=vocabulary())
        sites = seen_sites(snapshot, made.old, vocabulary=vocabulary())
    assert {code.code for code in codes} == {"NA", "VIH"}
    assert {code.system for code in codes} == {"test"}
    assert {code.label for code in codes} == {"Sodium"}
    assert set(sites) == {"VANNES", "BREST"}


def test_a_drafted_code_is_not_classified_by_saying_nothing() -> None:
    """A draft signed as it stands is refused: each code waits for its categories to be written."""
    made = Laboratory()
    with made.source.snapshot() as snapshot:
        codes = seen_codes(snapshot, made.old, vocabulary=vocabulary())
    text = codes_draft(codes, language="fr")
    with pytest.raises(Refusal, match="document/missing-key"):
        parse_codes(text.encode(), vocabulary=vocabulary(), signers=[BIOLOGIST])
    decided = text.replace("# categories = []", "categories = []")
    assert len(parse_codes(decided.encode(), vocabulary=vocabulary(), signers=[BIOLOGIST]).lines) == 2
    assert "NOM1" not in text


def answers() -> Answers:
    """What a person says to begin an instruction."""
    limits = Limits(AT, AT + timedelta(days=10), 3, 10, 1000)
    return Answers(
        "essai-1",
        1,
        "Reprendre les dossiers.",
        (date(2019, 1, 1), date(2026, 11, 30)),
        ("VANNES",),
        limits,
        "Noa Marchand",
        "Kalibio SAS",
        "FR",
    )


def test_a_drafted_instruction_stands_on_what_is_signed() -> None:
    """The draft names the agreement, the codes and the key of the ledger, and can be read back and signed."""
    made = Laboratory()
    drafted = instruction_draft(
        made.source_site, answers(), source=made.old, target=made.new, vocabulary=vocabulary()
    )
    text = instructions.draft(drafted, language="en", vocabulary=vocabulary())
    read = instructions.parse(text.encode(), vocabulary=vocabulary())
    assert read.agreement == _ordered(made)[0].agreement
    assert read.controller.finess == "560012345"
    assert "email" not in read.fields_of("patient")
    assert sign(made.source_site, "instruction", text.encode(), by=BIOLOGIST.id, key=KEYS[BIOLOGIST.id])[1]


def test_nothing_is_drafted_before_the_papers(blank: Laboratory) -> None:
    """Without a signed agreement, codes and a compared key, the draft is refused and says what is missing."""
    with pytest.raises(Refusal) as refused:
        instruction_draft(
            blank.source_site, answers(), source=blank.old, target=blank.new, vocabulary=vocabulary()
        )
    assert refused.value.code == "door/nothing-to-draft"
    assert "agreement.signed" in str(refused.value.values["got"])


def test_what_is_proposed_is_what_both_systems_hold_without_texts_or_contacts() -> None:
    """Fields that one system lacks, free texts, documents and contact details are not proposed."""
    made = Laboratory()
    proposed = shared_records(made.old, made.new, vocabulary=vocabulary())
    assert set(proposed) <= set(made.old.kinds) & set(made.new.kinds)
    for kind, names in proposed.items():
        for name in names:
            assert not vocabulary().field(f"{kind}.{name}").categories & {"FREE", "DOC", "CT"}
    alone = replace(made.new, kinds={"patient": replace(made.new.kinds["patient"], fields={})})
    assert shared_records(made.old, alone, vocabulary=vocabulary()) == {}


def test_a_number_without_its_status_is_not_proposed() -> None:
    """An INS number goes with its OID, its status and five traits: where a system lacks one of them, the draft takes neither it nor its OID."""
    text = resources.files("ecluse.invent").joinpath("mappings", "invented-new.toml").read_bytes()
    whole = parse_mapping(text, vocabulary=vocabulary())
    assert {"ins", "ins_oid", "ins_status"} <= set(
        shared_records(whole, whole, vocabulary=vocabulary())["patient"]
    )
    lines = [line for line in text.splitlines() if not line.startswith(b"fields.ins_status")]
    lone = parse_mapping(b"\n".join(lines), vocabulary=vocabulary())
    proposed = shared_records(whole, lone, vocabulary=vocabulary())
    assert not {"ins", "ins_oid"} & set(proposed["patient"])
    instructions.naming.check_together(proposed, vocabulary=vocabulary())


def test_opaque_documents_are_never_proposed() -> None:
    """A kind that holds documents is left out whole, even where both systems have it."""
    text = resources.files("ecluse.invent").joinpath("mappings", "invented-old.toml").read_bytes()
    old = parse_mapping(text, vocabulary=vocabulary())
    assert "document" in old.kinds
    assert "document" not in shared_records(old, old, vocabulary=vocabulary())


# --- signing ------------------------------------------------------------------------------------------------------------


def test_an_instruction_out_of_time_is_not_signed() -> None:
    """What could not be used is not signed: past its last day an instruction gets no signature and the ledger no entry."""
    made = Laboratory()
    payload = verify_document(
        made.source_site.documents.get(made.instruction),
        type="instruction",
        keys={KEYS[BIOLOGIST.id].public.key_id: KEYS[BIOLOGIST.id].public},
    ).payload
    made.time += timedelta(days=15)
    before = len(made.source_site.journal.events())
    with pytest.raises(Refusal, match="instruction/expired"):
        sign(made.source_site, "instruction", payload, by=BIOLOGIST.id, key=KEYS[BIOLOGIST.id])
    assert len(made.source_site.journal.events()) == before


def test_a_document_that_is_not_what_it_was_is_not_signed_further() -> None:
    """Bytes that somebody put in the place of an envelope are refused, and not signed over."""
    made = Laboratory()
    documents = made.source_site.documents.held  # type: ignore[attr-defined]
    digest = made.source_site.bodies("agreement.signed")[0]["document"]
    documents[digest] = b"no envelope"
    with pytest.raises(Refusal, match="sign/"):
        sign(made.source_site, "agreement", AGREEMENT.encode(), by=BIOLOGIST.id, key=KEYS[BIOLOGIST.id])
    assert documents[digest] == b"no envelope"


def test_a_superuser_of_the_target_lacks_nothing() -> None:
    """Who may do everything needs no privilege by name; who holds nothing lacks all, in order."""
    needs = target_needs(("people",))
    assert lacking([SUPERUSER], needs) == []
    assert lacking([], needs) == sorted(needs)


def test_an_instruction_is_named_when_only_one_is_meant() -> None:
    """An id means the version in force, digits a digest of which there is one; a replaced version is meant by its digest alone."""
    lab = Laboratory()
    site, first = lab.source_site, lab.instruction
    plain = signed_instruction(site, first)[0]
    second = lab.sign(
        "instruction",
        instructions.draft(
            replace(plain, version=2, supersedes=first), language="fr", vocabulary=vocabulary()
        ).encode(),
        BIOLOGIST,
    )
    assert instruction_named(site, plain.id) == second == current_instruction(site)
    assert instruction_named(site, first) == instruction_named(site, first[:15]) == first
    assert instruction_named(site, "sha256:") == instruction_named(site, first[:12]) == ""
    assert instruction_named(site, "another") == ""


def test_a_target_elsewhere_is_as_its_own_site_says() -> None:
    """A target on another machine lights its lamp once its own site said that it is ready under the mapping that the instruction names; nobody else's word counts."""
    lab = Laboratory()
    site, ordered = lab.source_site, signed_instruction(lab.source_site, lab.instruction)[0]
    for said in (None, ("old-site", lab.new.digest)):
        if said:
            site.record(TARGET_CHECKED, by=said[0], subject="new-site", body={"mapping": said[1]})
        with pytest.raises(Refusal, match="lock/target-untold"):
            check_target_told(site, None, target="new-site")
    lab.target_site.record(
        TARGET_CHECKED, by="new-site", subject="new-site", body={"mapping": "sha256:other"}
    )
    check_target_told(site, None, target="new-site")
    with pytest.raises(Refusal, match="lock/target-differs"):
        check_target_told(site, ordered, target="new-site")
    lab.target_site.record(
        TARGET_CHECKED, by="new-site", subject="new-site", body={"mapping": lab.new.digest}
    )
    check_target_told(site, ordered, target="new-site")
