"""One side of a sealed passage, in a process of its own: `python -m bench.side source|target HOME MIGRATION PERSON SERVER`.

The source reads, filters, seals and closes; the target opens, verifies, loads, reads back and reconciles. Prints one JSON line: the seconds
since the process began at which each step ended, the processor's seconds until then (those of the process SERVER included), and its rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.timing import processor
from ecluse.adapters.connectors.sql.grants import grants
from ecluse.adapters.containers.opener import ContainerOpener
from ecluse.passage import inbound, outbound
from ecluse.wiring.laboratory import checksum, mapping_of, open_site, source_of, target_of
from ecluse.wiring.settings import Settings, read_settings

Mark = Callable[[str], None]


def source(settings: Settings, name: str, by: str, mark: Mark) -> int:
    site = open_site(settings, "source")
    passage = outbound.prepare(site, name, mapping=mapping_of(settings.source))
    with ContainerOpener() as opener:
        statement = outbound.extract_parcel(
            site, passage, by=by, connect=lambda: source_of(settings.source), needed=lambda plan, it: grants(plan, it.catalogue()),
            checksum=checksum(), opener=opener,
        )  # fmt: skip
    mark("sealed")
    outbound.deposit(site, name, by=by)
    mark("deposited")
    return sum(kind.moved for kind in statement.kinds.values())


def target(settings: Settings, name: str, by: str, mark: Mark) -> int:
    site, sender = open_site(settings, "target"), settings.source.site.name
    inbound.hand_over(site, name, by=by, source=sender)
    received = inbound.receive(site, name, source=sender)
    mark("handed over")
    mapping = mapping_of(settings.target)
    plan, salts = received.plan(mapping), received.statement.salts

    def measured() -> dict[str, inbound.Side]:
        with source_of(settings.target).snapshot() as snapshot:
            return inbound.measure(snapshot, plan, checksum=checksum(), salts=salts)

    before = {kind: side.sums for kind, side in measured().items()}
    written = inbound.load(
        site, received, by=by, target=target_of(settings.target), before=before, mapping=mapping
    )
    mark("loaded")
    result = inbound.reconcile_target(site, received, by=by, held=measured(), checksum=checksum())
    mark("reconciled")
    if result.unexplained or result.failed:
        raise SystemExit(f"not reconciled: {result.unexplained} unexplained, {result.failed}")
    return written


def main(side: str, home: str, name: str, by: str, server: str) -> None:
    steps: dict[str, float] = {}
    cpu: dict[str, float] = {}

    def mark(step: str) -> None:
        steps[step] = time.monotonic() - began
        cpu[step] = time.process_time() + processor(int(server)) - before

    began, before = time.monotonic() - time.process_time(), processor(int(server))
    rows = {"source": source, "target": target}[side](read_settings(Path(home)), name, by, mark)
    print(json.dumps({"steps": steps, "cpu": cpu, "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
