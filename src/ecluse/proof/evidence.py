"""Verify a ledger from files alone: every entry and body hashed again, every head and cosignature judged.

Layout: `ledger/entries.jsonl` (one leaf a line), `ledger/bodies.jsonl` (seq, salt and body of what was not forgotten), `ledger/checkpoints` (signed
notes) and `ledger/policy.json` (log key, witness keys, quorum). Heads are never trusted alone: the root is rebuilt from the entries. Reads as a
stream. This module decides whether the files are one whole, signed history; what the entries may say is judged by the steps built on top.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import BinaryIO, Final, Protocol, TypeAlias

from ecluse.base.refusal import Refusal
from ecluse.base.words import say
from ecluse.proof.canonical import canonical_json, strict_json
from ecluse.proof.entry import Entry, commitment_to, fields_of
from ecluse.proof.ledger import Row, Told
from ecluse.proof.note import (
    COSIGNER,
    LOG,
    Checkpoint,
    Cosigned,
    NoteKey,
    join_notes,
    split_notes,
    verify_checkpoint,
    verify_cosignature,
)
from ecluse.proof.tree import Frontier, leaf_hash

__all__ = [
    "KO",
    "OK",
    "SKIPPED",
    "Open",
    "Policy",
    "Said",
    "Skipped",
    "Step",
    "export_ledger",
    "held",
    "ledger_steps",
    "run_steps",
    "verify_ledger",
]

OK: Final = "OK"
KO: Final = "KO"
SKIPPED: Final = "SKIPPED"
ENTRIES: Final = "ledger/entries.jsonl"
BODIES: Final = "ledger/bodies.jsonl"
CHECKPOINTS: Final = "ledger/checkpoints"
POLICY: Final = "ledger/policy.json"

Open: TypeAlias = Callable[[str], BinaryIO]
"""Opens a file of the bundle by its name; raises KeyError when it is not there."""

_BODY: Final = re.compile(rb'\{"seq":(0|[1-9][0-9]{0,15}),"salt":"([0-9a-f]{64})","body":(\{.*\})\}\n')
_LONGEST: Final = 1 << 17  # octets of a line: a body of 64 KiB and its salt fit


class Said:
    """What a step found, as a sentence of the catalogue `verify` and what fills it: counts and places, never a body."""

    __slots__ = ("key", "values")

    def __init__(self, key: str, /, **values: object) -> None:
        self.key, self.values = key, values

    def message(self, language: str = "en") -> str:
        """The sentence in `language`; a value that is written in both languages is given in this one."""
        values = {
            name: value[language] if isinstance(value, Mapping) else value
            for name, value in self.values.items()
        }
        return say(f"verify.{self.key}", language, **values)


class Skipped(Exception):
    """A step had nothing to examine: never the same as OK."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key)
        self.said = Said(key, **values)


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step of the verification; `said` is what it examined, or the Refusal by which it is KO."""

    number: int
    name: str
    outcome: str
    said: Said | Refusal

    @property
    def detail(self) -> str:
        """What was found, in English."""
        return self.said.message("en")

    @property
    def examined(self) -> int:
        """How many things were examined; 0 when the step is not OK."""
        count = self.said.values.get("examined", 0) if self.outcome == OK else 0
        return count if isinstance(count, int) else 0

    def title(self, language: str) -> str:
        """What the step verifies, in `language`."""
        return say(f"verify.step_{self.name.replace(' ', '_')}", language)


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose signatures are believed: the log's key, the witnesses' keys, and how many witnesses must have seen the newest head."""

    log: NoteKey
    witnesses: tuple[NoteKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        kinds = {witness.kind for witness in self.witnesses} | {COSIGNER}
        distinct = {witness.key for witness in self.witnesses}
        if (
            self.log.kind != LOG
            or kinds != {COSIGNER}
            or not 0 <= self.quorum <= len(distinct) == len(self.witnesses)
        ):
            raise Refusal("ledger/policy-malformed")

    @classmethod
    def parse(cls, octets: bytes) -> Policy:
        """From its JSON. Raises Refusal `ledger/policy-malformed`, `ledger/note-key-malformed`, `sign/json-malformed`."""
        match strict_json(octets):
            case {"log": str(log), "quorum": int(quorum), "witnesses": list(witnesses), **more} if not more:
                return cls(NoteKey.parse(log), tuple(NoteKey.parse(str(each)) for each in witnesses), quorum)
        raise Refusal("ledger/policy-malformed")

    def encode(self) -> bytes:
        """Its JSON."""
        return canonical_json(
            {
                "log": self.log.encode(),
                "quorum": self.quorum,
                "witnesses": [each.encode() for each in self.witnesses],
            }
        )


class Exported(Protocol):
    """A ledger as a bundle takes it: `ledger.Ledger`, or a copy of one kept elsewhere."""

    @property
    def log(self) -> NoteKey:
        """The key that signs its heads."""

    def checkpoint(self) -> bytes:
        """See `Ledger.checkpoint`."""
        ...

    def checkpoints(self) -> Iterator[bytes]:
        """See `Ledger.checkpoints`."""
        ...

    def history(self) -> Iterator[Told]:
        """See `Ledger.history`."""
        ...

    def rows(self) -> Iterator[Row]:
        """See `Ledger.rows`."""
        ...


def export_ledger(
    ledger: Exported, *, witnesses: Sequence[NoteKey] = (), quorum: int = 0
) -> dict[str, bytes]:
    """The four files of `ledger`, by name."""
    entries, bodies = io.BytesIO(), io.BytesIO()
    notes = list(ledger.checkpoints()) or [ledger.checkpoint()]
    for row in ledger.rows():
        entries.write(row.leaf + b"\n")
        if row.salt is not None and row.body is not None:
            bodies.write(b'{"seq":%d,"salt":"%b","body":%b}\n' % (row.seq, row.salt.hex().encode(), row.body))
    return {
        ENTRIES: entries.getvalue(),
        BODIES: bodies.getvalue(),
        CHECKPOINTS: join_notes(notes),
        POLICY: Policy(ledger.log, tuple(witnesses), quorum).encode(),
    }


def held(files: Mapping[str, bytes]) -> Open:
    """Files held in memory, as `verify_ledger` opens them."""
    return lambda name: io.BytesIO(files[name])


def verify_ledger(opened: Open, *, policy: Policy | None = None, first: int = 1) -> list[Step]:
    """The steps, numbered from `first`, each OK, KO, or SKIPPED when an earlier one took away what it needs. Never raises for bad evidence.

    `policy` is the verifier's own; without it the bundle's is used, which proves only that the bundle agrees with itself.
    """
    found = _Found(policy=policy)
    return run_steps([(name, partial(verb, opened, found)) for name, verb in _STEPS], first=first)


def ledger_steps() -> dict[str, str]:
    """The steps of `verify_ledger` in order: what each holds, by its name."""
    return {name: verb.__doc__ or "" for name, verb in _STEPS}


def run_steps(steps: Iterable[tuple[str, Callable[[], Said]]], *, first: int) -> list[Step]:
    """Each step by its name, numbered from `first`: OK with what it says, SKIPPED when it raises `Skipped`, KO when it refuses or lacks a file."""
    judged: list[Step] = []
    for number, (name, verb) in enumerate(steps, start=first):
        try:
            judged.append(Step(number, name, OK, verb()))
        except KeyError:
            judged.append(Step(number, name, KO, Said("file_lacking")))
        except Refusal as refusal:
            judged.append(Step(number, name, KO, refusal))
        except Skipped as skipped:
            judged.append(Step(number, name, SKIPPED, skipped.said))
    return judged


@dataclass(slots=True)
class _Found:
    """What the steps learn from each other."""

    policy: Policy | None
    notes: list[tuple[bytes, Checkpoint]] = field(default_factory=list)
    roots: dict[int, bytes] = field(default_factory=dict)
    size: int | None = None


def _check_policy(opened: Open, found: _Found) -> Said:
    """The policy names the log's key, the witnesses' keys and a quorum that they can meet."""
    said = "policy_given"
    if found.policy is None:
        found.policy = Policy.parse(_whole(opened, POLICY))
        said = "policy_of_the_bundle"
    return Said(
        said,
        fingerprint=found.policy.log.key.fingerprint(),
        quorum=found.policy.quorum,
        examined=1 + len(found.policy.witnesses),
    )


def _check_heads(opened: Open, found: _Found) -> Said:
    """Each head is signed by the log's key, and there is at least one."""
    if found.policy is None:
        raise Skipped("no_policy")
    heads = [
        (note, verify_checkpoint(note, log=found.policy.log))
        for note in split_notes(_whole(opened, CHECKPOINTS))
    ]
    if not heads:
        raise Refusal("ledger/evidence-lacking", where=CHECKPOINTS)
    found.notes = heads
    return Said("heads_signed", examined=len(heads), size=max(head.size for _, head in heads))


def _check_entries(opened: Open, found: _Found) -> Said:
    """Each entry is written in the one way, numbered without a gap, and never earlier than the one before."""
    wanted = {head.size for _, head in found.notes}
    edge, time = Frontier(), b""
    with opened(ENTRIES) as file:
        for line in _lines(file, ENTRIES):
            if edge.size in wanted:
                found.roots[edge.size] = edge.root()
            leaf = line[:-1]
            _, _, _, seq, _, said = fields_of(leaf)
            if seq != b"%d" % edge.size or said < time:  # written in one way, instants compare as text
                raise Refusal("ledger/evidence-order", where=ENTRIES, line=edge.size + 1)
            if said != time:
                Entry.parse(leaf)  # the calendar has it
                time = said
            edge.append(leaf_hash(leaf))
    found.roots[edge.size] = edge.root()
    found.size = edge.size
    return Said("entries_hashed", examined=edge.size)


def _check_roots(_opened: Open, found: _Found) -> Said:
    """Each signed head equals the root rebuilt from the entries, and the newest covers them all."""
    if found.size is None or not found.notes:
        raise Skipped("no_entries_or_heads")
    newest = max(head.size for _, head in found.notes)
    if newest != found.size:
        raise Refusal("ledger/evidence-cut", got=found.size, expected=newest)
    if any(found.roots[head.size] != head.root for _, head in found.notes):
        raise Refusal("ledger/altered")
    return Said("heads_equal", examined=len(found.notes))


def _check_bodies(opened: Open, found: _Found) -> Said:
    """Each body with its salt has the digest that its entry commits to."""
    if found.size is None:
        raise Skipped("no_entries")
    told = 0
    with opened(ENTRIES) as entries, opened(BODIES) as bodies:
        leaves = _lines(entries, ENTRIES)
        seq = -1
        for told, line in enumerate(_lines(bodies, BODIES), start=1):
            match = _BODY.fullmatch(line)
            if match is None or int(match[1]) <= seq or int(match[1]) >= found.size:
                raise Refusal("ledger/evidence-order", where=BODIES, line=told)
            leaf, seq = next(islice(leaves, int(match[1]) - seq - 1, None)), int(match[1])
            _, _, commitment, _, _, _ = fields_of(leaf[:-1])
            if commitment_to(match[3], salt=bytes.fromhex(match[2].decode())).encode() != commitment:
                raise Refusal("ledger/body-altered", seq=seq)
    return Said("bodies_equal", examined=told, forgotten=found.size - told)


def _check_witnesses(_opened: Open, found: _Found) -> Said:
    """As many witnesses as the policy asks for cosigned the newest head."""
    if found.policy is None or not found.notes:
        raise Skipped("no_head_or_policy")
    if not found.policy.quorum:
        raise Skipped("no_quorum")
    newest = max(head.size for _, head in found.notes)
    seen = {
        cosigned.name: cosigned.at.isoformat()
        for note, head in found.notes
        if head.size == newest
        for witness in found.policy.witnesses
        for cosigned in _cosigned(note, witness)
    }
    if len(seen) < found.policy.quorum:
        raise Refusal("ledger/evidence-unwitnessed", got=len(seen), expected=found.policy.quorum)
    return Said(
        "witnesses_saw",
        examined=len(seen),
        who=", ".join(f"{name} ({at})" for name, at in sorted(seen.items())),
    )


_STEPS: Final = (
    ("policy", _check_policy),
    ("signed heads", _check_heads),
    ("entries", _check_entries),
    ("heads against entries", _check_roots),
    ("bodies", _check_bodies),
    ("witnesses", _check_witnesses),
)
"""The order in which a ledger is verified, the same in the specification, here and in the output."""


def _cosigned(note: bytes, witness: NoteKey) -> Iterator[Cosigned]:
    """The witness's cosignature, when it is there and holds."""
    with suppress(Refusal):
        yield verify_cosignature(note, witness=witness)


def _whole(opened: Open, name: str) -> bytes:
    with opened(name) as file:
        return file.read()


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    number = 0
    while line := file.readline(_LONGEST):
        number += 1
        if not line.endswith(b"\n"):
            raise Refusal("ledger/evidence-order", where=name, line=number)
        yield line
