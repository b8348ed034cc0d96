"""What an inspector's bundle tells, read once: the acts, the documents by digest, and whose keys they are.

Decides how the ledger's entries, the documents and the certificates of a bundle are found and read; `warrant` and `tracing` judge them. Only what was
already hashed again by `verify_ledger` is read here, so the times and names of entries are believed, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import EXCHANGE_ACTS, INSTRUCTION_SIGNED, KEY_DESTROYED, KEY_RESURRECTED
from ecluse.passage.migration import Act, Migration
from ecluse.passage.parcel import Manifest
from ecluse.people.person import Person, may
from ecluse.people.role import Permission
from ecluse.proof.bundle import Bundle
from ecluse.proof.canonical import Json, strict_json
from ecluse.proof.entry import fields_of
from ecluse.proof.evidence import BODIES, ENTRIES
from ecluse.proof.keycert import Keycert
from ecluse.proof.keys import VerifyKey
from ecluse.proof.sign import PublicKey, Verified, verify_document
from ecluse.proof.trust import Trust
from ecluse.terms import agreement as agreements
from ecluse.terms import codes
from ecluse.terms import instruction as instructions
from ecluse.terms.agreement import Agreement
from ecluse.terms.document import read
from ecluse.terms.instruction import Instruction
from ecluse.terms.vocabulary import vocabulary

__all__ = ["RUNS", "Dossier", "Noted", "Run"]

RUNS: Final = frozenset({Act.INSTRUCT.value, Act.OPEN_SOURCE.value, Act.OPEN_TARGET.value})
"""The acts before which the lock asks for everything that authorises a run."""

_JUDGED: Final = frozenset(
    act.encode() for act in (*(act.value for act in Act), KEY_DESTROYED, KEY_RESURRECTED)
)
_SECOND: Final = timedelta(seconds=1, microseconds=-1)
_EXCHANGE: Final = tuple(act.encode() for act in EXCHANGE_ACTS)
_EXPIRED: Final = Act.EXPIRE.value.encode()
_NAMES_A_DIGEST: Final = b'"sha256:'
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Noted:
    """One entry that matters here; `body` is None once forgotten."""

    seq: int
    time: datetime
    by: str
    subject: str
    act: str
    body: Mapping[str, Json] | None = field(hash=False)

    def text(self, what: str) -> str:
        """A text of the body. Raises Refusal `bundle/entry-unreadable`."""
        found = (self.body or {}).get(what)
        if not isinstance(found, str):
            raise Refusal("bundle/entry-unreadable", seq=self.seq, act=self.act, what=what)
        return found

    def number(self, what: str) -> int:
        """A whole number of the body. Raises Refusal `bundle/entry-unreadable`."""
        found = (self.body or {}).get(what)
        if not isinstance(found, int) or isinstance(found, bool):
            raise Refusal("bundle/entry-unreadable", seq=self.seq, act=self.act, what=what)
        return found

    def at(self, not_before: datetime) -> datetime:
        """The entry's instant as held against a beginning: entries count whole seconds, so that it may be later within its own."""
        return min(max(self.time, not_before), self.time + _SECOND)


@dataclass(frozen=True, slots=True)
class Run:
    """One act of a migration under a known instruction."""

    noted: Noted
    digest: str
    ordered: Instruction


@dataclass(slots=True)
class Dossier:
    """The bundle, and what the steps learned from it so far."""

    bundle: Bundle
    trust: Trust | None
    noted: list[Noted] = field(default_factory=list)
    actors: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    entries: int = 0
    last: datetime | None = None
    forgotten: int = 0
    roots: dict[str, VerifyKey] = field(default_factory=dict)
    people: dict[str, tuple[Person, Keycert]] = field(default_factory=dict)
    passkeys: dict[str, tuple[Keycert, ...]] = field(default_factory=dict)
    agents: dict[str, Keycert] = field(default_factory=dict)
    migrations: dict[str, Migration] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    _read: dict[object, object] = field(default_factory=dict)

    @classmethod
    def of(cls, bundle: Bundle, *, trust: Trust | None) -> Dossier:
        """Reads the ledger's files, which were verified. Raises Refusal `ledger/entry-malformed`, `sign/json-malformed`."""
        found = cls(bundle, trust)
        with bundle.open(ENTRIES) as entries, bundle.open(BODIES) as bodies:
            waiting = bodies.readline()
            for line in entries:
                act, by, _, seq, subject, said = fields_of(line[:-1])
                body = b""
                if waiting.startswith(b'{"seq":%b,' % seq):
                    body, waiting = waiting, bodies.readline()
                time, actor = datetime.fromisoformat(said.decode()), by.decode()
                if not _of_exchange(act, by):
                    found.actors[actor] = found.actors.get(actor, (time, time))[0], time
                found.entries, found.last = found.entries + 1, time
                found.forgotten += not body
                if act in _JUDGED or not body or _NAMES_A_DIGEST in body:
                    found.noted.append(
                        Noted(int(seq), time, actor, subject.decode(), act.decode(), _told(body))
                    )
        return found

    def of_act(self, *acts: str) -> Iterator[Noted]:
        """The entries of these acts whose bodies are not forgotten, in order."""
        return (noted for noted in self.noted if noted.act in acts and noted.body is not None)

    def instruction_of(self, migration: str) -> str | None:
        """The digest of the instruction a migration was drafted under; None when that was forgotten."""
        drafted = self._once(
            "drafted",
            lambda: {noted.subject: noted.text("instruction") for noted in self.of_act(Act.DRAFT.value)},
        )
        return drafted.get(migration)

    def runs(self, *acts: str) -> Iterator[Run]:
        """These acts of migrations, each with its instruction verified, but for those whose drafting was forgotten."""
        for noted in self.noted:
            digest = self.instruction_of(noted.subject) if noted.act in acts else None
            if digest is not None:
                yield Run(noted, digest, self.instruction(digest)[0])

    def envelope(self, digest: str) -> bytes:
        """A document. Raises Refusal `bundle/document-lacking`."""
        name = f"documents/{digest.removeprefix('sha256:')}.dsse.json"
        if name not in self.bundle.sizes:
            raise Refusal("bundle/document-lacking", where=digest)
        return self.bundle.read(name)

    def signed(
        self, digest: str, *, type: str, at: datetime, threshold: int = 1
    ) -> tuple[Verified, tuple[Person, ...]]:
        """A document and the persons who signed it, whose certificates hold at `at`. Raises Refusal `sign/...`, `bundle/document-...`."""
        keys: dict[str, PublicKey] = {}
        holders: dict[str, str] = {}
        for name, cert, key in self.certified_keys():
            if cert.not_before <= at < cert.not_after:
                keys[cert.key], holders[cert.key] = key, name
        verified = verify_document(self.envelope(digest), type=type, keys=keys, threshold=threshold)
        if verified.digest != digest:
            raise Refusal("bundle/document-altered", where=digest)
        signers = dict.fromkeys(holders[key] for key in verified.signers)
        return verified, tuple(self.people[name][0] for name in signers)

    def certified_keys(self) -> Iterator[tuple[str, Keycert, PublicKey]]:
        """Every key by which a person signs, key files and passkeys, each with its certificate and whose it is."""
        for name, (_, cert) in self.people.items():
            yield name, cert, cert.verify_key()
            for passkey in self.passkeys.get(name, ()):
                yield name, passkey, passkey.passkey()

    def signed_at(self, act: str, digest: str) -> Noted | None:
        """The first entry of this act that names the document."""
        first = self._once(
            ("first", act),
            lambda: {noted.text("document"): noted for noted in reversed(list(self.of_act(act)))},
        )
        return first.get(digest)

    def in_force(self, run: Noted, *, act: str, digest: str, what: str) -> Noted:
        """The entry by which a document came into force, before `run`. Raises Refusal `bundle/not-in-force`."""
        signed = self.signed_at(act, digest)
        if signed is None or signed.seq > run.seq:
            raise Refusal("bundle/not-in-force", seq=run.seq, what=what, where=digest)
        return signed

    def instruction(self, digest: str) -> tuple[Instruction, tuple[Person, ...]]:
        """An instruction and who signed it. Raises Refusal `sign/...`, `instruction/...`, `bundle/document-...`."""
        return self._once(("instruction", digest), partial(self._instruction, digest))

    def agreement(self, digest: str, *, at: datetime) -> Agreement:
        """An agreement signed by both parties, complete and in force at `at`. Raises Refusal `sign/...`, `agreement/...`."""
        payload = self._once(("agreement", digest), partial(self._agreement, digest, at))
        day = at.replace(hour=12, minute=0, second=0, microsecond=0)  # its mentions speak of days
        return self._once(
            ("agreement", digest, day), lambda: agreements.parse(payload, at=day, vocabulary=vocabulary())
        )

    def codes(self, digest: str, *, at: datetime) -> int:
        """How many codes a classification signed by a biologist holds. Raises Refusal `sign/...`, `codes/...`."""
        return self._once(("codes", digest), partial(self._codes, digest, at))

    def code_map(self, digest: str, *, at: datetime) -> int:
        """How many decisions a code map signed by one who may holds. Raises Refusal `sign/...`, `codes/map-not-signed`, `document/...`."""
        return self._once(("code-map", digest), partial(self._code_map, digest, at))

    def _instruction(self, digest: str) -> tuple[Instruction, tuple[Person, ...]]:
        signed = self.signed_at(INSTRUCTION_SIGNED, digest)
        at = signed.time if signed else self.last
        assert at is not None
        verified, people = self.signed(digest, type="instruction", at=at)
        return instructions.parse(verified.payload, vocabulary=vocabulary()), people

    def _agreement(self, digest: str, at: datetime) -> bytes:
        verified, people = self.signed(digest, type="agreement", at=at, threshold=2)
        agreements.check_signers(people)
        return verified.payload

    def _codes(self, digest: str, at: datetime) -> int:
        verified, people = self.signed(digest, type="codes", at=at)
        return len(codes.parse(verified.payload, vocabulary=vocabulary(), signers=people).lines)

    def _code_map(self, digest: str, at: datetime) -> int:
        verified, people = self.signed(digest, type="code-map", at=at)
        if not any(may(person, Permission.SIGN_CODES) for person in people):
            raise Refusal("codes/map-not-signed")
        lines = read(verified.payload, where="codes").tables("code")
        return sum(line.has("decision") for line in lines)

    def _once(self, key: object, make: Callable[[], _T]) -> _T:
        """What `make` gave the first time: documents are read once, however many runs rest on them."""
        if key not in self._read:
            self._read[key] = make()
        return self._read[key]  # type: ignore[return-value] # stored above under the same key


def _of_exchange(act: bytes, by: bytes) -> bool:
    """Whether the exchange noted it by itself, under no certificate: its own acts, and that a migration's time is over, which the clock says as well."""
    return act.startswith(_EXCHANGE) or (act, by) == (_EXPIRED, b"exchange")


def _told(line: bytes) -> Mapping[str, Json] | None:
    """The body in a line of `bodies`, whose form and commitment were verified; None for a forgotten one."""
    told = strict_json(line) if line else None
    body = told["body"] if isinstance(told, Mapping) else None
    return body if isinstance(body, Mapping) else None
