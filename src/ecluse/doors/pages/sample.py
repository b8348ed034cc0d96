"""The sample as a page: each chosen patient, old and new side by side, what differs said in words and marked.

It holds patients' data. Decides the layout only; whoever writes it gives it to nobody but the target laboratory (a file of mode 0600), and it says so
itself, first of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, page_of
from ecluse.doors.pages.tongue import Column, Mood, Tongue
from ecluse.passage.sample import FieldPair, PatientPair, Reason, RecordPair, Sample, Verdict

__all__ = ["sample_body", "sample_page"]

_MOODS: dict[Verdict, Mood] = {
    Verdict.EQUAL: "good", Verdict.DIFFERENT: "bad", Verdict.MISSING: "bad", Verdict.ADDED: "warn",
}  # fmt: skip
_FIRST = frozenset(
    {
        "value",
        "unit",
        "range_low",
        "range_high",
        "flag",
        "type",
        "organism",
        "count",
        "mic",
        "interpretation",
        "amount",
        "quantity",
        "date",
        "time",
        "site",
    }
)
"""The fields that a biologist looks at first."""
_WORDS: dict[Verdict, str] = {
    Verdict.EQUAL: "pages.side_equal", Verdict.DIFFERENT: "pages.side_different", Verdict.MISSING: "pages.side_missing",
    Verdict.ADDED: "pages.side_added_one",
}  # fmt: skip


def sample_page(sample: Sample, *, migration: str, language: str, at: datetime) -> str:
    """The page. `at`: when the two sides were read."""
    return page_of(sample_body(sample, migration=migration, language=language, at=at), language=language)


def sample_body(
    sample: Sample, *, migration: str, language: str, at: datetime, kept: str = "pages.side_banner_more"
) -> Body:
    """What `sample_page` says, without the file around it. `kept`: the sentence that says where what is shown stays."""
    tongue = Tongue(language)
    title = tongue.say("pages.side_title", name=migration)
    head = tongue.masthead(
        title, tongue.say("pages.side_under", at=tongue.instant(at)), lock_drawing(None, tongue)
    )
    banner = element(
        "div", element("b", tongue.say("pages.side_banner")), element("p", tongue.say(kept)),
        class_="notice", role="note",
    )  # fmt: skip
    left_out = ", ".join(tongue.kind(kind) for kind in sample.left_out)
    body = joined(
        head,
        element(
            "main",
            banner,
            _figure(sample, tongue),
            element("p", tongue.say("pages.side_left_out", kinds=left_out)) if left_out else None,
            _contents(sample.patients, tongue) if sample.patients else None,
            [_patient(number, patient, tongue) for number, patient in enumerate(sample.patients, 1)],
        ),
    )
    return Body(title, body)


def _figure(sample: Sample, tongue: Tongue) -> Markup:
    """How many records differ; a sample of nobody says that it shows nothing."""
    counts = sample.counts
    off = counts[Verdict.DIFFERENT] + counts[Verdict.MISSING]
    if not sample.patients:
        return tongue.figure("warn", "–", tongue.say("pages.side_nobody"))
    how = tongue.say(
        "pages.side_how",
        patients=tongue.number(len(sample.patients)),
        records=tongue.number(sum(counts.values())),
        seed=sample.seed,
    )
    added = (
        tongue.say("pages.side_added", count=tongue.number(counts[Verdict.ADDED]))
        if counts[Verdict.ADDED]
        else None
    )
    title = tongue.say("pages.side_one" if off == 1 else "pages.side_many" if off else "pages.side_none")
    return tongue.figure(
        "bad" if off else "good", tongue.number(off), title, how, *([added] if added else [])
    )


def _contents(patients: Sequence[PatientPair], tongue: Tongue) -> Markup:
    """Every patient with the verdict, so that a reader sees where to look."""
    columns = [
        Column("n°" if tongue.language == "fr" else "no.", right=True),
        Column(tongue.say("pages.column_patient")),
        Column(tongue.say("pages.column_why")),
        Column(tongue.say("pages.column_records"), right=True),
        Column(tongue.say("pages.column_outcome")),
    ]
    rows = [
        (
            number,
            element("a", patient.id, href=f"#p{number}"),
            " · ".join(_reason(reason, tongue) for reason in patient.reasons),
            tongue.number(len(patient.records)),
            _verdict(patient.verdict, tongue),
        )
        for number, patient in enumerate(patients, 1)
    ]
    off = [patient.verdict is not Verdict.EQUAL for patient in patients]
    return tongue.table(tongue.say("pages.side_caption"), columns, rows, off=off)


def _patient(number: int, patient: PatientPair, tongue: Tongue) -> Markup:
    """One patient: why, what differs, then everything, request by request."""
    title = tongue.say("pages.side_patient", number=number, id=patient.id)
    reasons = element(
        "ul", [element("li", _reason(reason, tongue)) for reason in patient.reasons], class_="why"
    )
    records = sorted(patient.records, key=lambda record: record.request)
    requests = [list(group) for _, group in groupby(records, key=lambda record: record.request)]
    return element(
        "section",
        element("h2", title, id=f"p{number}"),
        element("p", _verdict(patient.verdict, tongue)),
        reasons,
        [_record(record, tongue) for record in requests[0] if not record.request] if requests else None,
        [_request(group, tongue) for group in requests if group[0].request],
        _verdict_boxes(tongue),
        class_="patient",
        aria_labelledby=f"p{number}",
    )


def _request(records: Sequence[RecordPair], tongue: Tongue) -> Markup:
    """One request: the request itself, then one line for each of its records; those that differ are opened in full."""
    request = next((record for record in records if record.kind == "request"), None)
    others = [record for record in records if record is not request]
    title = element("h3", tongue.say("pages.side_request", id=records[0].request))
    kinds = [
        _lines(kind, list(group), tongue) for kind, group in groupby(others, key=lambda record: record.kind)
    ]
    told = None
    if request is not None:
        told = (
            _lines("request", [request], tongue)
            if request.verdict is Verdict.EQUAL
            else _record(request, tongue)
        )
    return joined(title, told, kinds)


def _lines(kind: str, records: Sequence[RecordPair], tongue: Tongue) -> Markup:
    """The records of one kind in one request, one line each: all its fields as they left, beside all its fields as they came."""
    columns = [
        Column(tongue.field(kind, "id")), Column(tongue.say("pages.column_old")), Column(tongue.say("pages.column_new")),
        Column(tongue.say("pages.column_outcome")),
    ]  # fmt: skip
    rows = [
        (
            _named(record),
            _fields(record, tongue, new=False),
            _fields(record, tongue, new=True),
            _verdict(record.verdict, tongue),
        )
        for record in records
    ]
    off = [record.verdict in (Verdict.DIFFERENT, Verdict.MISSING) for record in records]
    return element("div", tongue.table(tongue.kind(kind), columns, rows, off=off), class_="pairs")


def _named(record: RecordPair) -> Content:
    """What a laboratory calls the record: its test where it has one, and its identifier."""
    codes = [
        field.left or field.right
        for field in record.fields
        if field.name in ("code", "act", "organism", "antibiotic")
    ]
    return joined(*(joined(str(code), " ") for code in codes[:1] if code), element("small", record.id))


def _fields(record: RecordPair, tongue: Tongue, *, new: bool) -> Content:
    """Every field that holds something on either side, on one of them: first what a biologist reads first, then the rest."""
    if record.verdict is (Verdict.MISSING if new else Verdict.ADDED):
        return element("span", tongue.say("pages.absent"), class_="null")
    told = [f for f in record.fields if f.name not in ("id", "request") and (f.left, f.right) != (None, None)]
    first = [field for field in told if field.name in _FIRST]
    rest = [field for field in told if field.name not in _FIRST]
    return (
        _listed(first, record, tongue, new=new),
        element("small", _listed(rest, record, tongue, new=new)) if rest else None,
    )


def _listed(fields: Sequence[FieldPair], record: RecordPair, tongue: Tongue, *, new: bool) -> list[Content]:
    """Fields one after the other, each under its name; what differs is marked in both columns, by a sign and a weight."""
    told: list[Content] = []
    for field in fields:
        value = _value(field.right if new else field.left, tongue)
        off = record.verdict is Verdict.DIFFERENT and field.verdict is not Verdict.EQUAL
        label = element("i", tongue.field(record.kind, field.name))
        told += [" · " if told else None, label, " ", element("mark", "≠ ", value) if off else value]
    return told


def _record(record: RecordPair, tongue: Tongue) -> Markup:
    """One record in full: a line for each field, old and new in two columns; a prescriber who is the same is folded."""
    columns = [
        Column(tongue.say("pages.column_field")), Column(tongue.say("pages.column_old")), Column(tongue.say("pages.column_new")),
        Column(tongue.say("pages.column_outcome")),
    ]  # fmt: skip
    fields = [field for field in record.fields if field.left is not None or field.right is not None]
    rows = [
        (
            tongue.field(record.kind, f.name),
            _value(f.left, tongue),
            _value(f.right, tongue),
            _verdict(f.verdict, tongue),
        )
        for f in fields
    ]
    off = [field.verdict in (Verdict.DIFFERENT, Verdict.MISSING) for field in fields]
    caption = tongue.one(record.kind)
    if record.kind != "request":  # a request's own title is just above
        caption = tongue.say("pages.side_record", kind=caption, id=record.id)
    table = tongue.table(caption, columns, rows, off=off)
    if record.kind == "prescriber" and record.verdict is Verdict.EQUAL:
        table = element("details", element("summary", caption, " ", _verdict(record.verdict, tongue)), table)
    return element("div", table, class_="pairs fields")


def _verdict_boxes(tongue: Tongue) -> Markup:
    """Room on paper for what the biologist says of this patient."""
    return element(
        "p",
        f"☐ {tongue.say('pages.side_good')}   ☐ {tongue.say('pages.side_bad')}   {tongue.say('pages.side_comment')}",
        class_="soft",
    )


def _verdict(verdict: Verdict, tongue: Tongue) -> Markup:
    return tongue.tag(_MOODS[verdict], tongue.say(_WORDS[verdict]))


def _reason(reason: Reason, tongue: Tongue) -> str:
    words = tongue.say(f"pages.risk_{reason.risk.value}", count=tongue.number(reason.count))
    codes = ", ".join(reason.codes[:5]) + (", …" if len(reason.codes) > 5 else "")
    return f"{words} ({codes})" if codes else words


def _value(value: object, tongue: Tongue) -> Content:
    """A value as people of the laboratory write it; text is shown as it is, to the last space."""
    if value is None:
        return element("span", tongue.say("pages.absent"), class_="null")
    if isinstance(value, bool):
        return tongue.say("pages.yes" if value else "pages.no")
    if isinstance(value, datetime):
        clock = value.strftime("%H:%M:%S") + (f".{value.microsecond:06d}" if value.microsecond else "")
        return f"{tongue.day(value)} {clock}"
    if isinstance(value, date):
        return tongue.day(value)
    return str(value) if value != "" else element("span", tongue.say("pages.empty_text"), class_="null")
