"""Two laboratory sites in memory, and a small laboratory between them: a whole passage without a disk, a database or a clock.

Every tool passes the contract of its port, or is as plain as that contract. `Tripwire` kills at the n-th change made to the world, before or after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO, Final

from ecluse.adapters.checksums import DuckChecksum
from ecluse.adapters.connectors.memory import MemorySource, Row
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acceptance import accept
from ecluse.passage.acts import RECONCILIATION_SIGNED
from ecluse.passage.authority import RECIPIENT_COMPARED
from ecluse.passage.clearing import erase_migration
from ecluse.passage.inbound import (
    hand_over,
    load,
    measure,
    receive,
    reconcile_target,
)
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act, MigrationState, migrations
from ecluse.passage.outbound import begin, deposit, extract_parcel, prepare
from ecluse.passage.signing import sign
from ecluse.passage.site import Known, Site
from ecluse.people.person import Person
from ecluse.proof.keycert import certify
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import Recipient
from ecluse.proof.sign import verify_document
from ecluse.proof.unseal import Identity, new_identity
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey
from ecluse.terms.codes import LocalCode, render
from ecluse.terms.instruction import Period, System, draft, parse
from ecluse.terms.instruction import Recipient as Named
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT, AT, BIOLOGIST, ENGINEER, INSTRUCTION, REPRESENTATIVE, SECOND
from tests.ports.memory_target import MemoryTarget

CHECKSUM: Final = DuckChecksum()
KEYS: Final = {
    person.id: SigningKey.from_seed(bytes([place]) * 32)
    for place, person in enumerate((BIOLOGIST, SECOND, REPRESENTATIVE, ENGINEER), 1)
}


class Killed(BaseException):
    """The process is no more: nothing catches this."""


class Tripwire:
    """Counts the changes made to the world; kills at the `at`-th, before or after it is made. `at` 0 never kills."""

    def __init__(self) -> None:
        self.count = self.at = 0
        self.after = False

    def arm(self, at: int, *, after: bool) -> None:
        self.count, self.at, self.after = 0, at, after

    def around(self, change: Callable[[], Any]) -> Any:
        self.count += 1
        dies = self.count == self.at
        if dies and not self.after:
            raise Killed
        result = change()
        if dies:
            raise Killed
        return result


class MemoryVault:
    """`passage.custody.Vault` in this process."""

    def __init__(self, wire: Tripwire | None = None) -> None:
        self.held: dict[str, dict[str, bytes]] = {}
        self._wire = wire or Tripwire()

    def put(self, folder: str, name: str, octets: Iterable[bytes]) -> int:
        if name in self.held.get(folder, {}):
            raise Refusal("vault/exists", where=f"{folder}/{name}")
        whole = b"".join(bytes(block) for block in octets)
        self._wire.around(lambda: self.held.setdefault(folder, {}).__setitem__(name, whole))
        return len(whole)

    def open(self, folder: str, name: str) -> BinaryIO:
        if name not in self.held.get(folder, {}):
            raise Refusal("vault/absent", where=f"{folder}/{name}")
        return BytesIO(self.held[folder][name])

    def names(self, folder: str) -> list[str]:
        return sorted(self.held.get(folder, {}))

    def folders(self) -> list[str]:
        return sorted(self.held)

    def erase(self, folder: str) -> int:
        names = self.names(folder)
        for name in names:  # one by one, as a disk does: a crash leaves the others
            self._wire.around(lambda name=name: self.held[folder].pop(name))  # type: ignore[misc]
        self.held.pop(folder, None)
        return len(names)


class MemoryJournal:
    """`passage.site.Journal`: one list that both sites share."""

    def __init__(self, wire: Tripwire) -> None:
        self._events: list[Event] = []
        self._wire = wire

    def events(self) -> list[Event]:
        return list(self._events)

    def append(
        self, *, at: datetime, by: str, subject: str, act: str, body: Mapping[str, Any], expected: int
    ) -> None:
        if expected != len(self._events):
            raise Fault("ledger/concurrent", expected=expected, got=len(self._events))
        event = Event(len(self._events), at.isoformat(), by, subject, act, dict(body))
        self._wire.around(lambda: self._events.append(event))


class MemoryDocuments:
    """`passage.site.Documents`: an envelope only gains signatures."""

    def __init__(self, wire: Tripwire) -> None:
        self.held: dict[str, bytes] = {}
        self._wire = wire

    def put(self, envelope: bytes, *, digest: str) -> None:
        if len(envelope) > len(self.held.get(digest, b"")):
            self._wire.around(lambda: self.held.__setitem__(digest, envelope))

    def get(self, digest: str) -> bytes:
        if digest not in self.held:
            raise Refusal("document/absent", where=digest)
        return self.held[digest]


class MemoryKeys:
    """`passage.site.KeyStore` in this process."""

    def __init__(self, wire: Tripwire) -> None:
        self.held: dict[str, Identity] = {}
        self._wire = wire

    def names(self) -> list[str]:
        return sorted(self.held)

    def create(self, name: str) -> Recipient:
        if name in self.held:
            raise Refusal("key/already-held", where=name)
        identity, recipient = new_identity()
        self._wire.around(lambda: self.held.__setitem__(name, identity))
        return recipient

    def identity(self, name: str) -> Identity:
        if name not in self.held:
            raise Refusal("key/not-held", where=name)
        return self.held[name]

    def destroy(self, name: str) -> None:
        self._wire.around(lambda: self.held.pop(name, None))


class TrippedTarget(MemoryTarget):
    """A target whose writing can be killed."""

    def __init__(self, catalogue: Catalogue, wire: Tripwire) -> None:
        super().__init__(catalogue)
        self._wire = wire

    def write(self, *given: Any, **named: Any) -> None:
        self._wire.around(lambda: super(TrippedTarget, self).write(*given, **named))

    def remove(self, *given: Any, **named: Any) -> None:
        self._wire.around(lambda: super(TrippedTarget, self).remove(*given, **named))


OLD: Final = b"""
mapping = { system = "OLD", version = 1 }
[patient]
table = "PAT"
fields.id = "NUM"
fields.birth_name = "NOM"
fields.given_names = "PRENOM"
fields.sex = { column = "SEXE", values = { "1" = "M", "2" = "F" } }
fields.birth_date = { column = "NAI", format = "%Y%m%d", absent = ["00000000"] }
[request]
table = "REQ"
changed = "MAJ"
fields.id = "NUM"
fields.patient = "PAT"
fields.site = "SITE"
fields.date = { column = "DAT", format = "%d/%m/%Y" }
fields.status = { column = "ETAT", values = { "V" = "validated", "O" = "open" } }
[result]
table = "RES"
changed = "MAJ"
fields.id = "NUM"
fields.request = "REQ"
fields.code = { column = "ANA", trim = true }
fields.label = "LIB"
fields.value = "VAL"
fields.unit = "UNI"
fields.status = { column = "ETAT", values = { "V" = "validated", "E" = "entered" } }
fields.version = "VER"
fields.visibility = { column = "VIS", values = { "0" = "visible", "1" = "hidden" } }
fields.validator = "QUI"
fields.validated_at = "QUAND"
"""
NEW: Final = b"""
mapping = { system = "NEW", version = 1 }
[patient]
table = "people"
fields = { id = "id", birth_name = "name", given_names = "first", sex = "sex", birth_date = "born" }
[request]
table = "orders"
fields = { id = "id", patient = "person", site = "place", date = "day", status = "state" }
[result]
table = "facts"
fields = { id = "id", request = "of", code = "code", label = "label", value = "value", unit = "unit", status = "state", version = "version", \
visibility = "seen_by", validator = "who", validated_at = "at" }
"""
FIELDS: Final = {
    "patient": ("id", "birth_name", "given_names", "sex", "birth_date"),
    "request": ("id", "patient", "site", "date", "status"),
    "result": (
        "id",
        "request",
        "code",
        "label",
        "value",
        "unit",
        "status",
        "version",
        "visibility",
        "validator",
        "validated_at",
    ),
}


def _table(name: str, *columns: str, key: str = "id", **links: str) -> CatalogueTable:
    family: dict[str, Any] = {"born": "date", "day": "date", "at": "datetime", "version": "integer"}
    return CatalogueTable(
        name,
        {
            it: CatalogueColumn(
                it, family.get(it, "text"), "", it not in ("id", "name"), length=20 if it == "name" else None
            )
            for it in columns
        },
        (key,),
        tuple(ForeignKey((column,), parent, ("id",)) for column, parent in links.items()),
    )


NEW_TABLES: Final = Catalogue("memory", {it.name: it for it in (
    _table("people", "id", "name", "first", "sex", "born"),
    _table("orders", "id", "person", "place", "day", "state", person="people"),
    _table("facts", "id", "of", "code", "label", "value", "unit", "state", "version", "seen_by", "who", "at", of="orders"),
)})  # fmt: skip
OLD_TABLES: Final = Catalogue("memory", {
    name: CatalogueTable(name, {it: CatalogueColumn(it, "text", "") for it in columns.split()})
    for name, columns in {"PAT": "NUM NOM PRENOM SEXE NAI", "REQ": "NUM PAT SITE DAT ETAT MAJ", "RES": "NUM REQ ANA LIB VAL UNI ETAT VER VIS QUI QUAND MAJ"}.items()
})  # fmt: skip


def patient(number: int, **changes: object) -> dict[str, object]:
    return {
        "NUM": f"P{number}",
        "NOM": f"NOM{number}",
        "PRENOM": "Anne",
        "SEXE": "2",
        "NAI": "19840229",
        **changes,
    }


def request(number: int, of: int, **changes: object) -> dict[str, object]:
    return {
        "NUM": f"D{number}",
        "PAT": f"P{of}",
        "SITE": "VANNES",
        "DAT": "15/06/2020",
        "ETAT": "V",
        "MAJ": "2020-06-15 10:00:00",
        **changes,
    }


def result(number: int, of: int, **changes: object) -> dict[str, object]:
    return {
        "NUM": f"R{number}", "REQ": f"D{of}", "ANA": "NA   ", "LIB": "Sodium", "VAL": "<0,1", "UNI": "mmol/L", "ETAT": "V", "VER": "1", "VIS": "0",
        "QUI": "p-1", "QUAND": "2020-06-15 12:00:00", "MAJ": "2020-06-15 12:00:00", **changes,
    }  # fmt: skip


def rows() -> dict[str, list[dict[str, object]]]:
    """Five patients: one whose birth date does not exist, one too long a name for the target, one already there, one out of period."""
    return {
        "PAT": [patient(1), patient(2, NAI="19840230"), patient(3, NOM="N" * 21), patient(4), patient(5), patient(9)],
        "REQ": [request(1, 1), request(2, 2), request(3, 3), request(4, 4), request(5, 5, DAT="15/06/2001"), request(6, 1, SITE="BREST"), request(7, 9)],
        "RES": [result(1, 1), result(2, 2), result(3, 3), result(4, 4, VAL="12"), result(5, 5), result(6, 1, ANA="VIH  "), result(7, 7, VIS=None)],
    }  # fmt: skip


class Laboratory:
    """A source site, a target site, their people and documents; `wire` kills what changes the world."""

    def __init__(self, *, days: int = 14, runs: int = 5) -> None:
        self.wire = Tripwire()
        self.time = AT
        self.tables = rows()
        self.target = TrippedTarget(NEW_TABLES, self.wire)
        journal, documents, custody = (
            MemoryJournal(self.wire),
            MemoryDocuments(self.wire),
            MemoryVault(self.wire),
        )
        roots = {
            name: SigningKey.from_seed(bytes([40 + place]) * 32)
            for place, name in enumerate(("old-site", "new-site"))
        }
        agents = {name: SigningKey.from_seed(bytes([50 + place]) * 32) for place, name in enumerate(roots)}
        self.source_site, self.target_site = (
            Site(
                name=name, clock=self.now, journal=journal, documents=documents, keys=MemoryKeys(self.wire), agent=agents[name],
                people={it.id: Known(it, KEYS[it.id].public) for it in (BIOLOGIST, SECOND, REPRESENTATIVE, ENGINEER)},
                roots={it: root.public for it, root in roots.items()}, agents={it: agent.public for it, agent in agents.items()},
                spool=MemoryVault(self.wire), custody=custody, rejects=MemoryVault(self.wire),
            )
            for name in roots
        )  # fmt: skip
        self.old, self.new = (parse_mapping(it, vocabulary=vocabulary()) for it in (OLD, NEW))
        self.instruction = self._papers(roots["new-site"], days=days, runs=runs)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def sign(self, name: str, payload: bytes, *people: Person) -> str:
        return [sign(self.source_site, name, payload, by=it.id, key=KEYS[it.id])[0] for it in people][-1]

    def _papers(self, root: SigningKey, *, days: int, runs: int) -> str:
        agreement = self.sign("agreement", AGREEMENT.encode(), BIOLOGIST, REPRESENTATIVE)
        codes = self.sign(
            "codes",
            render([LocalCode("test", "NA", "Sodium"), LocalCode("test", "VIH", "VIH", ("HIV",))]).encode(),
            BIOLOGIST,
        )
        recipient = self.target_site.keys.create("parcel")
        envelope = certify(
            subject="new-site", role="recipient", purpose="parcel", key=str(recipient), not_before=AT, not_after=AT + timedelta(days=20), root=root
        )  # fmt: skip
        certificate = verify_document(envelope, type="keycert", keys={"root": root.public}).digest
        self.target_site.documents.put(envelope, digest=certificate)
        self.source_site.record(
            RECIPIENT_COMPARED, by=BIOLOGIST.id, subject="new-site", body={"certificate": certificate}
        )
        plain = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
        asked = replace(
            plain, agreement=agreement, codes=codes, source=System("OLD", self.old.digest), target=System("NEW", self.new.digest),
            period=Period("request.date", date(2019, 1, 1), date(2026, 11, 30)), sites=("VANNES",), records=FIELDS,
            recipients=(Named(certificate, "Noa Marchand", "Kalibio SAS", "FR"),),
            limits=replace(plain.limits, not_before=AT - timedelta(days=1), not_after=AT + timedelta(days=15), runs=runs, time_to_live_days=days),
        )  # fmt: skip
        return self.sign(
            "instruction", draft(asked, language="fr", vocabulary=vocabulary()).encode(), BIOLOGIST
        )

    # --- the verbs, with this laboratory's tools

    @property
    def source(self) -> MemorySource:
        tables: dict[str, list[Row]] = {name: list(rows) for name, rows in self.tables.items()}
        return MemorySource(OLD_TABLES, tables)

    def begin(self, **how: Any) -> str:
        return begin(self.source_site, by=ENGINEER.id, instruction=self.instruction, **how)

    def extract(self, name: str) -> None:
        passage = prepare(self.source_site, name, mapping=self.old)
        extract_parcel(
            self.source_site, passage, by=ENGINEER.id, connect=lambda: self.source, needed=lambda _plan, _source: frozenset(), checksum=CHECKSUM
        )  # fmt: skip

    def held(self, name: str) -> Any:
        received = receive(self.target_site, name, source="old-site")
        tables: dict[str, list[Row]] = {table: list(rows) for table, rows in self.target.tables.items()}
        with MemorySource(NEW_TABLES, tables).snapshot() as snapshot:
            return measure(
                snapshot, received.plan(self.new), checksum=CHECKSUM, salts=received.statement.salts
            )

    def load(self, name: str, *, before: Any = None) -> int:
        received = receive(self.target_site, name, source="old-site")
        if before is None:
            before = {kind: side.sums for kind, side in self.held(name).items()}
        return load(
            self.target_site, received, by=ENGINEER.id, target=self.target, before=before, mapping=self.new
        )

    def reconcile(self, name: str) -> Any:
        received = receive(self.target_site, name, source="old-site")
        return reconcile_target(
            self.target_site, received, by=ENGINEER.id, held=self.held(name), checksum=CHECKSUM
        )

    def accept(self, name: str) -> str:
        return accept(self.target_site, name, by=BIOLOGIST.id, key=KEYS[BIOLOGIST.id])

    def erase(self, name: str, *, leave_rows: bool = False) -> Any:
        return erase_migration(
            self.target_site, self.source_site, name=name, by=BIOLOGIST.id, leave_rows=leave_rows
        )

    def state(self, name: str) -> MigrationState:
        return self.source_site.migration(name).state

    def step(self, name: str) -> None:
        """The next verb of a migration, whatever it was in the middle of."""
        state = self.state(name)
        if state is MigrationState.INSTRUCTED:
            self.extract(name)
        elif state is MigrationState.EXTRACTED:
            deposit(self.source_site, name, by=ENGINEER.id)
        elif state is MigrationState.DEPOSITED:
            hand_over(self.target_site, name, by=ENGINEER.id, source="old-site")
        elif state is MigrationState.HANDED_OVER:
            self.load(name)
        elif state is MigrationState.LOADED:
            self._judge(name)
        else:
            self.erase(name)

    def _judge(self, name: str) -> None:
        acts = [event.act for event in self.source_site.journal.events() if event.subject == name]
        if acts[-1] == RECONCILIATION_SIGNED:
            self.accept(name)
        else:
            self.reconcile(name)

    def alive(self) -> Iterator[str]:
        """The migrations that are instructed and not yet erased."""
        over = (MigrationState.DRAFTED, MigrationState.ERASED)
        return (
            name for name, it in migrations(self.source_site.journal.events()).items() if it.state not in over
        )

    def run(self, **how: Any) -> str:
        """A whole passage, from wherever it was; its name."""
        erased = self.source_site.journal.events()[-1]
        if erased.act == Act.ERASE.value:
            return erased.subject
        name = next(self.alive(), None) or self.begin(**how)
        while self.state(name) is not MigrationState.ERASED:
            self.step(name)
        return name


__all__ = [
    "CHECKSUM", "KEYS", "Killed", "Laboratory", "MemoryDocuments", "MemoryJournal", "MemoryKeys", "MemoryVault", "Tripwire", "patient", "request",
    "result", "rows",
]  # fmt: skip
