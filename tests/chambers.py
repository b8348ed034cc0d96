"""A chamber that awaits a parcel, and the parcel: sealed as any is, for tests of the doors by which it comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

from ecluse.adapters.documents import DocumentFolder
from ecluse.adapters.uploads import DiskUploads
from ecluse.adapters.vaults import DiskVault
from ecluse.passage.arrivals import Arrivals, Sent
from ecluse.passage.chamber import Chamber
from ecluse.passage.intake import QUOTA, Intake
from ecluse.passage.migration import Act
from ecluse.passage.parcel import MANIFEST, Manifest, Sealer
from ecluse.passage.uploads import Uploads
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from ecluse.proof.unseal import new_identity
from tests.ports.memory_records import MemoryRecords
from tests.sites import MemoryVault

AT: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
AGENT: Final = SigningKey.from_seed(bytes([7]) * 32)
"""The key of the machine at the source laboratory."""
IDENTITY, RECIPIENT = new_identity()
SENT: Final = Sent("p-00e1", "test", "192.0.2.7")
MIGRATION: Final = "m-20261128-0a1b2c"
INSTRUCTION: Final = "sha256:" + "1" * 64


@cache
def parcel(
    bodies: tuple[bytes, ...],
    *,
    migration: str = MIGRATION,
    key: SigningKey = AGENT,
    days: int = 30,
    **other: Any,
) -> tuple[Mapping[str, bytes], Manifest]:
    """A parcel's files by name, the manifest's among them, and its manifest."""
    vault = MemoryVault()
    said = {"instruction": INSTRUCTION, "agreement": "sha256:" + "2" * 64, **other}
    sealer = Sealer(vault, migration=migration, recipients=[RECIPIENT], key=key, **said)
    for body in bodies:
        sealer.seal(body, role="records", kind="patient", rows=1)
    manifest = sealer.close(created=AT, expires=AT + timedelta(days=days), sequence=1, previous="")
    return dict(vault.held[migration]), manifest


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A chamber whose ledger says that this parcel was sealed and its source shut. `files`: the parcel."""

    chamber: Chamber
    intake: Intake
    files: Mapping[str, bytes] = field(repr=False)
    migration: str = MIGRATION

    @property
    def parts(self) -> list[str]:
        """The parts' names."""
        return sorted(self.files.keys() - {MANIFEST})

    def send(self, name: str, octets: bytes | None = None, **said: Any) -> Any:
        """A whole file in two blocks; what was kept."""
        octets = self.files[name] if octets is None else octets
        with self.intake.begin(self.migration, name, sent=SENT, **said) as coming:
            coming.append(0, [octets[:1000], octets[1000:]])
            return coming.finish()

    def acts(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What the ledger says came, was refused or was done after the extraction."""
        events = self.chamber.events()
        extracted = max(event.seq for event in events if event.act == Act.EXTRACT.value)
        return [(event.act, event.body) for event in events[extracted + 1 :]]


def awaiting(
    home: Path,
    *,
    bodies: tuple[bytes, ...] = (b"one" * 50_000, b"two"),
    quota: int = QUOTA,
    uploads: Uploads | None = None,
    clock: Callable[[], datetime] = lambda: AT,
    signed: bool = False,
) -> Awaiting:
    """A chamber in `home`, its ledger in this process, and a parcel that it awaits. `signed`: the sender's key was told to it."""
    ledger = Ledger(MemoryRecords(), origin="sas.example/labo-a", key=AGENT)
    chamber = Chamber(
        "labo-a", clock, ledger, DocumentFolder(home / "documents"), DiskVault(home / "custody")
    )
    files, manifest = parcel(bodies)
    draft(chamber, manifest)
    arrivals = Arrivals(chamber, {AGENT.key_id: AGENT.public} if signed else {})
    return Awaiting(chamber, Intake(arrivals, uploads or DiskUploads(home / "uploads"), quota), files)


def draft(chamber: Chamber, manifest: Manifest) -> None:
    """The ledger says that this parcel's migration was instructed, and its source read and shut."""
    for act, body in (
        (Act.DRAFT, {"instruction": INSTRUCTION}),
        (Act.INSTRUCT, {}),
        (Act.OPEN_SOURCE, {}),
        (Act.CLOSE_SOURCE, {}),
        (Act.EXTRACT, {"instruction": INSTRUCTION, "manifest": manifest.digest}),
    ):
        chamber.record(act.value, by="p-00e1", subject=manifest.migration, body=body)
