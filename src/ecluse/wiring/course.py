"""The course of a migration: which step comes next, taken with the tools of the sites that this workspace holds.

Reads the state from the ledger and takes one step, or all that are left before a person must decide. Killed anywhere, it is simply called again.
It decides no rule: every step is a verb of `ecluse.passage`, which refuses what is not allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Lookup
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from ecluse.adapters.connectors.sql.dump import DumpSource
from ecluse.adapters.connectors.sql.grants import grants
from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.adapters.exclusive import alone_in
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage import inbound, outbound
from ecluse.passage.acceptance import accept
from ecluse.passage.clearing import certify_erasure, clear, clear_target, erase_migration
from ecluse.passage.code_map import Coded, code_map_in_force
from ecluse.passage.erase import Certificate
from ecluse.passage.extract import Progress, Snapshot, Source
from ecluse.passage.inbound import Received
from ecluse.passage.load import Target
from ecluse.passage.migration import LIVE, Gate, MigrationState
from ecluse.passage.outbound import Passage
from ecluse.passage.parcel import Manifest
from ecluse.passage.reconcile import Reconciliation, Side
from ecluse.passage.replay import Replayed
from ecluse.passage.site import Site
from ecluse.passage.statement import Statement
from ecluse.proof.sign import Signer
from ecluse.terms.catalogue import Privilege
from ecluse.terms.plan import Plan
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import checksum, mapping_of, source_of, target_of
from ecluse.wiring.settings import Settings
from ecluse.wiring.settings import Side as WhichSide

__all__ = ["STEP_SIDES", "Course", "migration_of", "privileges_needed", "quiet", "silent"]

STEP_SIDES: Final[dict[str, WhichSide]] = {
    "extract": "source",
    "deposit": "source",
    "hand-over": "target",
    "load": "target",
    "reconcile": "target",
    "erase": "target",
}
"""Which site takes each step. Each clears its own places besides."""


def quiet(kind: str, done: int, total: int) -> None:
    """Progress told to nobody."""


def privileges_needed(plan: Plan, source: Source) -> frozenset[Privilege]:
    """What an account needs to run the plan on this source, and no more."""
    return grants(plan, source.catalogue())


def silent(step: str) -> None:
    """Steps told to nobody."""


@dataclass(frozen=True, slots=True)
class Course:
    """The sites that a workspace holds, and how to reach their systems: `held` has one of them, or both on one machine.

    `source_system` and `target_system` open them anew at each use.
    """

    settings: Settings
    held: Lookup[WhichSide, Site]
    source_system: Callable[[], Source]
    target_system: Callable[[], Target]

    @classmethod
    def of(cls, settings: Settings, source: Site | None, target: Site | None) -> Course:
        """The course between the systems that the settings name; None for a site that another machine holds."""
        held: dict[WhichSide, Site] = {}
        if source is not None:
            held["source"] = source
        if target is not None:
            held["target"] = target
        return cls(settings, held, lambda: source_of(settings.source), lambda: target_of(settings.target))

    @property
    def source(self) -> Site:
        """The source's site. Raises Refusal `settings/elsewhere` where another machine holds it."""
        return self._site("source")

    @property
    def target(self) -> Site:
        """The target's site. Raises Refusal `settings/elsewhere` where another machine holds it."""
        return self._site("target")

    def _site(self, side: WhichSide) -> Site:
        if side not in self.held:
            raise Refusal("settings/elsewhere", where=self.settings.side(side).site.name, what="keys")
        return self.held[side]

    def _folder(self, side: WhichSide) -> Path:
        """The folder of a site held here. Raises Refusal `settings/elsewhere`."""
        self._site(side)
        return self.settings.side(side).site

    @property
    def sender(self) -> str:
        """The name of the site whose parcels these are."""
        return self.settings.source.site.name

    def run(
        self,
        name: str,
        *,
        by: str,
        progress: Progress = quiet,
        step: Callable[[str], None] = silent,
        dump: BinaryIO | None = None,
    ) -> MigrationState:
        """Every step from where the migration stands to LOADED that a site held here takes; the state reached. `step` is told each step's word as it begins.

        `dump`: the source can only dump everything, and this is its dump, read once.
        """
        steps: dict[MigrationState, tuple[str, Callable[[], object]]] = {
            MigrationState.INSTRUCTED: (
                "extract",
                lambda: self.extract(name, by=by, progress=progress, dump=dump),
            ),
            MigrationState.EXTRACTED: ("deposit", lambda: outbound.deposit(self.source, name, by=by)),
            MigrationState.DEPOSITED: (
                "hand-over",
                lambda: self.hand_over(name, by=by),
            ),
            MigrationState.HANDED_OVER: ("load", lambda: self.load(name, by=by, progress=progress)),
        }
        site = next(iter(self.held.values()))
        while (state := site.migration(name).state) in steps and STEP_SIDES[steps[state][0]] in self.held:
            word, verb = steps[state]
            step(word)
            verb()
        return state

    def extract(
        self, name: str, *, by: str, progress: Progress = quiet, dump: BinaryIO | None = None
    ) -> Statement:
        """Gate 1, whole. Raises Fault `site/busy` when another process is at it.

        From a dump or from files, what was seen and dropped is stated by a signed document: tables, columns, units and counts (« preuve négative »).
        """
        with alone_in(self._folder("source")):
            passage = outbound.prepare(self.source, name, mapping=mapping_of(self.settings.source))
            if dump is None:
                statement = self._extract(passage, self.source_system, by=by, progress=progress)
                if statement.account is not None:
                    outbound.state_files(self.source, name, by=by, account=statement.account)
                return statement
            with DumpSource(dump, passage.plan, folder=self.settings.source.site) as source:
                statement = self._extract(passage, lambda: source, by=by, progress=progress)
                outbound.state_dump(self.source, name, by=by, seen=source.statement())
            return statement

    def _extract(
        self, passage: Passage, connect: Callable[[], Source], *, by: str, progress: Progress
    ) -> Statement:
        with ContainerOpener() as opener:
            return outbound.extract_parcel(
                self.source, passage, by=by, connect=connect, needed=privileges_needed, checksum=checksum(), progress=progress, opener=opener
            )  # fmt: skip

    def hand_over(self, name: str, *, by: str) -> Manifest:
        """The parcel taken out of custody, verified whole."""
        with self._noting():
            return inbound.hand_over(self.target, name, by=by, source=self.sender)

    def received(self, name: str) -> Received:
        """The parcel at the target's site, verified."""
        with self._noting():
            return inbound.receive(self.target, name, source=self.sender)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What does not verify of what an exchange elsewhere gave is noted at this site, then refused."""
        try:
            yield
        except Refusal as refusal:
            if self.settings.chamber:
                SiteFolder(self.settings.target.site).noted(clock=self.target.clock).note(refusal)
            raise

    def load(self, name: str, *, by: str, progress: Progress = quiet) -> int:
        """Gate 2, whole; records written now. Raises Fault `site/busy` when another process is at it."""
        with alone_in(self._folder("target")):
            return self._load(name, by=by, progress=progress)

    def _load(self, name: str, *, by: str, progress: Progress) -> int:
        received = self.received(name)
        known = bool(received.statement.since) or self._opened(name, "target")
        before = None if known else {kind: side.sums for kind, side in self._held(received).items()}
        with self.coded_target() as (target, code_map):
            return inbound.load(
                self.target, received, by=by, target=target, before=before, mapping=mapping_of(self.settings.target),
                code_map=code_map, progress=progress,
            )  # fmt: skip

    @contextmanager
    def coded_target(self) -> Iterator[tuple[Target, str]]:
        """The target, and the digest of the code map in force, given to it, if it can write codings beside local codes; else "".

        Raises Refusal `sign/...`, `codes/...`.
        """
        with closing(self.target_system()) as target:
            known = code_map_in_force(self.target) if isinstance(target, Coded) else None
            if isinstance(target, Coded) and known is not None:
                target.use_code_map(known)
            yield target, known.digest if known else ""

    def replay(self, name: str, *, by: str) -> Replayed:
        """Rejected rows tried again."""
        received = self.received(name)
        mapping = mapping_of(self.settings.target)
        with alone_in(self._folder("target")), self.coded_target() as (target, code_map):
            return inbound.replay_rejects(
                self.target, received, by=by, target=target, mapping=mapping, code_map=code_map
            )

    def roll_back(self, name: str, *, by: str, to: int) -> int:
        """Every batch of parts after `to` taken out of the target; records removed."""
        received = inbound.receive(self.target, name, source=self.source.name, to_take_out=True)
        mapping = mapping_of(self.settings.target)
        with alone_in(self._folder("target")), self.coded_target() as (target, _):
            return inbound.roll_back(self.target, received, by=by, target=target, mapping=mapping, to=to)

    def reconcile(self, name: str, *, by: str) -> Reconciliation:
        """Read the target back and hold it against the source's statement."""
        received = self.received(name)
        return inbound.reconcile_target(
            self.target, received, by=by, held=self._held(received), checksum=checksum()
        )

    def accept(self, name: str, *, by: str, key: Signer) -> str:
        """A biologist signs the last reconciliation; its digest."""
        return accept(self.target, name, by=by, key=key)

    def erase(self, name: str, *, by: str, leave_rows: bool = False) -> Certificate:
        """Keys and bytes destroyed at every place, certified; the target forgets its marks, if it can be reached: they hold no datum.

        Where another machine holds a site, that of this one is cleared, and the certificate is made at the target once both are. Raises Refusal
        `erase/waiting` until then: what is here is erased all the same.
        """
        if "source" in self.held and "target" in self.held:
            certificate = erase_migration(self.target, self.source, name=name, by=by, leave_rows=leave_rows)
        else:
            if "source" in self.held:
                clear(self.source, name, by=by)
                raise Refusal("erase/waiting", where=self.settings.target.site.name, what=name)
            clear_target(self.target, name, by=by, leave_rows=leave_rows)
            certificate = certify_erasure(self.target, name, source=self.sender, by=by)
        self.settle(name)
        return certificate

    def settle(self, name: str) -> None:
        """Have the target forget its marks of a migration that is erased, if it can be reached."""
        with suppress(Refusal, Fault), closing(self.target_system()) as target:
            target.settle(name)

    @contextmanager
    def read_back(self, received: Received) -> Iterator[tuple[Snapshot, Plan]]:
        """The target opened for reading back, with the plan that reads the fields the parcel held. Raises Refusal `address/...`."""
        plan = received.plan(mapping_of(self.settings.target))
        with source_of(self.settings.target).snapshot() as snapshot:
            yield snapshot, plan

    def _held(self, received: Received) -> dict[str, Side]:
        with self.read_back(received) as (snapshot, plan):
            return inbound.measure(snapshot, plan, checksum=checksum(), salts=received.statement.salts)

    def _opened(self, name: str, gate: Gate) -> bool:
        acts = [event.act for event in self.target.journal.events() if event.subject == name]
        return f"gate.{gate}-opened" in acts


def migration_of(site: Site, name: str) -> str:
    """The migration meant: the one named, else the only one alive, else the only one not yet erased, else the last.

    One that only waits for its erasure stands in nobody's way. Raises Refusal `migration/which`, `migration/unknown`.
    """
    known = site.migrations()
    if name:
        if name not in known:
            raise Refusal("migration/unknown", where=name)
        return name
    left = [it.name for it in known.values() if it.state is not MigrationState.ERASED]
    alive = [it for it in left if known[it].state in LIVE] or left
    if not alive and known:
        return list(known)[-1]
    if len(alive) != 1:
        raise Refusal("migration/which", got=", ".join(alive) or "-")
    return alive[0]
