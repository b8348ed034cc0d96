"""Cases for the contract of a format: plain ones that any laboratory could hold, and generated ones of any text at all.

Made from the mapping that ships with the format, in the raw text of its messages: the kinds and fields it can hold, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from ecluse.adapters.connectors.files.format import Case, Fact, Format, Row, Seen, Unread
from ecluse.terms.mapping import Mapping, Reading, parse_mapping
from ecluse.terms.vocabulary import Field, vocabulary

Value = str | bytes | None

BELOW: Final = {
    "specimen": "specimens", "result": "results", "isolate": "isolates", "susceptibility": "susceptibilities", "document": "documents",
    "invoice": "invoices",
}  # fmt: skip
"""The kinds below a request, and where a `Case` holds them."""

PLAIN: Final = {
    "rpps": "10001234567", "family_name": "MARTIN", "given_names": "ANNE", "birth_name": "DURAND", "used_name": "PETIT", "birth_place": "75112",
    "ins": "299997511200170", "ins_oid": "1.2.250.1.213.1.4.10", "nss": "299997511200170", "postcode": "75012", "city": "PARIS",
    "phone": "0100000000", "mobile": "0600000000", "email": "anne@example.org", "address": "1 RUE DE LA PAIX", "specialty": "SM26",
    "site": "01", "type": "SANG", "code": "GLU", "label": "GLUCOSE", "value": "5.4", "unit": "mmol/L", "range_low": "3.9", "range_high": "6.1",
    "flag": "N", "validator": "10001234567", "signatory": "10001234567", "organism": "ESCHERICHIA COLI", "count": "100000",
    "antibiotic": "AMOXICILLINE", "mic": "2", "media_type": "application/pdf", "act": "0552", "quantity": "1", "amount": "1.35", "payer": "AMO",
    "comment": "A JEUN", "comment_2": "RAPPELER", "clinical_info": "FIEVRE",
}  # fmt: skip
MOMENT: Final = datetime.fromisoformat("2024-01-15T08:30:00")


def mapping_of(fmt: Format) -> Mapping:
    """The mapping that ships with the format."""
    return parse_mapping(fmt.mapping.encode(), vocabulary=vocabulary())


def plain(described: Mapping, number: int) -> Case:
    """A case of everyday values in every field the format can hold, with all that may stand below a request."""
    return _case(described, number, lambda field, reading: _plain(field, reading, number))


def _plain(field: Field, reading: Reading, number: int) -> Value:
    if field.name == "merged_into":
        return None
    if field.type in ("date", "datetime"):
        return _told(MOMENT + timedelta(days=number % 28), field, reading)
    if reading.values:
        return reading.values[number % len(reading.values)][0]
    if field.type == "code":
        return field.codes[number % len(field.codes)]
    if field.type == "bytes":
        return b"%PDF-1.7\n" + bytes(range(256))
    if field.type == "integer":
        return str(1 + number % 3)
    return "true" if field.type == "flag" else PLAIN[field.name]


def _told(moment: datetime, field: Field, reading: Reading) -> str:
    """A date or a time in the raw text of the message."""
    if reading.format is not None:
        # strftime's year has no zeros before it on every system
        return moment.strftime(reading.format.replace("%Y", f"{moment.year:04d}"))
    return moment.date().isoformat() if field.type == "date" else moment.isoformat(" ")


# --- any text at all ------------------------------------------------------------------------------------------------------------------

_TEXT: Final = st.one_of(
    st.sampled_from(
        [
            "", " ", "^", "~", "|", "\\", "&", "a|b^c~d\\e&f", "\\F\\", "\\E", "\\X0D\\", "\r", "\n", "a\r\nb", "\t", "\x00", "\x0b\x1c\r", "é", "€",
            "É\u0301", "🩸", "'", '"', '""', "<b>&amp;</b>", "]]>", "\u2028", "  x  ", "=1+1", "A|", "MSH|", "OBX|1|", "OBX", "L|1", "x" * 300,
        ]
    ),
    st.text(max_size=12),
    st.text(alphabet=st.sampled_from("|^~\\&$*%<>'\" \r\n\tEHORé;,"), max_size=8),
)  # fmt: skip


@st.composite
def any_cases(draw: Any, described: Mapping, *, most: int = 3) -> list[Case]:
    """Some cases whose every value is absent, plain, or any text at all."""

    def value(field: Field, reading: Reading) -> Value:
        return draw(_any(field, reading))

    return [_case(described, number, value, draw=draw) for number in range(1, 1 + draw(st.integers(1, most)))]


def _any(field: Field, reading: Reading) -> st.SearchStrategy[Value]:
    if field.type == "bytes":
        return st.one_of(st.none(), st.binary(max_size=40), st.just(bytes(range(256))))
    if field.type in ("date", "datetime"):
        moments = st.datetimes().map(lambda it: _told(it.replace(microsecond=0), field, reading))
        return st.one_of(st.none(), moments)
    if reading.values:
        return st.one_of(st.none(), st.sampled_from([raw for raw, _ in reading.values]))
    if field.type == "code":
        return st.one_of(st.none(), st.sampled_from(field.codes))
    if field.type == "flag":
        return st.sampled_from([None, "true", "false"])
    if field.type == "integer":
        return st.one_of(st.none(), st.integers(-(10**17), 10**17).map(str))
    return st.one_of(st.none(), st.just(PLAIN.get(field.name, "X")), _TEXT)


# --- the shape of a case --------------------------------------------------------------------------------------------------------------


def _case(described: Mapping, number: int, value: Any, *, draw: Any = None) -> Case:
    ids = _ids(described, number, draw)
    rows = {
        kind: [_row(described, kind, ids, which, value) for which in range(len(names))]
        for kind, names in ids.items()
    }
    one = {kind: rows[kind][0] if rows.get(kind) else {} for kind in ("patient", "prescriber")}
    below = {place: rows.get(kind, []) for kind, place in BELOW.items()}
    return Case(request=rows["request"][0], patient=one["patient"], prescriber=one["prescriber"], **below)


def _ids(described: Mapping, number: int, draw: Any) -> dict[str, list[str]]:
    """How many records of each kind, by their ids: unique, as a laboratory's numbers are."""
    names: dict[str, list[str]] = {}
    for place, kind in enumerate(described.kinds):
        many = draw(st.integers(0, 2)) if draw and kind in BELOW else 2 if kind in BELOW else 1
        names[kind] = [f"{kind[0].upper()}{place}{number:03d}{which}" for which in range(many)]
    return names


def _row(described: Mapping, kind: str, ids: dict[str, list[str]], which: int, value: Any) -> Row:
    row: dict[str, Value] = {"id": ids[kind][which]}
    for name, reading in described.kinds[kind].fields.items():
        field = vocabulary().kinds[kind].fields[name]
        if field.parent is not None:
            # As many as there are, shared out: the second result stands in the second specimen.
            there = ids.get(field.parent, [])
            row[name] = there[which % len(there)] if there else None
        elif name != "id" and reading.columns:
            row[name] = value(field, reading)
    return row


# --- what was written, and what was read -----------------------------------------------------------------------------------------------

Records = dict[tuple[str, str], dict[str, Value]]


def fitting(fmt: Format, case: Case) -> Case | None:
    """The case without the records that the format says do not fit, nor those that hang on them; as a load would reject them."""
    if fmt.unfit("request", case.request) is not None:
        return None
    people = {
        kind: row if row and fmt.unfit(kind, row) is None else {}
        for kind, row in (("patient", case.patient), ("prescriber", case.prescriber))
    }
    if case.request.get("patient") and not people["patient"]:
        return None
    if case.request.get("prescriber") and not people["prescriber"]:
        return None
    if case.patient.get("doctor") and not people["prescriber"]:
        return None
    kept: dict[str, list[Row]] = {}
    for kind, place in BELOW.items():
        parents = [field for field in vocabulary().kinds[kind].parents if field.parent in BELOW]
        kept[place] = [
            row
            for row in getattr(case, place)
            if fmt.unfit(kind, row) is None
            and all(_there(row.get(field.name), kept[BELOW[field.parent or ""]]) for field in parents)
        ]
    return Case(request=case.request, **people, **kept)  # type: ignore[arg-type]


def _there(name: Value, parents: Iterable[Row]) -> bool:
    return name is None or any(parent["id"] == name for parent in parents)


def records_of(cases: Iterable[Case], alone: Iterable[tuple[str, Row]] = ()) -> Records:
    """Every record of these cases, by kind and id, with the fields that say something."""
    found: Records = {}
    for kind, row in alone:
        found[kind, str(row["id"])] = _said(row)
    for case in cases:
        for kind, row in rows_of(case):
            found[kind, str(row["id"])] = _said(row)
    return found


def rows_of(case: Case) -> Iterator[tuple[str, Row]]:
    """Kind and row of every record of a case, parents first."""
    for kind, row in (("prescriber", case.prescriber), ("patient", case.patient), ("request", case.request)):
        if row:
            yield kind, row
    for kind, place in BELOW.items():
        for row in getattr(case, place):
            yield kind, row


def _said(row: Row) -> dict[str, Value]:
    return {name: value for name, value in row.items() if value is not None}


def folded(read: Iterable[Fact | Unread | Seen]) -> Records:
    """What the facts come to, as the contract says: the last present value of each field, "" empties, `gone` removes."""
    found: Records = {}
    for it in read:
        if not isinstance(it, Fact):
            continue
        key = (it.kind, str(it.row["id"]))
        if it.gone:
            found.pop(key, None)
            continue
        record = found.setdefault(key, {})
        for name, value in it.row.items():
            if value is not None:
                record[name] = value
    return {
        key: {name: value for name, value in record.items() if value not in ("", b"")}
        for key, record in found.items()
    }


def counted(read: Iterable[Fact | Unread | Seen]) -> int:
    """How many units were told of, each under one fate."""
    return sum(
        it.times if isinstance(it, Seen) else sum(it.units.values()) if isinstance(it, Unread) else 0
        for it in read
    )


def day(number: int) -> date:
    """A day of January 2024, by its number."""
    return (MOMENT + timedelta(days=number)).date()
