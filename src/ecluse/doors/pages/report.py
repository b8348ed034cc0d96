"""The report of a migration (« rapport de reprise »): what became of every record, who did what, and how to check it all without us.

Decides the order in which a biologist reads it: the one number first, then what stayed and why, the checks, the analyses, the steps, the erasure, the
evidence. It holds counts, codes and digests; no patient's datum can reach it, because no value it is given holds one.
"""

from __future__ import annotations

from datetime import datetime

from ecluse.doors.pages.certificate import not_covered, places_table
from ecluse.doors.pages.counts import analytes_part, checks_part, excluded_part, flow_part, months_part
from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, page_of
from ecluse.doors.pages.plots import gates_plot
from ecluse.doors.pages.story import Story
from ecluse.doors.pages.tongue import Column, Mood, Tongue, sections
from ecluse.doors.pages.units import units_part
from ecluse.passage.migration import STOPPED, Act
from ecluse.passage.reconcile import Reconciliation

__all__ = ["report_body", "report_page"]


def report_page(story: Story, *, language: str, at: datetime, bundle: str = "") -> str:
    """The whole report as one HTML file. `at`: when it is made; `bundle`: the name of the inspector's bundle beside it, if there is one."""
    return page_of(report_body(story, language=language, at=at, bundle=bundle), language=language)


def report_body(story: Story, *, language: str, at: datetime, bundle: str = "") -> Body:
    """What `report_page` says, without the file around it."""
    tongue = Tongue(language, story.people)
    title = tongue.say("pages.report_title", name=story.name)
    result = story.reconciliation
    head = tongue.masthead(title, tongue.say("pages.report_under"), lock_drawing(story.migration, tongue))
    counted: list[tuple[str, Content]] = []
    if result is not None:
        counted = [
            (tongue.say("pages.flow_title"), flow_part(result, tongue)),
            *_accounted(result, tongue),
            (tongue.say("pages.out_title"), excluded_part(result, tongue)),
            (tongue.say("pages.checks_title"), checks_part(result, tongue)),
            (tongue.say("pages.analytes_title"), analytes_part(result, tongue)),
            (tongue.say("pages.months_title"), months_part(result, tongue)),
        ]
    parts = [
        *counted,
        (tongue.say("pages.sample_title"), _sampled(story, tongue)),
        (tongue.say("pages.steps_title"), _steps(story, tongue)),
        (tongue.say("pages.erasure_title"), _erasure(story, tongue)),
        (tongue.say("pages.evidence_title"), _evidence(story, tongue, bundle or "bundle.zip")),
    ]
    foot = element("footer", element("p", tongue.say("pages.report_foot", at=tongue.instant(at))))
    body = joined(
        head, element("main", _identity(story, tongue), _number(story, result, tongue), sections(parts)), foot
    )
    return Body(title, body)


def _accounted(result: Reconciliation, tongue: Tongue) -> list[tuple[str, Content]]:
    """Of a source of files, what became of every unit; of any other, no part."""
    if result.account is None:
        return []
    return [(tongue.say("pages.units_title"), units_part(result.account, tongue))]


def _identity(story: Story, tongue: Tongue) -> Markup:
    """What the report is of: the parties, the systems, the period, where it stands."""
    state = tongue.say(f"pages.state_{story.migration.state.name.lower()}")
    lines: list[tuple[str, Content]] = [(tongue.say("pages.card_migration"), story.name)]
    asked = story.instruction
    if asked is not None:
        period = asked.period
        lines += [
            (
                tongue.say("pages.card_instruction"),
                tongue.say("pages.card_version", id=asked.id, version=asked.version),
            ),
            (tongue.say("pages.card_controller"), asked.controller.name),
            (tongue.say("pages.card_processor"), asked.processor.name),
            (tongue.say("pages.card_systems"), f"{asked.source.system} → {asked.target.system}"),
            (
                tongue.say("pages.card_period"),
                tongue.say("pages.card_from_to", first=tongue.day(period.start), last=tongue.day(period.end)),
            ),
            (tongue.say("pages.card_sites"), tongue.number(len(asked.sites))),
        ]
    lines.append((tongue.say("pages.card_state"), state))
    return tongue.card(lines)


def _number(story: Story, result: Reconciliation | None, tongue: Tongue) -> Markup:
    """The one number: records that nothing explains."""
    accepted = _accepted(story, tongue)
    if result is None:
        key = "pages.number_stopped" if story.migration.state in STOPPED else "pages.number_none"
        return tongue.figure("warn", "–", tongue.say("pages.number_not_counted"), tongue.say(key))
    count = result.unexplained
    title = tongue.say(
        "pages.number_one" if count == 1 else "pages.number_many" if count else "pages.number_zero"
    )
    seen, loaded = (sum(getattr(kind, name) for kind in result.kinds) for name in ("seen", "loaded"))
    explained = tongue.say(
        "pages.number_sum",
        seen=tongue.number(seen),
        loaded=tongue.number(loaded),
        stayed=tongue.number(seen - loaded),
    )
    if result.failed:
        failed = tongue.say("pages.number_failed", count=tongue.number(len(result.failed)))
        return tongue.figure("bad", tongue.number(count), title, explained, failed)
    if not seen:
        return tongue.figure("warn", tongue.number(count), title, tongue.say("pages.number_nothing"))
    mood: Mood = "bad" if count else "good"
    return tongue.figure(mood, tongue.number(count), title, explained, accepted)


def _accepted(story: Story, tongue: Tongue) -> Markup:
    """Whether a biologist accepted, who and when."""
    signed = story.last(Act.RECONCILE.value)
    if signed is None:
        return tongue.tag("warn", tongue.say("pages.not_accepted"))
    words = tongue.say("pages.accepted", person=tongue.person(signed.by), at=tongue.instant(signed.time))
    return tongue.tag("good", words)


def _sampled(story: Story, tongue: Tongue) -> Markup:
    """The last sample's counts; the sample itself holds patients' values and stands elsewhere."""
    counts = story.sampled
    if counts is None:
        return element("p", tongue.tag("warn", tongue.say("pages.sample_skipped")))
    off = int(counts.get("different", 0)) + int(counts.get("missing", 0))
    words = tongue.say(
        "pages.sample_counts",
        patients=tongue.number(int(counts.get("patients", 0))),
        asked=tongue.number(int(counts.get("asked", 0))),
        equal=tongue.number(int(counts.get("equal", 0))),
        off=tongue.number(off),
        seed=str(counts.get("seed", "")),
    )
    verdict = (
        tongue.tag("bad", tongue.say("pages.sample_differs"))
        if off
        else tongue.tag("good", tongue.say("pages.sample_same"))
    )
    return joined(element("p", verdict), element("p", words))


def _steps(story: Story, tongue: Tongue) -> Markup | None:
    """Who did what when, as the ledger has it, under the drawing of the two gates."""
    if not story.own:
        return None
    rows = [
        (
            tongue.number(event.seq),
            tongue.instant(event.time),
            tongue.either(f"pages.act_{event.act.replace('.', '_').replace('-', '_')}", event.act),
            tongue.person(event.by),
        )
        for event in story.own
    ]
    columns = [
        Column(tongue.say("pages.column_entry"), right=True),
        Column(tongue.say("pages.column_when")),
        Column(tongue.say("pages.column_what")),
        Column(tongue.say("pages.column_who")),
    ]
    return joined(
        element("p", tongue.say("pages.steps_intro")),
        gates_plot(story.own, tongue),
        tongue.table(tongue.say("pages.steps_caption"), columns, rows),
    )


def _erasure(story: Story, tongue: Tongue) -> Markup:
    """What was erased, and what is not covered; or that nothing was yet."""
    certificate = story.certificate
    if certificate is None:
        return element("p", tongue.tag("warn", tongue.say("pages.erasure_none")))
    why = tongue.either(f"pages.why_{certificate['why']}", str(certificate["why"]))
    done = tongue.say("pages.erasure_done", at=tongue.instant(str(certificate["ended"])), why=why)
    return joined(
        element("p", tongue.tag("good", done)),
        places_table(certificate, tongue),
        not_covered(certificate, tongue),
    )


def _evidence(story: Story, tongue: Tongue, bundle: str) -> Markup:
    """The digests of what was signed, and how anyone can check it offline."""
    rows = [
        (tongue.say(f"pages.document_{name}"), element("code", digest))
        for name, digest in story.documents.items()
    ]
    columns = [Column(tongue.say("pages.column_document")), Column(tongue.say("pages.column_digest"))]
    table = tongue.table(tongue.say("pages.evidence_caption"), columns, rows) if rows else None
    return joined(
        element("p", tongue.say("pages.evidence_intro")),
        table,
        element("h3", tongue.say("pages.verify_title")),
        element("p", tongue.say("pages.verify_intro")),
        element("pre", element("code", f"ecluse verify {bundle}")),
        element("p", tongue.say("pages.verify_after")),
    )
