"""The contract of `files.format.Format`, which every format of files passes: read back exactly, every unit counted once, nothing raised."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    UNKNOWN,
    Case,
    Fact,
    Format,
    Row,
    Seen,
    Unread,
    Written,
)
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import (
    BELOW,
    any_cases,
    counted,
    fitting,
    folded,
    mapping_of,
    plain,
    records_of,
    rows_of,
)
from tests.ports.formats import Described, Dripped, described

FORMATS = described()
MARK = "ZZMARQUEZZ"
WORD = re.compile(r"[a-z][a-z0-9-]{0,39}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

slowly = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.fixture(scope="module", params=FORMATS)
def it(request: pytest.FixtureRequest) -> Described:
    return FORMATS[request.param]


@pytest.fixture(scope="module")
def writer(it: Described) -> Described:
    if not it.writes:
        pytest.skip(f"format: {it.name} is only read")
    return it


def read(fmt: Format, octets: bytes) -> list[Fact | Unread | Seen]:
    """Everything in these octets, given as a file would."""
    return list(fmt.read(io.BytesIO(octets), name="1"))


def read_all(fmt: Format, files: Iterable[Written]) -> list[Fact | Unread | Seen]:
    """Everything in files, in the order of their names: as a folder is read."""
    return [
        it
        for file in sorted(files)
        for it in fmt.read(cast("BinaryIO", io.BytesIO(file.content)), name=file.name)
    ]


@cache
def whole_files(it: Described) -> tuple[bytes, ...]:
    """The samples, and files as the format itself writes them: made once, for a format may write the time."""
    fmt = it.format()
    described = mapping_of(fmt)
    written = fmt.write([plain(described, 1), plain(described, 2)], []) if it.writes else ()
    return (*it.samples, *(file.content for file in written))


# --- what it is ------------------------------------------------------------------------------------------------------------------------


def test_its_mapping_says_what_it_can_hold(it: Described) -> None:
    """The mapping that ships with a format names a table for each kind it can hold, of the kind's own name, with a column for each field."""
    fmt = it.format()
    mapping = mapping_of(fmt)
    assert mapping.kinds
    for name, kind in mapping.kinds.items():
        assert kind.table == name
        assert not kind.joins
        for field, reading in kind.fields.items():
            assert [column.name for column in reading.columns] == [field] or reading.constant is not None
    for path in ("id", "patient", "site", "date"):
        assert path in mapping.kinds["request"].fields, "no plan can be made without it"


def test_it_gives_no_kind_and_no_field_but_those_of_its_mapping(it: Described) -> None:
    """A fact is of a mapped kind, its fields are mapped, it has its id, and its values are texts (octets for a document's content)."""
    fmt = it.format()
    mapping = mapping_of(fmt)
    for octets in whole_files(it):
        for fact in read(fmt, octets):
            if isinstance(fact, Fact):
                fields = mapping.kinds[fact.kind].fields
                assert fact.row.keys() <= fields.keys()
                assert fact.row["id"]
                for name, value in fact.row.items():
                    of_octets = vocabulary().kinds[fact.kind].fields[name].type == "bytes"
                    assert value is None or value == "" or isinstance(value, bytes if of_octets else str)


# --- written, then read ------------------------------------------------------------------------------------------------------------------


def test_an_everyday_case_fits_and_is_read_back_field_for_field(writer: Described) -> None:
    """Everyday values in every field, and all that stands below a request: nothing is unfit, and every field comes back as it was."""
    fmt = writer.format()
    cases = [plain(mapping_of(fmt), number) for number in range(1, 6)]
    unfit = [(kind, fmt.unfit(kind, row)) for case in cases for kind, row in rows_of(case)]
    assert [it for it in unfit if it[1]] == []
    assert folded(read_all(fmt, fmt.write(cases, []))) == records_of(cases)


def test_records_without_a_request_are_written_too(writer: Described) -> None:
    """Patients and prescribers to whom no request refers are written and read back, with cases beside them and without."""
    fmt = writer.format()
    mapping = mapping_of(fmt)
    others = [plain(mapping, number) for number in range(7, 10)]
    alone: list[tuple[str, Row]] = [("prescriber", it.prescriber) for it in others if it.prescriber]
    alone += [("patient", it.patient) for it in others if it.patient]
    for cases in ([], [plain(mapping, 1)]):
        assert folded(read_all(fmt, fmt.write(iter(cases), iter(alone)))) == records_of(cases, alone)


def test_a_bare_request_is_written(writer: Described) -> None:
    """A request with a patient and nothing below it is a case like another."""
    fmt = writer.format()
    case = plain(mapping_of(fmt), 1)
    bare = Case(request=case.request, patient=case.patient, prescriber=case.prescriber)
    assert fmt.unfit("request", bare.request) is None
    assert folded(read_all(fmt, fmt.write([bare], []))) == records_of([bare])


@pytest.mark.parametrize("name", [name for name, it in FORMATS.items() if it.writes])
@slowly
@given(drawn=st.data())
def test_what_is_not_said_unfit_is_read_back_exactly(name: str, drawn: st.DataObject) -> None:
    """Any text at all, in any field: either the format says that the record does not fit, or it comes back character for character."""
    fmt = FORMATS[name].format()
    drawn_cases = drawn.draw(any_cases(mapping_of(fmt)))
    cases = [case for case in (fitting(fmt, it) for it in drawn_cases) if case is not None]
    expected = {
        key: {name: value for name, value in row.items() if value not in ("", b"")}
        for key, row in records_of(cases).items()
    }
    files = list(fmt.write(iter(cases), []))
    assert folded(read_all(fmt, files)) == expected
    assert [it for it in read_all(fmt, files) if isinstance(it, Unread)] == []


def test_why_a_record_does_not_fit_is_a_short_word(writer: Described) -> None:
    """The reason is one stable word, and never the value."""
    fmt = writer.format()
    case = plain(mapping_of(fmt), 1)
    for kind, row in rows_of(case):
        for name in row:
            if name != "content":
                reason = fmt.unfit(kind, {**row, name: f"{MARK}\x00\x0b\x1c\r\n|^~\\&<🩸" * 50})
                assert reason is None or (WORD.fullmatch(reason) and MARK not in reason)


def test_files_are_named_by_numbers_and_safe_letters(writer: Described) -> None:
    """A file's name is unique, safe everywhere, and made of no value of a record; in the order of names, what was written last is read last."""
    fmt = writer.format()
    cases = [
        Case(request={**it.request, "id": f"{MARK}{n}"}, patient={**it.patient, "id": MARK})
        for n, it in enumerate(plain(mapping_of(fmt), number) for number in range(4))
    ]
    files = list(fmt.write([case for case in cases if fmt.unfit("request", case.request) is None], []))
    names = [file.name for file in files]
    assert len(set(names)) == len(names)
    assert names == sorted(names)
    assert all(FILE.fullmatch(name) and MARK not in name for name in names)


def test_cases_are_written_as_they_come(writer: Described) -> None:
    """The first file is there before the last case is asked for: memory does not grow with the number of cases, nor with their documents."""
    fmt = writer.format()
    mapping = mapping_of(fmt)
    asked = 0

    def endless() -> Iterator[Case]:
        nonlocal asked
        while asked < 20_000:
            asked += 1
            case = plain(mapping, asked)
            for document in case.documents:  # a file is full sooner of documents than of rows
                document["content"] = b"%PDF-1.7\n" + bytes(24_000)
            yield case

    assert next(iter(fmt.write(endless(), [])))
    assert asked < 20_000


# --- every unit once ---------------------------------------------------------------------------------------------------------------------


def test_every_unit_is_counted_once(it: Described) -> None:
    """The units under their fates, and those of what could not be read, are as many as the separators say."""
    for octets in whole_files(it):
        assert counted(read(it.format(), octets)) == it.units(octets)
        check_meter(it.format(), octets)


def check_meter(fmt: Format, octets: bytes) -> None:
    """The format's own count by separators, given the octets in pieces of any size, agrees with what was read."""
    for at_once in (1, 5, 1 << 16):
        meter = fmt.meter()
        for start in range(0, len(octets), at_once):
            meter.feed(octets[start : start + at_once])
        told = [it for it in read(fmt, octets) if not isinstance(it, Fact)]
        units = sum(
            times
            for it in told
            for unit, times in (it.units.items() if isinstance(it, Unread) else [(it.unit, it.times)])
            if meter.measures in ("*", unit)
        )
        assert meter.units() == units


def test_fates_and_reasons_are_words_of_the_contract(it: Described) -> None:
    """A unit is carried, structure, or not in the vocabulary; what is unread says why in one word, and has its octets and units."""
    fmt = it.format()
    for octets in (*whole_files(it), b"\x00", b"no such thing\r\n", b"\xff\xfe" * 9):
        for told in read(fmt, octets):
            if isinstance(told, Seen):
                assert told.fate in (CARRIED, IGNORED, UNKNOWN)
                assert told.times > 0
            elif isinstance(told, Unread):
                assert WORD.fullmatch(told.reason)
                assert told.raw
                assert all(times > 0 for times in told.units.values())


def test_an_empty_file_holds_nothing(it: Described) -> None:
    """No octet, no unit, no fact, and nothing to complain of."""
    assert counted(read(it.format(), b"")) == it.units(b"") == 0


def test_a_file_cut_anywhere_is_accounted_for(it: Described) -> None:
    """Cut at any octet, a file raises nothing, and what is left of it is counted unit by unit."""
    fmt = it.format()
    for octets in whole_files(it):
        step = max(1, len(octets) // 150)
        for end in range(0, len(octets), step):
            assert counted(read(fmt, octets[:end])) == it.units(octets[:end]), f"cut at {end}"
        check_meter(fmt, octets[: len(octets) // 3])


@pytest.mark.parametrize("name", FORMATS)
@slowly
@given(drawn=st.data())
def test_octets_changed_anywhere_are_accounted_for(name: str, drawn: st.DataObject) -> None:
    """A file with octets put in, taken out or changed raises nothing, and is counted unit by unit."""
    described = FORMATS[name]
    octets = drawn.draw(st.sampled_from(whole_files(described)))
    start = drawn.draw(st.integers(0, len(octets)))
    taken = drawn.draw(st.integers(0, 20))
    hurt = octets[:start] + drawn.draw(st.binary(max_size=6)) + octets[start + taken :]
    assert counted(read(described.format(), hurt)) == described.units(hurt)
    check_meter(described.format(), hurt)


@pytest.mark.parametrize("name", FORMATS)
@slowly
@given(octets=st.binary(max_size=200))
def test_any_octets_at_all_are_accounted_for(name: str, octets: bytes) -> None:
    """What is no message of this format raises nothing, and is counted all the same; the same octets read twice tell the same."""
    described = FORMATS[name]
    first, second = read(described.format(), octets), read(described.format(), octets)
    assert first == second
    assert counted(first) == described.units(octets)
    check_meter(described.format(), octets)


def test_octets_may_come_slowly(it: Described) -> None:
    """A stream that gives an octet at a time, or seven, tells the same as a file."""
    fmt = it.format()
    for octets in whole_files(it):
        expected = read(fmt, octets)
        for at_once in (1, 7):
            stream: Any = Dripped(octets, at_once)
            assert list(fmt.read(stream, name="1")) == expected


def test_places_tell_no_value(writer: Described) -> None:
    """A fact's place, a unit's name and a reason hold no value of any field."""
    fmt = writer.format()
    case = plain(mapping_of(fmt), 1)
    marked = Case(**{
        place: [_marked(row) for row in rows] if isinstance(rows := getattr(case, place), list) else _marked(rows)
        for place in ("request", "patient", "prescriber", *BELOW.values())
    })  # fmt: skip
    octets = b"".join(file.content for file in fmt.write([marked], []))
    for told in (*read(fmt, octets), *read(fmt, octets[: len(octets) // 2])):
        shown = (
            told.place if isinstance(told, Fact) else told.unit if isinstance(told, Seen) else repr(told[:2])
        )
        assert MARK not in shown
        assert not isinstance(told, Unread) or MARK not in repr(told.units)


def _marked(row: Row) -> Row:
    """The record with a marker in every field that is a text of its own."""
    keep = {"id", "content", *(field.name for kind in vocabulary().kinds.values() for field in kind.parents)}
    texts = {field.path for kind in vocabulary().kinds.values() for field in kind.fields.values() if field.type == "text"}  # fmt: skip
    free = (
        {path.partition(".")[2] for path in texts} - {path.partition(".")[2] for path in _not_text()} - keep
    )
    return {name: MARK if name in free else value for name, value in row.items()}


def _not_text() -> Iterator[str]:
    for kind in vocabulary().kinds.values():
        yield from (field.path for field in kind.fields.values() if field.type != "text")


def test_memory_stays_that_of_one_message(it: Described) -> None:
    """Ten times as many messages in one file take no more memory."""
    if it.repeated is None:
        pytest.skip(f"format: a file of {it.name} holds one message")
    assert _peak(it, 3_000) < 1.3 * _peak(it, 300) + 300_000


def _peak(it: Described, messages: int) -> int:
    assert it.repeated is not None
    stream: Any = it.repeated(messages)
    fmt = it.format()
    tracemalloc.start()
    try:
        facts = sum(isinstance(told, Fact) for told in fmt.read(stream, name="1"))
        assert facts >= messages
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
