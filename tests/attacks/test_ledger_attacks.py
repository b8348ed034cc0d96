"""Whoever holds the ledger's database, its key or a backup tries to rewrite history; the witness and the verifier tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from ecluse.base.refusal import Refusal
from ecluse.proof.evidence import (
    BODIES,
    CHECKPOINTS,
    ENTRIES,
    KO,
    OK,
    POLICY,
    SKIPPED,
    Policy,
    export_ledger,
    held,
    verify_ledger,
)
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.note import Checkpoint, cosign, join_notes, sign_checkpoint, split_notes
from ecluse.proof.tree import consistency_proof, leaf_hash, nodes_of, root
from ecluse.proof.witness import Witness
from tests.ports.memory_records import MemoryRecords, MemoryWitness

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY, WITNESS_KEY, STRANGER = (SigningKey.from_seed(letter * 32) for letter in (b"l", b"w", b"x"))
ORIGIN = "ecluse.example/lab-1"


def append(ledger: Ledger, number: int) -> None:
    """One entry more."""
    ledger.append(
        at=NOON + timedelta(minutes=number), by="p/1", subject="m/1", act="watched", body={"n": number}
    )


def witnessed(count: int = 6) -> tuple[Ledger, Witness]:
    """A ledger of `count` entries whose last head a witness cosigned, after an earlier one."""
    ledger = Ledger(MemoryRecords(), origin=ORIGIN, key=KEY)
    witness = Witness(MemoryWitness(), name=f"{ORIGIN}/witness", key=WITNESS_KEY)
    for number in range(count):
        append(ledger, number)
        if number in (2, count - 1):
            proof = ledger.consistency(3, count) if number > 2 else []
            ledger.keep(witness.cosign(ledger.checkpoint(), proof, log=ledger.log, at=NOON))
    return ledger, witness


def bundle() -> dict[str, bytes]:
    """The exported files of a witnessed ledger, one body forgotten."""
    ledger, witness = witnessed()
    ledger.forget(1)
    return export_ledger(ledger, witnesses=[witness.public], quorum=1)


def outcomes(files: dict[str, bytes], policy: Policy | None = None) -> dict[str, str]:
    """Each step's outcome by its name."""
    return {step.name: step.outcome for step in verify_ledger(held(files), policy=policy)}


def lines(octets: bytes) -> list[bytes]:
    """The lines of a file, with their ends."""
    return octets.splitlines(keepends=True)


def signed_again(leaves: list[bytes]) -> bytes:
    """The head of other entries, signed with the ledger's own, stolen key."""
    hashes = [leaf_hash(leaf) for leaf in leaves]
    return sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root(nodes_of(hashes), len(leaves))), key=KEY)


def test_an_untouched_ledger_verifies() -> None:
    """Every step of an untouched ledger is OK and numbered from 1, and a forgotten body is counted, not refused."""
    steps = verify_ledger(held(bundle()))
    assert [(step.number, step.outcome) for step in steps] == [(number, OK) for number in range(1, 7)]
    details = {step.name: step.detail for step in steps}
    assert details["bodies"] == "5 bodies are the ones appended, 1 forgotten"
    assert "compare its fingerprint" in details["policy"]
    assert (
        "given by the verifier"
        in verify_ledger(held(bundle()), policy=Policy.parse(bundle()[POLICY]))[0].detail
    )


def test_an_empty_ledger_verifies() -> None:
    """A ledger without entry has a signed head over nothing, and no witness to ask for."""
    said = outcomes(export_ledger(Ledger(MemoryRecords(), origin=ORIGIN, key=KEY)))
    assert said.pop("witnesses") == SKIPPED
    assert set(said.values()) == {OK}


def drop_newest(files: dict[str, bytes]) -> None:
    """Cuts the newest entry and its body."""
    files[ENTRIES] = b"".join(lines(files[ENTRIES])[:-1])
    files[BODIES] = b"".join(lines(files[BODIES])[:-1])


def add_unsigned(files: dict[str, bytes]) -> None:
    """Adds an entry that no head signs."""
    last = lines(files[ENTRIES])[-1]
    files[ENTRIES] += last.replace(b'"seq":5', b'"seq":6')


def swap_entries(files: dict[str, bytes]) -> None:
    """Exchanges two entries."""
    first, second, *rest = lines(files[ENTRIES])
    files[ENTRIES] = b"".join([second, first, *rest])


def turn_back_time(files: dict[str, bytes]) -> None:
    """Makes an entry earlier than the one before it."""
    files[ENTRIES] = files[ENTRIES].replace(b"12:03:00Z", b"11:03:00Z")


def rename_person(files: dict[str, bytes]) -> None:
    """Says that another person acted."""
    files[ENTRIES] = files[ENTRIES].replace(b'"by":"p/1"', b'"by":"p/2"')


def alter_body(files: dict[str, bytes]) -> None:
    """Changes one octet of a body."""
    files[BODIES] = files[BODIES].replace(b'"n":4', b'"n":7')


def swap_bodies(files: dict[str, bytes]) -> None:
    """Exchanges two bodies, each with its salt."""
    text = files[BODIES]
    files[BODIES] = (
        text.replace(b'{"seq":2', b'{"seq":X')
        .replace(b'{"seq":3', b'{"seq":2')
        .replace(b'{"seq":X', b'{"seq":3')
    )


def double_body(files: dict[str, bytes]) -> None:
    """Gives one entry two bodies."""
    files[BODIES] += lines(files[BODIES])[-1]


def body_of_nothing(files: dict[str, bytes]) -> None:
    """Adds a body whose entry does not exist."""
    files[BODIES] += lines(files[BODIES])[-1].replace(b'"seq":5', b'"seq":6')


def unfinished_line(files: dict[str, bytes]) -> None:
    """Cuts the file in the middle of a line."""
    files[ENTRIES] = files[ENTRIES][:-1]


def no_heads(files: dict[str, bytes]) -> None:
    """Removes every head."""
    files[CHECKPOINTS] = b""


def heads_by_a_stranger(files: dict[str, bytes]) -> None:
    """Signs the head with another key."""
    files[CHECKPOINTS] = sign_checkpoint(Checkpoint(ORIGIN, 6, bytes(32)), key=STRANGER)


def strip_witness(files: dict[str, bytes]) -> None:
    """Removes the witness's lines from the heads."""
    kept = [line for line in lines(files[CHECKPOINTS]) if b"/witness " not in line]
    files[CHECKPOINTS] = b"".join(kept)


def forge_witness(files: dict[str, bytes]) -> None:
    """Puts a line under the witness's name, made with another key."""
    strip_witness(files)
    first, rest = files[CHECKPOINTS].split(b"\n\n", 1)
    signature = rest.split(b"\n", 1)[0]
    files[CHECKPOINTS] = cosign(
        first + b"\n\n" + signature + b"\n", name=f"{ORIGIN}/witness", key=STRANGER, at=NOON
    )


def no_policy(files: dict[str, bytes]) -> None:
    """Removes the policy."""
    del files[POLICY]


def empty_policy(files: dict[str, bytes]) -> None:
    """Asks for two witnesses and names one."""
    files[POLICY] = json.dumps({**json.loads(files[POLICY]), "quorum": 2}).encode()


def other_policy(files: dict[str, bytes]) -> None:
    """Adds a field to the policy."""
    files[POLICY] = json.dumps({**json.loads(files[POLICY]), "trust": True}).encode()


@pytest.mark.parametrize(
    ("attack", "step"),
    [
        (drop_newest, "heads against entries"),
        (add_unsigned, "heads against entries"),
        (swap_entries, "entries"),
        (turn_back_time, "entries"),
        (rename_person, "heads against entries"),
        (alter_body, "bodies"),
        (swap_bodies, "bodies"),
        (double_body, "bodies"),
        (body_of_nothing, "bodies"),
        (unfinished_line, "entries"),
        (no_heads, "signed heads"),
        (heads_by_a_stranger, "signed heads"),
        (strip_witness, "witnesses"),
        (forge_witness, "witnesses"),
        (no_policy, "policy"),
        (empty_policy, "policy"),
        (other_policy, "policy"),
    ],
)
def test_a_touched_bundle_does_not_verify(attack: Callable[[dict[str, bytes]], None], step: str) -> None:
    """Each way to touch the exported ledger turns the step that guards against it to KO, and raises nothing."""
    files = bundle()
    attack(files)
    assert outcomes(files)[step] == KO


def test_steps_without_object_are_skipped() -> None:
    """When entries or heads cannot be read, the steps that need them say SKIPPED, never OK."""
    files = bundle()
    unfinished_line(files)
    no_policy(files)
    assert list(outcomes(files).values()) == [KO, SKIPPED, KO, SKIPPED, SKIPPED, SKIPPED]


def test_a_policy_that_cannot_be_met_is_refused() -> None:
    """A policy counts distinct witnesses, each with a witness's key, and the log with a log's."""
    ledger, witness = witnessed()
    for log, witnesses, quorum in (
        (witness.public, (), 0),
        (ledger.log, (ledger.log,), 0),
        (ledger.log, (witness.public, replace(witness.public, name="again")), 2),
        (ledger.log, (), -1),
    ):
        with pytest.raises(Refusal, match="policy-malformed"):
            Policy(log, witnesses, quorum)


def test_newest_entries_cut_with_the_key_are_seen_by_the_verifier_of_a_witness() -> None:
    """An operator who cuts the newest entries and signs anew is told by the verifier's own policy: no witness saw that head."""
    files = bundle()
    policy = Policy.parse(files[POLICY])
    drop_newest(files)
    files[CHECKPOINTS] = signed_again([line[:-1] for line in lines(files[ENTRIES])])
    assert outcomes(files, policy) == {
        "policy": OK,
        "signed heads": OK,
        "entries": OK,
        "heads against entries": OK,
        "bodies": OK,
        "witnesses": KO,
    }


def test_history_rewritten_with_the_key_contradicts_kept_heads() -> None:
    """An operator who rewrites an entry and signs a new head, but keeps an older cosigned one, is told by the older one."""
    files = bundle()
    rename_person(files)
    leaves = [line[:-1] for line in lines(files[ENTRIES])]
    files[CHECKPOINTS] = join_notes([signed_again(leaves), *split_notes(files[CHECKPOINTS])])
    assert outcomes(files)["heads against entries"] == KO


def test_a_witness_refuses_a_smaller_tree() -> None:
    """A ledger restored from a backup, or cut, is refused by the witness at start and at the next head."""
    ledger, witness = witnessed(6)
    cut = Ledger(MemoryRecords(), origin=ORIGIN, key=KEY)
    for number in range(4):
        append(cut, number)
    for attempt in (
        lambda: witness.check_start(cut.checkpoint(), log=ledger.log),
        lambda: witness.cosign(cut.checkpoint(), [], log=ledger.log, at=NOON),
    ):
        with pytest.raises(Refusal, match="rolled-back"):
            attempt()


def test_a_witness_refuses_a_fork() -> None:
    """Another history of the same or a larger size is refused, whatever proof comes with it."""
    ledger, witness = witnessed(6)
    fork = Ledger(MemoryRecords(), origin=ORIGIN, key=KEY)
    for number in range(6):
        append(fork, number)  # the same acts: their salts differ
    with pytest.raises(Refusal, match="forked"):
        witness.check_start(fork.checkpoint(), log=ledger.log)
    with pytest.raises(Refusal, match="forked"):
        witness.cosign(fork.checkpoint(), [], log=ledger.log, at=NOON)
    append(fork, 7)
    for proof in (fork.consistency(6, 7), ledger.consistency(3, 6), []):
        with pytest.raises(Refusal, match="forked"):
            witness.cosign(fork.checkpoint(), proof, log=ledger.log, at=NOON)


def test_a_witness_refuses_another_log_s_head() -> None:
    """A head that the log did not sign is refused before anything is compared or stored."""
    ledger, witness = witnessed(6)
    stranger = Ledger(MemoryRecords(), origin=ORIGIN, key=STRANGER)
    append(stranger, 0)
    with pytest.raises(Refusal, match="note-not-signed"):
        witness.cosign(stranger.checkpoint(), [], log=ledger.log, at=NOON)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    """A file that is one endless line is refused after a bounded read."""
    files = bundle()
    read = 0

    class Counted(BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            line = super().readline(size)
            read += len(line)
            return line

    def opened(name: str) -> BytesIO:
        return Counted(b"x" * (4 << 20)) if name == ENTRIES else BytesIO(files[name])

    assert {step.name: step.outcome for step in verify_ledger(opened)}["entries"] == KO
    assert read < 1 << 20


def test_consistency_cannot_be_faked_from_the_fork_s_own_nodes() -> None:
    """A proof made honestly inside a forked tree proves nothing about the tree that the witness saw."""
    ledger, witness = witnessed(6)
    leaves = [b"forged %d" % number for number in range(9)]
    proof = consistency_proof(nodes_of([leaf_hash(leaf) for leaf in leaves]), 6, 9)
    with pytest.raises(Refusal, match="forked"):
        witness.cosign(signed_again(leaves), proof, log=ledger.log, at=NOON)
