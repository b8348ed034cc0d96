"""Verbs about systems and the plan: profile a system; draft, check and show its mapping; see what an instruction would take from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecluse.base.refusal import Refusal
from ecluse.base.words import size
from ecluse.doors.cli.decided import decisions
from ecluse.doors.cli.options import Json, Maybe, SideName
from ecluse.doors.cli.place import Here, here, octets_of, write_new
from ecluse.doors.cli.watching import versions

if TYPE_CHECKING:
    from ecluse.passage.preview import Preview
    from ecluse.terms.catalogue import Catalogue
    from ecluse.terms.plan import Plan

__all__ = ["check", "draft", "page", "plan", "profile", "show_preview"]

MISTAKEN = 10
"""The exit code of a mapping that is refused (`base.refusal.EXITS`)."""
Side = Annotated[SideName, typer.Argument(metavar="source|target")]


def profile(ctx: typer.Context, *, side: Side = SideName.SOURCE, json: Json = False) -> None:
    """What a system holds: read-only, on a budget; values seen fewer than five times are never shown."""
    from ecluse.wiring.workspace import profile_of

    place = here(ctx, json=json)
    voice, system = place.voice, place.workspace.settings.side(side.value)
    found, _ = profile_of(system)
    voice.result(
        "profile",
        system=found.system,
        dialect=found.dialect,
        skipped=list(found.skipped),
        tables=[
            {
                "table": table.name,
                "rows": table.rows,
                "decided": found.decided.get(table.name, {}),
                "columns": [
                    {
                        "column": column.name,
                        "type": column.native,
                        "nulls": round(column.nulls, 3),
                        "distinct": column.distinct,
                        "frequent": [list(one) for one in column.frequent],
                        "hidden": column.hidden,
                        "recognised": [finding.what for finding in column.findings],
                        "secret": column.secret or "",
                    }
                    for column in table.columns.values()
                ],
            }
            for table in found.tables.values()
        ],
    )
    for table in found.tables.values():
        voice.line(
            voice.phrase("profile_table", table=table.name, rows=voice.number(table.rows)), style="bold"
        )
        if table.name in found.decided:
            for line in decisions(voice, table, found.decided[table.name]):
                voice.line(f"  {line}")
        voice.table(
            [
                (
                    column.name,
                    column.native,
                    f"{100 * (1 - column.nulls):.0f} %",
                    voice.number(column.distinct),
                    voice.phrase("secret")
                    if column.secret
                    else ", ".join(finding.what for finding in column.findings),
                )
                for column in table.columns.values()
            ],
            right=frozenset({2, 3}),
            indent="  ",
        )
    for name in found.skipped:
        voice.line(f"{voice.sign(good=False)} {voice.phrase('skipped', table=name)}")
    voice.next(f"mapping draft {side.value}")


def draft(
    ctx: typer.Context, *, side: Side = SideName.SOURCE, file: Maybe = None, json: Json = False
) -> None:
    """A mapping proposed from the system's profile, for a person to complete: each field with how sure, why, and masked samples."""
    from ecluse.terms.draft import draft_mapping
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.workspace import profile_of

    place = here(ctx, json=json)
    voice = place.voice
    if file is not None and file.exists():
        raise Refusal("door/file-exists", where=file.name)
    found, catalogue = profile_of(place.workspace.settings.side(side.value))
    text = draft_mapping(found, catalogue, vocabulary(), language=voice.language)
    if file is not None:
        write_new(file, text)
    voice.result("mapping draft", file=str(file) if file else "", text="" if file else text)
    voice.line(text.rstrip("\n") if file is None else voice.phrase("written", what=file.name))
    voice.next(f"mapping page {file}" if file else f"mapping check {side.value}")


def check(
    ctx: typer.Context,
    *,
    what: Annotated[str, typer.Argument(metavar="source|target|FILE")] = "source",
    against: Annotated[SideName | None, typer.Option("--against", metavar="source|target")] = None,
    watch: Annotated[bool, typer.Option("--watch")] = False,
    json: Json = False,
) -> int:
    """Whether a mapping can be read, and whether its tables and columns are there: every mistake with its line."""
    place = here(ctx, json=json)
    if what in tuple(SideName):
        return _checked(place, _file_of(place, what), _catalogue_of(place, what), side=what)
    file = Path(what)
    payload = octets_of(file)
    catalogue = _catalogue_of(place, against.value) if against else None
    side = against.value if against else ""
    if not watch:
        return _checked(place, payload, catalogue, side=side)
    place.voice.talk(place.voice.phrase("watching", file=file.name))
    for payload in versions(file):
        _checked(place, payload, catalogue, side=side)
        place.voice.line()
    return 0


def _file_of(place: Here, side: str) -> bytes:
    return octets_of(place.workspace.settings.side(_side(side)).mapping)


def _catalogue_of(place: Here, side: str) -> Catalogue:
    from ecluse.wiring.laboratory import source_of

    return source_of(place.workspace.settings.side(_side(side))).catalogue()


def _side(name: str) -> Any:
    return SideName(name).value


def _checked(place: Here, payload: bytes, catalogue: Catalogue | None, *, side: str) -> int:
    """Say what is wrong, by line, or what the mapping describes; the exit code. `catalogue` None: no system is looked at."""
    from ecluse.terms.mapping import parse_mapping
    from ecluse.terms.mistakes import mistakes
    from ecluse.terms.vocabulary import vocabulary

    voice, language = place.voice, place.voice.language
    found = mistakes(payload, vocabulary=vocabulary(), catalogue=catalogue)
    told = [
        {
            "line": one.line,
            "where": one.where,
            "code": one.refusal.code,
            "message": one.refusal.message(language),
        }
        for one in found
    ]
    if found:
        voice.result("mapping check", system="", digest="", kinds={}, mistakes=told)
        for one in found:
            message = voice.phrase(
                "mistake", line=one.line, where=one.where, message=one.refusal.message(language)
            )
            voice.line(f"{voice.sign(good=False)} {message}", style="red")
        voice.line(voice.phrase("mistakes", count=voice.number(len(found))))
        return MISTAKEN
    mapping = parse_mapping(payload, vocabulary=vocabulary())
    kinds = vocabulary().kinds
    described = {
        name: (len(kind.fields), len(kinds[name].fields), len(kind.without))
        for name, kind in mapping.kinds.items()
    }
    voice.result(
        "mapping check",
        system=mapping.system,
        digest=mapping.digest,
        kinds={name: {"fields": mapped, "of": whole} for name, (mapped, whole, _) in described.items()},
        mistakes=[],
    )
    voice.line(
        voice.phrase("mapping_fits" if catalogue is not None else "mapping_reads", system=mapping.system)
    )
    voice.line(mapping.digest)
    voice.table(
        [
            (
                kinds[name].label[language],
                f"{mapped} / {whole}",
                voice.phrase("left_why", count=left) if left else "",
            )
            for name, (mapped, whole, left) in described.items()
        ],
        indent="  ",
    )
    voice.next({"source": "codes draft", "target": "lock status"}.get(side, "mapping check source"))
    return 0


def page(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE")] = None,
    beside: Annotated[SideName | None, typer.Option("--beside", metavar="source|target")] = None,
    json: Json = False,
) -> None:
    """The mapping's documentation, made from its file: one HTML page; with --beside, masked samples of a system beside each field."""
    from ecluse.doors.pages.mapping import mapping_page
    from ecluse.terms.mapping import parse_mapping
    from ecluse.terms.placed import placed
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.workspace import profile_of

    place = here(ctx, json=json)
    voice = place.voice
    payload = octets_of(file)
    mapping = parse_mapping(payload, vocabulary=vocabulary())
    profile = profile_of(place.workspace.settings.side(beside.value))[0] if beside else None
    text = mapping_page(
        mapping, placed(payload.decode("utf-8")), language=voice.language, name=file.name, profile=profile
    )
    written = html or file.with_suffix(".html")
    written.write_text(text, "utf-8")
    voice.result("mapping page", file=str(written), digest=mapping.digest)
    voice.line(voice.phrase("written", what=written.name))
    voice.next(f"mapping check {file}")


def plan(
    ctx: typer.Context,
    *,
    instruction: Annotated[str, typer.Argument(metavar="FILE|ID|DIGEST")] = "",
    grants: Annotated[str, typer.Option("--grants", metavar="ACCOUNT")] = "",
    sql: Annotated[bool, typer.Option("--sql")] = False,
    rehearse: Annotated[int, typer.Option("--rehearse", metavar="N", min=0)] = 0,
    json: Json = False,
) -> None:
    """What the instruction would take from the source, and what stays, by which rule; its GRANTs, its SQL."""
    from ecluse.passage.lock import current_instruction

    place = here(ctx, json=json)
    voice, workspace = place.voice, place.workspace
    site = workspace.site("source")
    ordered = place.document(site, instruction) if instruction else current_instruction(site)
    if not ordered:
        raise Refusal("lock/no-instruction")
    compiled = workspace.plan(workspace.authority(site, ordered), rehearse=rehearse)
    if grants or sql:
        _as_sql(place, compiled, grants=grants)
        voice.next("doctor" if grants else "lock status")  # the doctor looks at what the account may do now
        return
    show_preview(place, compiled, workspace.preview(compiled))
    voice.next("lock status")


def show_preview(place: Here, compiled: Plan, counted: Preview) -> None:
    """The table of what leaves and what stays."""
    from ecluse.terms.vocabulary import vocabulary

    voice, language = place.voice, place.voice.language
    kinds = vocabulary().kinds
    voice.result(
        "plan",
        instruction=compiled.instruction,
        patients=counted.patients,
        octets=counted.octets,
        kinds=[
            {
                "kind": kind.kind,
                "leaving": kind.leaving,
                "staying": kind.staying,
                "octets": kind.octets,
                "columns": list(kind.columns),
                "terms": [
                    {"field": field, "category": category, "rows": rows}
                    for (field, category), rows in kind.terms.items()
                ],
                "examined": kind.examined,
            }
            for kind in counted.kinds
        ],
        grants=[],
        sql=[],
    )
    voice.line(
        voice.phrase(
            "plan_patients", patients=voice.number(counted.patients), size=size(counted.octets, language)
        )
    )
    head = (
        voice.phrase("kind"),
        voice.phrase("leaves"),
        voice.phrase("stays"),
        voice.phrase("columns"),
        voice.phrase("why"),
    )
    rows = [
        (
            kinds[kind.kind].label[language],
            voice.number(kind.leaving),
            voice.number(sum(kind.staying.values())),
            str(len(kind.columns)),
            ", ".join(f"{rule} {voice.number(count)}" for rule, count in kind.staying.items()),
        )
        for kind in counted.kinds
    ]
    voice.table([head, *rows], right=frozenset({1, 2, 3}))
    if any(piece.container for piece in compiled.slices):
        voice.line(voice.phrase("documents_opened"))
    for kind in counted.kinds:
        for (field, category), count in kind.terms.items():
            label = vocabulary().categories[category].label[language]
            voice.line(
                voice.phrase(
                    "terms_seen",
                    field=f"{kind.kind}.{field}",
                    category=label,
                    rows=count,
                    examined=kind.examined,
                )
            )


def _as_sql(place: Here, compiled: Plan, *, grants: str) -> None:
    """The GRANTs of a least-privilege account, or the statements that the plan runs."""
    from ecluse.adapters.connectors.sql.address import parse_address
    from ecluse.adapters.connectors.sql.grants import grant_statements
    from ecluse.adapters.connectors.sql.query import render, rows_query
    from ecluse.adapters.connectors.sql.read_firebird import statements as firebird_statements
    from ecluse.wiring.course import privileges_needed

    voice, source = place.voice, place.workspace.source()
    catalogue = source.catalogue()
    dialect: Any = catalogue.dialect
    granted: list[str] = []
    statements: list[str] = []
    if grants and dialect in ("postgres", "mysql", "tsql", "oracle", "firebird"):
        schemas = parse_address(place.workspace.settings.source.url).schemas
        needed = privileges_needed(compiled, source)
        granted = [f"{line};" for line in grant_statements(needed, grants, dialect, schemas=schemas)]
    elif grants:
        granted = [str(privilege) for privilege in sorted(privileges_needed(compiled, source))]
        voice.talk(voice.phrase("no_accounts"))
    elif dialect == "firebird":  # its rules are asked of the scratch
        statements = [f"{asked};" for _, asked in firebird_statements(compiled, catalogue)]
    else:
        statements = [
            f"{render(rows_query(compiled, piece, catalogue, dialect), dialect).sql};"
            for piece in compiled.slices
        ]
    voice.result(
        "plan",
        instruction=compiled.instruction,
        patients=0,
        octets=0,
        kinds=[],
        grants=granted,
        sql=statements,
    )
    for line in (*granted, *statements):
        voice.line(line)
