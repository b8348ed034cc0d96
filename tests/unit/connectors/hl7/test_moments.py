"""Dates and times: exactly, or left as they stand."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.hl7.moments import hl7_of, iso_date, iso_moment

PARIS, REUNION = ZoneInfo("Europe/Paris"), ZoneInfo("Indian/Reunion")


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("20240115", "2024-01-15"), ("202401150830", "2024-01-15 08:30"), ("20240115083059", "2024-01-15 08:30:59"),
        ("20240115083059.1234", "2024-01-15 08:30:59.1234"), ("202401150830+0100", "2024-01-15 08:30"), ("202407150830+0200", "2024-07-15 08:30"),
        ("202401150830+0000", "2024-01-15 09:30"), ("20231231233059-0500", "2024-01-01 05:30:59"), ("2024", "2024"), ("202401", "202401"),
        ("2024011508", "2024011508"), ("20240115083059.1234567", "20240115083059.1234567"), ("20240115+0100", "20240115+0100"), ("hier", "hier"),
        ("202499990830+0100", "202499990830+0100"), ("000101010000+1200", "000101010000+1200"),
    ],
)  # fmt: skip
def test_a_moment_is_told_exactly_or_left(stamp: str, said: str) -> None:
    """Precision is neither added nor taken; an offset makes an instant, told in the laboratory's own time."""
    assert iso_moment(stamp, PARIS) == said


def test_an_instant_is_told_in_the_zone_where_the_laboratory_lives() -> None:
    """The same octets are another hour in La Réunion."""
    assert iso_moment("202401150830+0000", REUNION) == "2024-01-15 12:30"


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("20100807", "2010-08-07"), ("20100807000000", "2010-08-07"), ("2010080723", "2010-08-07"), ("201008072330+0200", "2010-08-07"),
        ("2010", "2010"), ("201008", "201008"), ("07/08/2010", "07/08/2010"),
    ],
)  # fmt: skip
def test_a_day_is_the_day_that_was_written(stamp: str, said: str) -> None:
    """A birth has no zone: whatever hour stands behind it, the day is the day."""
    assert iso_date(stamp) == said


@given(st.datetimes())
def test_a_moment_of_ours_comes_back(moment: object) -> None:
    """Written for HL7 and read, any civil time is the same."""
    iso = str(moment)
    assert iso_moment(hl7_of(iso), PARIS) == iso
