"""A workspace as doors use it: its sites opened when they are needed, its lock, its plan, its course.

Decides which of the two sites is held here and what comes next after each state. Every rule it meets is the passage's.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ecluse.adapters.clock import SystemClock
from ecluse.adapters.connectors.files.address import format_named, parse_files
from ecluse.adapters.connectors.sql.address import parse_address, password_from
from ecluse.base.refusal import Refusal
from ecluse.passage.acts import TARGET_CHECKED
from ecluse.passage.authority import Authority, authority, signed_instruction
from ecluse.passage.card import newest_card
from ecluse.passage.lock import (
    Lamp,
    check_target,
    check_target_told,
    current_instruction,
    lamps,
    target_told,
)
from ecluse.passage.migration import MigrationState
from ecluse.passage.site import Site
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.plan import Plan, compile_plan
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.cards import SIDES, write_card
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import Clock, mapping_of, open_site, source_of, target_of
from ecluse.wiring.settings import Settings, Side, SystemSettings

if TYPE_CHECKING:
    from ecluse.passage.extract import Source
    from ecluse.passage.preview import Preview
    from ecluse.terms.profile import Profile
    from ecluse.wiring.course import Course

__all__ = ["STEPS", "Workspace", "profile_of"]

STEPS: Final[dict[MigrationState, str]] = {
    MigrationState.INSTRUCTED: "extract",
    MigrationState.EXTRACTED: "deposit",
    MigrationState.DEPOSITED: "hand-over",
    MigrationState.HANDED_OVER: "load",
    MigrationState.LOADED: "reconcile",
    MigrationState.RECONCILED: "erase",
    MigrationState.REVOKED: "erase",
    MigrationState.EXPIRED: "erase",
    MigrationState.WITHDRAWN: "erase",
}
"""What comes next in each state. After `reconcile` a biologist accepts; nothing does that for them."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The sites of one `ecluse.toml`, opened as they are needed."""

    settings: Settings
    clock: Clock = SystemClock().now

    def folder(self, side: Side) -> SiteFolder:
        """The site's folder, whether or not it is held here."""
        return SiteFolder(self.settings.side(side).site)

    def holds(self, side: Side) -> bool:
        """Whether this workspace holds that site's keys."""
        return self.folder(side).is_held

    def site(self, side: Side) -> Site:
        """The site with its tools. Raises Refusal `settings/site-absent`, and those of `open_site`."""
        if not self.holds(side):
            raise Refusal("settings/site-absent", where=self.folder(side).name)
        return open_site(self.settings, side, clock=self.clock)

    def any_site(self) -> Site:
        """The source's site, else the target's: for what both see alike."""
        return self.site("source" if self.holds("source") else "target")

    def write_card(self, folder: SiteFolder, *, root: SigningKey) -> None:
        """Sign anew what a site of this machine tells of itself, where the other site is on another machine. The next opening of the site puts it at the exchange."""
        if self.settings.chamber:
            write_card(folder, root=root, at=self.clock())

    def root_told(self, site: str) -> VerifyKey:
        """The root of one of the two sites: as its folder says, else as its card at the exchange claims, to be compared. Raises Refusal `settings/site-absent`."""
        folder = next(it for it in map(self.folder, SIDES) if it.name == site)
        if folder.is_held or not self.settings.chamber:
            return folder.root
        mine = self.any_site()
        told = newest_card(mine.journal.events(), mine.documents, site, root=None)
        if told is None:
            raise Refusal("settings/site-absent", where=site)
        return told[0].root

    def course(self) -> Course:
        """The sites held here, and the steps between them. Raises Refusal `settings/site-absent` where none is."""
        from ecluse.wiring.course import Course

        held = {side: self.site(side) for side in SIDES if self.holds(side)}
        if not held or (len(held) < len(SIDES) and not self.settings.chamber):
            absent = next(side for side in SIDES if side not in held)
            raise Refusal("settings/site-absent", where=self.folder(absent).name)
        return Course.of(self.settings, held.get("source"), held.get("target"))

    def takes(self, step: str) -> bool:
        """Whether a step is taken on this machine; without an exchange elsewhere, all are."""
        from ecluse.wiring.course import STEP_SIDES

        return not self.settings.chamber or self.holds(STEP_SIDES[step])

    def lock(self, site: Site, *, instruction: str = "") -> tuple[str, tuple[Lamp, ...]]:
        """The instruction judged (the one given, else the current one) and its four lamps."""
        ordered = instruction or current_instruction(site)
        return ordered, lamps(
            site, instruction=ordered, at=self.clock(), check=lambda: self.check_target(site, ordered)
        )

    def check_target(self, site: Site, instruction: str) -> None:
        """Hold the target to the instruction; one on another machine, by what its site said in the ledger.

        Raises Refusal `lock/...`, `mapping/...`, Fault `address/not-reached`.
        """
        system = self.settings.target
        if not system.url:
            ordered = signed_instruction(site, instruction)[0] if instruction else None
            check_target_told(site, ordered, target=system.site.name)
            return
        ordered = signed_instruction(site, instruction)[0] if instruction else None
        served = system.url.startswith(("postgres", "mysql", "mariadb"))
        with closing(target_of(system)) as target:
            held = target.privileges() if served else None
            check_target(ordered, mapping=mapping_of(system), catalogue=target.catalogue(), held=held)

    def tell_target(self, site: Site) -> bool:
        """At the target's site: check its system, and say so in the ledger, once for each mapping; whether it was said now. Raises as `check_target`."""
        mapping = mapping_of(self.settings.target).digest
        if target_told(site, site.name) == mapping:
            return False
        self.check_target(site, "")
        site.record(TARGET_CHECKED, by=site.name, subject=site.name, body={"mapping": mapping})
        return True

    def check_source(self, site: Site, instruction: str) -> None:
        """Hold the source's account to the plan, as the first step of a run does. Raises Refusal `source/account-exceeds`.

        Raises too what keeps it from being looked at: the Refusal of a dark lamp or of the plan, Fault `address/not-reached`.
        """
        from ecluse.passage.outbound import Passage, check_account
        from ecluse.wiring.course import privileges_needed

        behind = self.authority(site, instruction)
        coming = Passage(name="", authority=behind, plan=self.plan(behind), sequence=1, previous="")
        check_account(coming, self.source(), privileges_needed)

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
        source: Source = source_of(self.settings.source)
        return source

    def preview(self, plan: Plan) -> Preview:
        """What the plan would do, counted in one snapshot of the source."""
        from ecluse.passage.preview import preview

        with self.source().snapshot() as snapshot:
            return preview(snapshot, plan)


def profile_of(system: SystemSettings) -> tuple[Profile, Catalogue]:
    """What a database or a folder of tables holds, read within a budget, and its catalogue.

    Raises Refusal `address/...`, `files/...`, `table/...`, Fault `profile/failed`.
    """
    from ecluse.adapters.connectors.sql.profile import profile_database

    if format_named(system.url) == "table":
        return _profile_of_tables(system)
    address = parse_address(system.url)
    if system.password_file is not None:
        address = address.with_password(password_from(system.password_file, address))
    return profile_database(address, system=system.mapping.stem)


def _profile_of_tables(system: SystemSettings) -> tuple[Profile, Catalogue]:
    from ecluse.adapters.connectors.files.folder import listed
    from ecluse.adapters.connectors.table.profile import profile_tables

    place = parse_files(system.url).path
    if place is None:  # what is read once cannot be profiled, then read
        raise Refusal("files/stream-again")
    return profile_tables(listed(place).files, system=system.mapping.stem)
