"""The other things that are timed, each in a process of its own: `python -m bench.making invent URL PATIENTS | ledger FOLDER ENTRIES | verify FOLDER`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ecluse.adapters.invented import fill
from ecluse.proof.evidence import KO, export_ledger, verify_ledger
from ecluse.proof.keys import SigningKey
from ecluse.proof.ledger import Ledger
from tests.ports.memory_records import MemoryRecords


def invent(url: str, patients: str) -> dict[str, int]:
    """An invented laboratory put into an empty database; rows by table."""
    return {"rows": sum(fill(url, patients=int(patients), seed=1).values())}


def ledger(folder: str, entries: str) -> dict[str, int]:
    """A ledger's evidence, as an inspector gets it."""
    kept = Ledger(MemoryRecords(), origin="ecluse.example/bench", key=SigningKey.new())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(int(entries)):
        kept.append(
            at=start + timedelta(seconds=number),
            by="p-000001",
            subject="m-20260101-000001",
            act="extract",
            body={"rows": number},
        )
    for name, octets in export_ledger(kept).items():
        file = Path(folder, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
    return {"entries": kept.size}


def verify(folder: str) -> dict[str, int]:
    """Every step of the verifier over those files."""
    steps = verify_ledger(lambda name: Path(folder, name).open("rb"))  # noqa: SIM115 - the verifier closes it
    if any(step.outcome == KO for step in steps):
        raise SystemExit("the ledger does not verify")
    return {"steps": len(steps)}


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    print(json.dumps({"invent": invent, "ledger": ledger, "verify": verify}[verb](*words)))
