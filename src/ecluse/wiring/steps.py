"""The steps of a passage as a workspace runs them: each opens the site that does it, gives it its systems, and calls one verb of the passage.

Decides which site does which step and what comes next after each state; every rule it meets is the passage's. Doors and the demonstration call these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.connectors.sql.grants import grants
from ecluse.base.refusal import Refusal
from ecluse.passage import inbound, outbound
from ecluse.passage.authority import Authority, authority, signed_instruction
from ecluse.passage.closing import erase_migration
from ecluse.passage.erase import Certificate
from ecluse.passage.extract import Progress, Source
from ecluse.passage.lock import Lamp, check_target, current_instruction, lamps
from ecluse.passage.migration import MigrationState
from ecluse.passage.parcel import Manifest
from ecluse.passage.preview import Preview, preview
from ecluse.passage.reconcile import Reconciliation
from ecluse.passage.site import Site
from ecluse.passage.statement import Statement
from ecluse.proof.keys import SigningKey
from ecluse.terms.catalogue import Privilege
from ecluse.terms.plan import Plan, compile_plan
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import Clock, checksum, mapping_of, open_site, source_of, target_of
from ecluse.wiring.settings import Settings, Side

__all__ = ["STEPS", "Workspace"]

STEPS: Final[dict[MigrationState, tuple[str, Side]]] = {
    MigrationState.INSTRUCTED: ("extract", "source"),
    MigrationState.EXTRACTED: ("deposit", "source"),
    MigrationState.DEPOSITED: ("hand-over", "target"),
    MigrationState.HANDED_OVER: ("load", "target"),
    MigrationState.LOADED: ("reconcile", "target"),
    MigrationState.RECONCILED: ("erase", "target"),
    MigrationState.REVOKED: ("erase", "target"),
    MigrationState.EXPIRED: ("erase", "target"),
}
"""What comes next in each state, and whose side does it. After `reconcile` a biologist accepts; nothing does that for them."""


def _quiet(kind: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The sites of one `ecluse.toml`, opened as steps need them."""

    settings: Settings
    clock: Clock = SystemClock().now

    def folder(self, side: Side) -> SiteFolder:
        """The site's folder, whether or not it is held here."""
        return SiteFolder(self.settings.side(side).site)

    def holds(self, side: Side) -> bool:
        """Whether this workspace holds that site's keys."""
        return (self.folder(side).path / "root.pub").is_file()

    def site(self, side: Side) -> Site:
        """The site with its tools. Raises Refusal `door/side-not-held`, and those of `open_site`."""
        if not self.holds(side):
            raise Refusal("door/side-not-held", where=self.folder(side).name)
        return open_site(self.settings, side, clock=self.clock)

    def any_site(self) -> Site:
        """The source's site, else the target's: for what both see alike."""
        return self.site("source" if self.holds("source") else "target")

    def lock(self, site: Site, *, instruction: str = "") -> tuple[str, tuple[Lamp, ...]]:
        """The instruction judged (the one given, else the current one) and its four lamps."""
        ordered = instruction or current_instruction(site)
        return ordered, lamps(
            site, instruction=ordered, at=self.clock(), check=lambda: self.check_target(site, ordered)
        )

    def check_target(self, site: Site, instruction: str) -> None:
        """Hold the target to the instruction. Raises Refusal `lock/...`, `mapping/...`, Fault `address/not-reached`."""
        system = self.settings.target
        mapping = mapping_of(system)
        target = target_of(system)
        ordered = signed_instruction(site, instruction)[0] if instruction else None
        served = system.url.startswith(("postgres", "mysql", "mariadb"))
        check_target(
            ordered,
            mapping=mapping,
            catalogue=target.catalogue(),
            held=target.privileges() if served else None,
        )

    def plan(self, behind: Authority, *, rehearse: int = 0) -> Plan:
        """The instruction compiled for the source's mapping. Raises Refusal `plan/...`."""
        return compile_plan(
            instruction=behind.instruction,
            mapping=mapping_of(self.settings.source),
            classification=behind.classification,
            vocabulary=vocabulary(),
            rehearse=rehearse,
        )

    def authority(self, site: Site, instruction: str) -> Authority:
        """What stands behind an instruction, as a run would find it. Raises the Refusal of the lamp that is dark."""
        return authority(site, instruction=instruction, at=self.clock(), another_run=False)

    def source(self) -> Source:
        """The source system, not yet connected."""
        return source_of(self.settings.source)

    def preview(self, plan: Plan) -> Preview:
        """What the plan would do, counted in one snapshot of the source."""
        with self.source().snapshot() as snapshot:
            return preview(snapshot, plan)

    def extract(
        self, name: str, *, by: str, progress: Progress = _quiet, source: Source | None = None
    ) -> Statement:
        """Gate 1, from opening to closing. `source`: another than the settings' (a dump)."""
        site = self.site("source")
        passage = outbound.prepare(site, name, mapping=mapping_of(self.settings.source))
        return outbound.extract_parcel(
            site,
            passage,
            by=by,
            connect=lambda: source or self.source(),
            needed=privileges_needed,
            checksum=checksum(),
            progress=progress,
        )

    def deposit(self, name: str, *, by: str) -> int:
        """The sealed parcel into custody; octets carried."""
        return outbound.deposit(self.site("source"), name, by=by)

    def hand_over(self, name: str, *, by: str) -> Manifest:
        """The parcel out of custody, verified whole."""
        return inbound.hand_over(self.site("target"), name, by=by, source=self.sender)

    def load(self, name: str, *, by: str, progress: Progress = _quiet) -> int:
        """Gate 2; records written now. What the target held before is measured once, the first time."""
        site = self.site("target")
        received = inbound.receive(site, name, source=self.sender)
        mapping = mapping_of(self.settings.target)
        before = None
        if not site.rejects.names(f"{name}-before"):
            with source_of(self.settings.target).snapshot() as snapshot:
                held = inbound.measure(
                    snapshot, received.plan(mapping), checksum=checksum(), salts=received.statement.salts
                )
            before = {kind: side.sums for kind, side in held.items()}
        return inbound.load(
            site,
            received,
            by=by,
            target=target_of(self.settings.target),
            before=before,
            mapping=mapping,
            progress=progress,
        )

    def roll_back(self, name: str, *, by: str, to: int) -> int:
        """Take out of the target what parts after `to` brought; records removed."""
        site = self.site("target")
        received = inbound.receive(site, name, source=self.sender)
        target = target_of(self.settings.target)
        return inbound.roll_back(
            site, received, by=by, target=target, mapping=mapping_of(self.settings.target), to=to
        )

    def reconcile(self, name: str, *, by: str) -> Reconciliation:
        """Read the target back and hold it against the source's statement; signed and noted, good or bad."""
        site = self.site("target")
        received = inbound.receive(site, name, source=self.sender)
        plan = received.plan(mapping_of(self.settings.target))
        with source_of(self.settings.target).snapshot() as snapshot:
            held = inbound.measure(snapshot, plan, checksum=checksum(), salts=received.statement.salts)
        return inbound.reconcile_target(site, received, by=by, held=held, checksum=checksum())

    def accept(self, name: str, *, by: str, key: SigningKey) -> str:
        """A biologist's signature under the last reconciliation; its digest."""
        return inbound.accept(self.site("target"), name, by=by, key=key)

    def erase(self, name: str, *, by: str) -> Certificate:
        """Keys, parcels and rejects of both sites, and the certificate."""
        return erase_migration(self.site("target"), self.site("source"), name=name, by=by)

    @property
    def sender(self) -> str:
        """The source's site, as the target knows it."""
        return self.folder("source").name


def privileges_needed(plan: Plan, source: Source) -> frozenset[Privilege]:
    """What an account needs to run the plan on this source."""
    return grants(plan, source.catalogue())
