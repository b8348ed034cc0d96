"""Verbs about evidence: the rejected rows (reasons only), the sample (counts only), the ledger, the inspector's bundle and its verification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.options import Author, Dry, Json, Migration, Secret
from ecluse.doors.cli.passage import coming
from ecluse.doors.cli.place import here, octets_of, write_new, write_private

__all__ = ["bundle", "ledger", "rejects", "replay", "report", "sample", "verify"]


def rejects(ctx: typer.Context, *, migration: Migration = "", json: Json = False) -> None:
    """How many rows were rejected, at which side and why, with the shape of what stood there: never a row, never a value."""
    from ecluse.passage.rejects import RejectVault
    from ecluse.passage.site import rejects_key

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    key = rejects_key(name)
    found: dict[tuple[str, str, str], int] = {}
    shapes: dict[str, tuple[str, ...]] = {}
    for side in ("source", "target"):
        if not workspace.holds(side):
            continue
        site = workspace.site(side)
        if key not in site.keys.names():
            continue
        identity = site.keys.identity(key)
        for batch in RejectVault(site.rejects, key, to=identity.recipient()).read([identity]):
            for reason, rows in batch.reasons.items():
                found[site.name, batch.kind, reason] = found.get((site.name, batch.kind, reason), 0) + rows
            shapes = batch.shapes | shapes
    voice.result(
        "rejects list",
        migration=name,
        rows=sum(found.values()),
        reasons=[
            {
                "site": site,
                "kind": kind,
                "reason": reason,
                "rows": rows,
                "shapes": list(shapes.get(reason, ())),
            }
            for (site, kind, reason), rows in found.items()
        ],
    )
    voice.line(voice.phrase("rejected_rows", count=voice.number(sum(found.values()))))
    voice.table(
        [
            (site, kind, voice.number(rows), reason, " ".join(shapes.get(reason, ())))
            for (site, kind, reason), rows in sorted(found.items())
        ],
        right=frozenset({2}),
        indent="  ",
    )
    site = workspace.any_site()
    state = site.migration(name).state.value
    again = state == "loaded" and any(held == workspace.folder("target").name for held, _, _ in found)
    voice.next(f"rejects replay {name} --as PERSON" if again else coming(site, name) or "bundle bundle.zip")


def replay(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """Try the rows that the target refused once more, their cause being mended."""
    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    place.acting(author, passphrase_file)
    written = left = 0
    if not dry_run:
        tried = workspace.course().replay(name, by=author)
        written, left = tried.written, tried.left
    voice.result("rejects replay", migration=name, written=written, left=left, dry_run=dry_run)
    voice.line(
        voice.phrase("dry", what=name)
        if dry_run
        else voice.phrase("replayed", written=voice.number(written), left=voice.number(left))
    )
    voice.next(f"reconcile {name} --as PERSON")
    return 3 if left else 0


def ledger(
    ctx: typer.Context,
    *,
    subject: Annotated[str, typer.Option("--subject", metavar="NAME")] = "",
    last: Annotated[int, typer.Option("--last", metavar="N", min=1)] = 50,
    json: Json = False,
) -> None:
    """What was done, by whom, in order; read with this site's witness, which refuses a ledger cut or rewritten."""
    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.any_site()
    events = [event for event in site.journal.events() if not subject or event.subject == subject]
    shown = events[-last:]
    voice.result(
        "ledger show",
        entries=len(events),
        shown=[
            {
                "seq": event.seq,
                "time": event.time,
                "by": event.by,
                "subject": event.subject,
                "act": event.act,
                "body": dict(event.body),
            }
            for event in shown
        ],
    )
    voice.table(
        [(str(event.seq), event.time[:19], event.by, event.act, event.subject) for event in shown],
        right=frozenset({0}),
    )
    voice.line(voice.phrase("ledger_size", count=voice.number(len(events))))
    voice.next("lock status")


def sample(
    ctx: typer.Context,
    *,
    author: Author,
    migration: Migration = "",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE")] = None,
    passphrase_file: Secret = None,
    json: Json = False,
    dry_run: Dry = False,
) -> int:
    """For the biologist who will accept: a few patients on both sides, chosen by risk; here counts and field names only."""
    from collections import Counter

    from ecluse.passage.sample import Verdict, compare_sample
    from ecluse.wiring.laboratory import mapping_of, source_of

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    name = place.migration(workspace.any_site(), migration)
    if html is not None and html.exists():
        raise Refusal("door/file-exists", where=html.name)
    place.acting(author, passphrase_file)
    if dry_run:
        voice.result("sample", migration=name, patients=0, verdicts={}, risks={}, differing=[], dry_run=True)
        voice.line(voice.phrase("dry", what=name))
        return 0
    course, system = workspace.course(), workspace.settings.target
    received = course.received(name)
    with source_of(system).snapshot() as snapshot:
        found = compare_sample(
            course.target, received, by=author, snapshot=snapshot, mapping=mapping_of(system)
        )
    if html is not None:
        from ecluse.doors.pages.sample import sample_page

        write_private(html, sample_page(found, migration=name, language=voice.language, at=workspace.clock()))
        voice.talk(voice.phrase("private", what=html.name))
    verdicts = {verdict.value: count for verdict, count in found.counts.items()}
    risks = Counter(patient.chosen.value for patient in found.patients)
    differing = Counter(
        f"{record.kind}.{field.name}"
        for patient in found.patients
        for record in patient.records
        for field in record.fields
        if field.verdict is not Verdict.EQUAL
    )
    voice.result(
        "sample",
        migration=name,
        patients=len(found.patients),
        verdicts=verdicts,
        risks=dict(risks),
        differing=[{"field": field, "records": count} for field, count in differing.most_common()],
        dry_run=False,
    )
    voice.line(
        voice.phrase(
            "sampled",
            patients=len(found.patients),
            equal=verdicts["equal"],
            others=sum(verdicts.values()) - verdicts["equal"],
        )
    )
    voice.table(
        [(risk, str(count)) for risk, count in risks.most_common()], right=frozenset({1}), indent="  "
    )
    for field, count in differing.most_common():
        voice.line(f"  {voice.sign(good=False)} {field}: {count}")
    voice.next(f"accept {name} --as PERSON")
    return 4 if sum(verdicts.values()) > verdicts["equal"] else 0


def bundle(
    ctx: typer.Context,
    *,
    place_of: Annotated[Path, typer.Argument(metavar="FILE.zip|FOLDER")],
    names: Annotated[bool, typer.Option("--names")] = False,
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE")] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE")] = None,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """The inspector's bundle: ledger, documents, certificates; and, apart, the policy that judges it."""
    from ecluse.adapters.bundle import write_bundle
    from ecluse.wiring.inspection import bundle_files, trust_of

    place = here(ctx, json=json)
    voice, settings = place.voice, place.workspace.settings
    if policy is not None and policy.exists():
        raise Refusal("door/file-exists", where=policy.name)
    files = bundle_files(settings, names=names, report=octets_of(report) if report else None)
    if not dry_run:
        write_bundle(files, place_of)
        if policy is not None:
            policy.write_bytes(trust_of(settings).encode())
    voice.result(
        "bundle",
        bundle=str(place_of),
        policy=str(policy) if policy else "",
        files=len(files),
        octets=sum(map(len, files.values())),
        dry_run=dry_run,
    )
    voice.line(voice.phrase("dry" if dry_run else "written", what=place_of.name))
    voice.next(f"verify {place_of}" + (f" --policy {policy}" if policy else ""))


def verify(
    ctx: typer.Context,
    *,
    bundle_place: Annotated[Path, typer.Argument(metavar="BUNDLE")],
    policy: Annotated[Path | None, typer.Option("--policy", metavar="FILE")] = None,
    identity: Annotated[Path | None, typer.Option("--identity", metavar="FILE")] = None,
    json: Json = False,
) -> int:
    """Verify a bundle or an archive offline, in numbered steps, each OK, KO or SKIPPED."""
    import sys

    from ecluse.doors.cli.archive import unsealing_of
    from ecluse.doors.verify import verify as verified

    voice = here(ctx, json=json).voice
    opened = unsealing_of(identity) if identity else None
    code = verified(
        bundle_place,
        policy=policy,
        language=voice.language,
        as_json=json,
        out=sys.stdout,
        unsealing=opened,
    )
    sys.stdout.flush()
    voice.next(f"verify {bundle_place} --policy FILE" if policy is None else "ledger show")
    return code


def report(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE.html")],
    migration: Annotated[str, typer.Option("--migration", metavar="NAME")] = "",
    certificate: Annotated[bool, typer.Option("--certificate")] = False,
    json: Json = False,
    dry_run: Dry = False,
) -> None:
    """One migration on one page: what moved, what stayed and why, what was compared, what was erased; or its certificate of erasure."""
    from ecluse.doors.cli.stories import report_of, signed, story_of
    from ecluse.doors.pages.certificate import certificate_page

    place = here(ctx, json=json)
    voice = place.voice
    site = place.workspace.any_site()
    name = place.migration(site, migration)
    story = story_of(site, name)
    if certificate and story.certificate is None:
        raise Refusal("migration/not-now", where=name, act="report", got=story.migration.state.value)
    if certificate and story.certificate is not None:
        text = certificate_page(
            story.certificate,
            language=voice.language,
            digest=story.documents["erasure"],
            signers=signed(site, "erasure", story.documents["erasure"]).signers,
            people=story.people,
        )
    else:
        text = report_of(site, name, language=voice.language)
    if not dry_run:
        write_new(file, text)
    unexplained = story.reconciliation.unexplained if story.reconciliation else None
    voice.result(
        "report",
        migration=name,
        file=str(file),
        state=story.migration.state.value,
        unexplained=unexplained,
        dry_run=dry_run,
    )
    voice.line(voice.phrase("dry" if dry_run else "written", what=file.name))
    voice.next(f"bundle bundle.zip --report {file}")
