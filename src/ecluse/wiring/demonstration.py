"""The demonstration: an invented laboratory's records carried through every step, on this machine, in one folder.

Everything is real but the people: the same verbs, keys, signatures, vaults and ledger as in service. Only the passphrases are weak, because they are
printed; the folder says so. It decides the story (who signs, what stays); every rule it meets is the product's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Final

from ecluse.adapters.invented import create_empty, fill
from ecluse.invent.catalogue import classification
from ecluse.invent.places import SITES
from ecluse.passage.authority import RECIPIENT_COMPARED
from ecluse.passage.erase import Certificate
from ecluse.passage.outbound import begin
from ecluse.passage.reconcile import Reconciliation
from ecluse.passage.signing import sign
from ecluse.passage.site import Site
from ecluse.people.role import Role
from ecluse.proof.keycert import certify
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import verify_document
from ecluse.terms.codes import LocalCode, render
from ecluse.terms.instruction import (
    Controller,
    Instruction,
    Limits,
    Period,
    Processor,
    Recipient,
    Sample,
    SourceAfter,
    System,
    draft,
    parse,
)
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.course import Course, silent
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import NOW, create_exchange, mapping_of, open_site
from ecluse.wiring.settings import Settings, write_settings

__all__ = ["LEFT_BEHIND", "PEOPLE", "Cast", "Demonstration", "Played", "Ready"]

PASSPHRASE: Final = "phrase de passe de demonstration"  # noqa: S105 - printed, and the folder says so
WORK_FACTOR: Final = 12
"""log2 of scrypt's cost for keys whose passphrase is printed anyway."""

PEOPLE: Final = (
    ("biologist", "Camille Aubert", "10001234567", Role.BIOLOGIST),
    ("second", "Dominique Le Goff", "10007654321", Role.SECOND_SIGNER),
    ("representative", "Sacha Perrin", "emp-1007", Role.REPRESENTATIVE),
    ("engineer", "Noa Marchand", "emp-1130", Role.ENGINEER),
)
"""Invented people, and the quality in which each acts."""

LEFT_BEHIND: Final = frozenset({
    "patient.comment", "patient.comment_2", "patient.email", "patient.phone", "patient.mobile", "patient.nss",
    "request.clinical_info", "result.comment", "document.content",
})  # fmt: skip
"""What the demonstration's instruction does not name: free texts, documents, ways to reach people."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts: person ids by part ("biologist", ...) and their keys."""

    ids: Mapping[str, str]
    keys: Mapping[str, SigningKey]


@dataclass(frozen=True, slots=True)
class Played:
    """What the demonstration leaves: the migration's name, its reconciliation and its certificate."""

    migration: str
    reconciliation: Reconciliation
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Ready:
    """A workspace in which everything is signed and nothing has left yet. `instruction` is a digest."""

    cast: Cast
    source: Site
    target: Site
    instruction: str
    course: Course


class Demonstration:
    """A workspace in `home`, played step by step; `tell` is told the name of each step as it begins."""

    def __init__(
        self, home: Path, *, patients: int, seed: int, language: str = "fr", source_url: str = "", target_url: str = "",
        tell: Callable[[str], None] = silent, clock: Callable[[], datetime] = NOW,
    ) -> None:  # fmt: skip
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home, self.patients, self.seed, self.tell, self.clock = home, patients, seed, tell, clock
        for name in ("old", "new"):
            text = resources.files("ecluse.invent").joinpath("mappings", f"invented-{name}.toml").read_bytes()
            (home / f"{name}.toml").write_bytes(text)
        self.settings: Settings = write_settings(
            home,
            language=language,
            source_url=source_url or f"sqlite:///{home}/old.sqlite",
            target_url=target_url or f"sqlite:///{home}/new.sqlite",
            source_mapping="old.toml",
            target_mapping="new.toml",
        )

    def play(self) -> Played:
        """Every step, from an invented laboratory to a certificate of erasure."""
        ready = self.ready()
        cast, course = ready.cast, ready.course
        name = begin(ready.source, by=cast.ids["engineer"], instruction=ready.instruction)
        course.run(name, by=cast.ids["engineer"], step=self.tell)
        self.tell("reconcile")
        result = course.reconcile(name, by=cast.ids["engineer"])
        self.tell("accept")
        course.accept(name, by=cast.ids["biologist"], key=cast.keys["biologist"])
        self.tell("erase")
        return Played(name, result, course.erase(name, by=cast.ids["biologist"]))

    def ready(self) -> Ready:
        """Everything up to a signed instruction: both systems, both sites, the people, the agreement, the recipient."""
        self.tell("invent")
        self.invent()
        self.tell("people")
        cast = self.people()
        source, target = self.sites()
        self.tell("agreement")
        agreement = self.sign_agreement(source, cast)
        self.tell("recipient")
        certificate = self.certify_recipient(source, target, cast)
        self.tell("instruction")
        instruction = self.sign_instruction(source, cast, agreement=agreement, certificate=certificate)
        return Ready(cast, source, target, instruction, Course.of(self.settings, source, target))

    def invent(self) -> None:
        """Fill the old system, and create the new one empty."""
        fill(self.settings.source.url, patients=self.patients, seed=self.seed)
        self.create_target()

    def create_target(self) -> None:
        """The new system's tables, empty."""
        create_empty(self.settings.target.url)

    def people(self) -> Cast:
        """Make both sites, each with its root; the persons of the laboratory and of the vendor; compare the two roots."""
        create_exchange(self.settings.exchange)
        at = self.clock()
        roots = {}
        for system in (self.settings.source, self.settings.target):
            folder = SiteFolder(system.site)
            roots[folder.name] = folder.create(passphrase=PASSPHRASE, at=at, work_factor=WORK_FACTOR)
            folder.confirm()
        for system in (self.settings.source, self.settings.target):
            for peer, root in roots.items():
                if peer != system.site.name:
                    SiteFolder(system.site).compare(peer, root.public)
        folder = SiteFolder(self.settings.source.site)
        root = roots[folder.name]
        ids, keys = {}, {}
        for part, name, number, role in PEOPLE:
            person = folder.add_person(
                name=name,
                professional_id=number,
                role=role,
                passphrase=PASSPHRASE,
                root=root,
                at=at,
                work_factor=WORK_FACTOR,
            )
            ids[part], keys[part] = person.id, folder.unlock_person(person.id, PASSPHRASE)
        return Cast(ids, keys)

    def sites(self) -> tuple[Site, Site]:
        """Both sites with their tools."""
        return open_site(self.settings, "source", clock=self.clock), open_site(
            self.settings, "target", clock=self.clock
        )

    def agreement(self) -> str:
        """The agreement's text, signed yesterday and ending in half a year."""
        text = resources.files("ecluse.invent").joinpath("terms", "agreement-fr.toml").read_text("utf-8")
        return _dated(text, self.clock().date())

    def sign_agreement(self, source: Site, cast: Cast) -> str:
        """The agreement, signed by the biologist and the vendor's representative; its digest."""
        payload = self.agreement().encode()
        (self.home / "agreement.toml").write_bytes(payload)
        sign(source, "agreement", payload, by=cast.ids["biologist"], key=cast.keys["biologist"])
        return sign(
            source, "agreement", payload, by=cast.ids["representative"], key=cast.keys["representative"]
        )[0]

    def certify_recipient(self, source: Site, target: Site, cast: Cast) -> str:
        """A parcel key made at the target, certified by its root, compared by the source; the certificate's digest."""
        at = self.clock()
        name = "demo-2026"
        recipient = target.keys.create(name)
        root = SiteFolder(self.settings.target.site).unlock_root(PASSPHRASE)
        envelope = certify(
            subject=target.name, role="recipient", purpose=name, key=str(recipient), not_before=at, not_after=at + timedelta(days=90), root=root
        )  # fmt: skip
        document = verify_document(envelope, type="keycert", keys={"root": root.public}).digest
        target.documents.put(envelope, digest=document)
        source.record(
            RECIPIENT_COMPARED, by=cast.ids["biologist"], subject=target.name, body={"certificate": document}
        )
        return document

    def sign_instruction(self, source: Site, cast: Cast, *, agreement: str, certificate: str) -> str:
        """The classification and the instruction, signed; the instruction's digest."""
        codes = render(self.classified()).encode()
        (self.home / "codes.toml").write_bytes(codes)
        classified = sign(source, "codes", codes, by=cast.ids["biologist"], key=cast.keys["biologist"])[0]
        payload = draft(
            self.instruction(agreement=agreement, codes=classified, certificate=certificate),
            language=self.settings.language,
            vocabulary=vocabulary(),
        ).encode()
        (self.home / "instruction.toml").write_bytes(payload)
        signed = sign(source, "instruction", payload, by=cast.ids["biologist"], key=cast.keys["biologist"])[0]
        if parse(payload, vocabulary=vocabulary()).threshold > 1:
            sign(source, "instruction", payload, by=cast.ids["second"], key=cast.keys["second"])
        return signed

    def classified(self) -> list[LocalCode]:
        """The invented laboratory's tests and acts, each with the special categories it reveals."""
        return [
            LocalCode(
                "test" if line.kind == "analysis" else "act", line.code, line.label,
                tuple(category for category in line.categories if category != "H"),
            )
            for line in classification()
        ]  # fmt: skip

    def instruction(self, *, agreement: str, codes: str, certificate: str) -> Instruction:
        """What the invented laboratory asks for: five of its six years, all sites but one, no special category, no free text."""
        at = self.clock()
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        return Instruction(
            id="demo-2026-001",
            version=1,
            purpose="Reprendre les dossiers et les antériorités avant l'arrêt de l'ancien logiciel.",
            agreement=agreement,
            codes=codes,
            controller=Controller("SELAS Biologie du Golfe", "560012345", "FR"),
            processor=Processor("Kalibio SAS", "FR"),
            source=System(old.system, old.digest),
            target=System(new.system, new.digest),
            period=Period("request.date", date(2016, 1, 1), date(2020, 12, 31)),
            sites=tuple(site.code for site in SITES[:-1]),
            records=self.records(),
            recipients=(Recipient(certificate, "Noa Marchand", "Kalibio SAS", "FR"),),
            limits=Limits(at, at + timedelta(days=30), runs=3, time_to_live_days=10, max_patients=1_000_000),
            source_after=SourceAfter("keep"),
            acceptance=Sample(20, 7),
        )

    def records(self) -> dict[str, tuple[str, ...]]:
        """Every field that both mappings hold, less what is left behind."""
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        return {
            kind: names
            for kind, mapped in old.kinds.items()
            if kind != "document"
            and (
                names := tuple(
                    name
                    for name in mapped.fields
                    if name in new.kinds[kind].fields and f"{kind}.{name}" not in LEFT_BEHIND
                )
            )
        }


def _dated(text: str, today: date) -> str:
    """The agreement, its dates moved around today: signed yesterday, ending in half a year."""
    moves = {
        "date = 2026-10-01": f"date = {today - timedelta(days=1)}",
        "start = 2026-10-01": f"start = {today - timedelta(days=1)}",
        "end = 2027-03-31": f"end = {today + timedelta(days=180)}",
        "renewed = 2028-05-11": f"renewed = {today + timedelta(days=500)}",
        "issued = 2025-05-12": f"issued = {today - timedelta(days=500)}",
        "since = 2026-10-01": f"since = {today - timedelta(days=1)}",
    }
    for before, after in moves.items():
        text = text.replace(before, after)
    return text
