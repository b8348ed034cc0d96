"""A whole passage in memory, from draft to certificate; killed at every change it makes to the world, and everything else that can end it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acceptance import accept
from ecluse.passage.acts import PLACES_ERASED
from ecluse.passage.closing import KEY_DESTROYED, bury, expire_due, revoke
from ecluse.passage.inbound import receive, replay_rejects, roll_back
from ecluse.passage.migration import Act, MigrationState
from ecluse.passage.outbound import deposit, extract_parcel, prepare
from ecluse.proof.sign import verify_document
from ecluse.terms.catalogue import Privilege
from tests.documents import BIOLOGIST, ENGINEER, SECOND
from tests.sites import CHECKSUM, KEYS, Killed, Laboratory, result

TAKEN = {"id": "P9", "name": "SOMEBODY", "first": None, "sex": None, "born": None}
"""A person of the target's own, under a number that the source has too."""
LOADED = {"people": ["P1", "P4", "P9"], "orders": ["D1", "D4"], "facts": ["R1", "R4"]}


@pytest.fixture
def lab() -> Laboratory:
    made = Laboratory()
    made.target.tables["people"].append(dict(TAKEN))
    return made


def ids(lab: Laboratory) -> dict[str, list[str]]:
    return {name: sorted(row["id"] for row in rows) for name, rows in lab.target.tables.items()}


def advance(lab: Laboratory, name: str, to: MigrationState) -> None:
    while lab.state(name) is not to:
        lab.step(name)


def acts(lab: Laboratory, name: str) -> list[str]:
    return [event.act for event in lab.source_site.journal.events() if event.subject == name]


def nothing_left(lab: Laboratory) -> bool:
    """No key, no parcel, no reject and no sum of before anywhere."""
    sites = (lab.source_site, lab.target_site)
    return not any(
        it.keys.names() or it.spool.folders() or it.rejects.folders() or it.custody.folders() for it in sites
    )


# --- the whole way -------------------------------------------------------------------------------------------------------------


def test_a_passage_goes_from_draft_to_certificate(lab: Laboratory) -> None:
    """What is named is in the target and nothing else is; each row that is not has its reason; the certificate is signed by both sites."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    found = lab.reconcile(name)
    assert (found.unexplained, found.failed) == (0, ())
    people, orders, facts = found.kinds
    assert (people.seen, people.excluded, people.rejected_at_source) == (
        6,
        {"population": 1},
        {"birth_date: date-not-readable": 1},
    )
    assert people.rejected_at_target == {"name: cannot-be-written": 1, "people: unique": 1}
    assert orders.excluded == {"period": 1, "site": 1}
    assert orders.rejected_at_source == {"patient: parent-rejected": 1}
    assert orders.rejected_at_target == {"patient: parent-rejected": 2}
    assert facts.excluded == {"period": 1, "category/HIV": 1}
    assert (facts.sent, facts.loaded) == (4, 2)
    lab.accept(name)
    certificate = lab.erase(name)
    assert ids(lab) == LOADED
    assert lab.target.tables["people"][0] == TAKEN
    assert nothing_left(lab)
    digest = lab.source_site.bodies(Act.ERASE.value, subject=name)[0]["document"]
    envelope = lab.source_site.documents.get(digest)
    assert (
        verify_document(envelope, type="erasure", keys=lab.source_site.agents, threshold=2).payload
        == certificate.encode()
    )


def test_killed_at_any_change_a_passage_loses_nothing_and_doubles_nothing() -> None:
    """Killed before any change it makes to the world, then run again: the same rows once, the same reasons, nothing left, one certificate."""
    place = 0
    while True:
        place += 1
        lab = Laboratory()
        lab.target.tables["people"].append(dict(TAKEN))
        lab.wire.arm(place, after=False)
        try:
            lab.run()
        except Killed:
            lab.wire.arm(0, after=False)
            name = lab.run()
            assert ids(lab) == LOADED, place
            assert nothing_left(lab), place
            assert acts(lab, name).count(Act.ERASE.value) == 1, place
            assert acts(lab, name).count(Act.RECONCILE.value) == 1, place
            body = lab.source_site.bodies("reconciliation.signed", subject=name)[-1]
            assert (body["unexplained"], body["failed"]) == (0, []), place
            dead = {event.subject for event in lab.source_site.journal.events() if event.act == KEY_DESTROYED}
            assert dead == {"parcel", f"{name}-rejects"}, place
        else:
            break
    assert place > 60


# --- what a run meets --------------------------------------------------------------------------------------------------------------


def test_a_refused_extraction_closes_its_gate(lab: Laboratory) -> None:
    """A code that nobody classified refuses the run before a row is sealed, and the gate is shut: once classified, another run can open it."""
    lab.tables["RES"].append(result(8, 1, ANA="???"))
    name = lab.begin()
    with pytest.raises(Refusal, match="codes/unclassified"):
        lab.extract(name)
    assert lab.source_site.migration(name).gate is None
    assert lab.source_site.spool.names(name) == []
    lab.tables["RES"].pop()
    assert lab.run() == name


def test_a_padded_code_is_not_taken_for_the_one_it_resembles() -> None:
    """A code with blanks at its end, read without trim, is another code: nobody classified it, so it cannot slip past its category."""
    lab = Laboratory()
    lab.tables["RES"].append(result(8, 1, ANA="VIH\t"))
    with pytest.raises(Refusal, match="codes/unclassified"):
        lab.extract(lab.begin())


def test_an_account_that_may_do_more_than_the_plan_is_refused(lab: Laboratory) -> None:
    """An account that can write the source is refused by name before the gate opens."""
    name = lab.begin()
    passage = prepare(lab.source_site, name, mapping=lab.old)
    source = lab.source
    powers = frozenset({Privilege("DELETE", "PAT")})
    source.privileges = lambda: powers  # type: ignore[method-assign]
    with pytest.raises(Refusal, match="source/account-exceeds") as said:
        extract_parcel(
            lab.source_site,
            passage,
            by=ENGINEER.id,
            connect=lambda: source,
            needed=lambda _plan, _source: frozenset(),
            checksum=CHECKSUM,
        )
    assert said.value.values["got"] == "DELETE PAT"
    assert Act.OPEN_SOURCE.value not in acts(lab, name)


def test_no_step_is_taken_out_of_turn(lab: Laboratory) -> None:
    """Each verb is refused in every state but its own."""
    name = lab.begin()
    for verb in (
        lab.load,
        lab.reconcile,
        lab.accept,
        lab.erase,
        lambda it: deposit(lab.source_site, it, by=ENGINEER.id),
    ):
        with pytest.raises(Refusal, match="migration/"):
            verb(name)
    advance(lab, name, MigrationState.EXTRACTED)
    with pytest.raises(Refusal, match="migration/not-now"):
        lab.extract(name)
    with pytest.raises(Refusal, match="migration/unknown"):
        prepare(lab.source_site, "m-none", mapping=lab.old)
    with pytest.raises(Refusal, match="migration/unknown"):
        receive(lab.target_site, "m-none", source="old-site")
    with pytest.raises(Refusal, match="migration/unknown"):
        lab.source_site.migration("m-none")
    advance(lab, name, MigrationState.HANDED_OVER)
    received = receive(lab.target_site, name, source="old-site")
    with pytest.raises(Refusal, match="migration/not-now"):
        replay_rejects(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new)


def test_a_migration_is_drafted_once(lab: Laboratory) -> None:
    """A second draft of one name is refused: it would make the ledger unreadable for ever."""
    name = lab.begin()
    with pytest.raises(Refusal, match="migration/not-now"):
        lab.source_site.record(Act.DRAFT.value, by=ENGINEER.id, subject=name, body={})
    with pytest.raises(Refusal, match="migration/unknown"):
        lab.source_site.record(Act.INSTRUCT.value, by=ENGINEER.id, subject="m-none", body={})


def test_only_who_may_does(lab: Laboratory) -> None:
    """The biologist cannot extract, the engineer cannot accept or revoke, and nobody is unknown."""
    with pytest.raises(Refusal, match="people/may-not"):
        accept(lab.target_site, "m", by=ENGINEER.id, key=KEYS[ENGINEER.id])
    with pytest.raises(Refusal, match="people/may-not"):
        revoke(
            lab.source_site,
            by=ENGINEER.id,
            key=KEYS[ENGINEER.id],
            instruction=lab.instruction,
            reason="assez de lettres",
        )
    with pytest.raises(Refusal, match="people/unknown"):
        lab.source_site.known("p-ffff")


def test_a_biologist_accepts_with_their_own_key(lab: Laboratory) -> None:
    """A signature by another known person's key is no acceptance by the biologist."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    with pytest.raises(Refusal, match="reconcile/nothing-to-accept"):
        lab.accept(name)
    lab.reconcile(name)
    with pytest.raises(Refusal, match="people/another-key"):
        accept(lab.target_site, name, by=BIOLOGIST.id, key=KEYS[ENGINEER.id])
    with pytest.raises(Refusal, match="people/another-key"):
        revoke(
            lab.source_site,
            by=BIOLOGIST.id,
            key=KEYS[SECOND.id],
            instruction=lab.instruction,
            reason="assez de lettres",
        )


def test_a_row_changed_in_the_target_is_found_and_cannot_be_accepted(lab: Laboratory) -> None:
    """One unit changed in the target is unexplained, and acceptance is refused until the two sides agree again."""
    name = lab.begin()
    advance(lab, name, MigrationState.LOADED)
    row = next(row for row in lab.target.tables["facts"] if row["id"] == "R4")
    row["unit"] = "g/L"
    found = lab.reconcile(name)
    assert found.unexplained > 0
    assert "result: values" in found.failed
    with pytest.raises(Refusal, match="reconcile/unexplained"):
        lab.accept(name)
    row["unit"] = "mmol/L"
    assert lab.reconcile(name).unexplained == 0
    lab.accept(name)


def test_only_the_signed_mapping_writes(lab: Laboratory) -> None:
    """The target is written by the very mapping that the instruction names."""
    name = lab.begin()
    advance(lab, name, MigrationState.HANDED_OVER)
    lab.new = lab.old
    with pytest.raises(Refusal, match="plan/mapping-differs"):
        lab.load(name, before={})
    assert lab.target_site.migration(name).gate is None


# --- what ends it before its end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [MigrationState.INSTRUCTED, MigrationState.EXTRACTED, MigrationState.DEPOSITED, MigrationState.LOADED],
)
def test_a_revoked_passage_only_leads_to_erasure(lab: Laboratory, state: MigrationState) -> None:
    """Revoked at any point, nothing goes on, and all that was made of it is destroyed with its keys."""
    name = lab.begin()
    advance(lab, name, state)
    assert revoke(
        lab.source_site,
        by=SECOND.id,
        key=KEYS[SECOND.id],
        instruction=lab.instruction,
        reason="Erreur de période.",
    ) == [name]
    for verb in (lab.extract, lab.load, lab.accept):
        with pytest.raises(Refusal, match=r"migration/(not-now|unknown)|instruction/revoked"):
            verb(name)
    with pytest.raises(Refusal, match="instruction/revoked"):
        lab.begin()
    if state is MigrationState.LOADED:
        with pytest.raises(Refusal, match="erase/rows-in-target"):
            lab.erase(name)
        received = receive(lab.target_site, name, source="old-site", to_take_out=True)
        assert roll_back(lab.target_site, received, by=ENGINEER.id, target=lab.target, mapping=lab.new, to=0)
    certificate = lab.erase(name)
    assert (certificate.why, certificate.in_target) == ("revoked", "none")
    assert nothing_left(lab)


def test_a_gate_left_open_by_a_killed_run_does_not_stop_an_erasure(lab: Laboratory) -> None:
    """Killed with the source open, then revoked: the gate is closed by the erasure, and the ledger says it was left open."""
    name = lab.begin()
    lab.wire.arm(4, after=False)
    with pytest.raises(Killed):
        lab.extract(name)
    lab.wire.arm(0, after=False)
    assert lab.source_site.migration(name).gate == "source"
    revoke(
        lab.source_site,
        by=BIOLOGIST.id,
        key=KEYS[BIOLOGIST.id],
        instruction=lab.instruction,
        reason="Erreur de période.",
    )
    lab.erase(name)
    assert acts(lab, name)[-5:] == [
        Act.REVOKE.value,
        Act.CLOSE_SOURCE.value,
        PLACES_ERASED,
        PLACES_ERASED,
        Act.ERASE.value,
    ]
    assert nothing_left(lab)


def test_time_ends_a_passage(lab: Laboratory) -> None:
    """Past its time to live a passage expires, and is erased though the key's certificate is over too; a draft ends with its instruction."""
    name, idle = lab.begin(), lab.begin()
    advance(lab, name, MigrationState.DEPOSITED)
    assert expire_due(lab.source_site, by=ENGINEER.id) == []
    lab.time += timedelta(days=14)
    with pytest.raises(Refusal, match="parcel/expired"):
        lab.step(name)
    assert expire_due(lab.source_site, by=ENGINEER.id) == [name]
    lab.time += timedelta(days=10)
    assert expire_due(lab.source_site, by=ENGINEER.id) == [idle]
    assert lab.erase(name).why == "expired"
    assert lab.erase(idle).why == "expired"
    assert nothing_left(lab)


def test_a_restored_key_is_buried_again(lab: Laboratory) -> None:
    """A key that a backup brought back is destroyed at the next start, and the ledger says so."""
    kept = lab.target_site.keys.identity("parcel")
    name = lab.run()
    lab.target_site.keys.held["parcel"] = kept  # type: ignore[attr-defined]
    assert bury(lab.source_site, by=ENGINEER.id) == []
    assert bury(lab.target_site, by=ENGINEER.id) == ["parcel"]
    assert lab.target_site.keys.names() == []
    assert lab.source_site.journal.events()[-1].act == "key.resurrected"
    assert lab.state(name) is MigrationState.ERASED


def test_the_parcels_key_lives_as_long_as_a_migration_needs_it(lab: Laboratory) -> None:
    """With two passages under one instruction, the first erasure keeps the key that the second parcel is sealed to."""
    first, second = lab.begin(), lab.begin()
    for name in (first, second):
        advance(lab, name, MigrationState.EXTRACTED)
    advance(lab, first, MigrationState.ERASED)
    assert "parcel" in lab.target_site.keys.names()
    revoke(
        lab.source_site,
        by=BIOLOGIST.id,
        key=KEYS[BIOLOGIST.id],
        instruction=lab.instruction,
        reason="Erreur de période.",
    )
    lab.erase(second)
    assert nothing_left(lab)
