"""Addresses of GNU Health, and single values between their texts and Tryton's, without a server."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.gnuhealth.address import parse_gnuhealth
from ecluse.adapters.connectors.gnuhealth.values import (
    Unfit,
    bounds,
    day,
    day_of,
    line,
    moment,
    moment_of,
    normal_range,
    number,
    number_text,
)
from ecluse.base.refusal import Refusal
from ecluse.wiring.gnuhealth import gnuhealth_target

PARIS = ZoneInfo("Europe/Paris")


def test_an_address_tells_server_database_account_and_what_is_said_of_them() -> None:
    """A port, a zone and a type of lab test may be said; the address is shown without a password."""
    address = parse_gnuhealth("gnuhealth+https://ecluse@health.example/prod?zone=Indian/Reunion&test=REP")
    assert (address.host, address.port, address.database, address.account) == (
        "health.example",
        443,
        "prod",
        "ecluse",
    )
    assert (str(address.zone), address.test, address.secure) == ("Indian/Reunion", "REP", True)
    assert str(address) == "gnuhealth+https://ecluse@health.example:443/prod"
    assert parse_gnuhealth("gnuhealth+http://a@127.0.0.1/gh").port == 8000


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("gnuhealth+http://a@health.example/gh", "gnuhealth/not-encrypted"), ("gnuhealth+https://a:b@health.example/gh", "address/password-in-sight"),
        ("gnuhealth+https://health.example/gh", "gnuhealth/address-unreadable"), ("gnuhealth+https://a@health.example/", "gnuhealth/address-unreadable"),
        ("gnuhealth+https://a@health.example/gh/../x", "gnuhealth/address-unreadable"), ("gnuhealth+https://a@h/gh?zone=Nowhere", "gnuhealth/address-unreadable"),
        ("gnuhealth+https://a@h/gh?verify=no", "gnuhealth/address-unreadable"), ("gnuhealth+https://a@h:x/gh", "gnuhealth/address-unreadable"),
        ("gnuhealth+ftp://a@h/gh", "gnuhealth/address-unreadable"),
    ],
)  # fmt: skip
def test_an_address_that_is_not_one_or_is_not_safe_is_refused(url: str, code: str) -> None:
    """No password in sight, no plain HTTP to another machine, no option that is not known."""
    with pytest.raises(Refusal) as refused:
        parse_gnuhealth(url)
    assert refused.value.code == code


def test_a_password_file_is_needed_and_is_its_owners(tmp_path: Path) -> None:
    """Without one, or with one that others may read, nothing is opened."""
    url = "gnuhealth+https://a@health.example/gh"
    with pytest.raises(Refusal, match="address/password-not-found"):
        gnuhealth_target(url)
    file = tmp_path / "password"
    file.write_text("x")
    file.chmod(0o644)
    with pytest.raises(Refusal, match="address/password-file-open"):
        gnuhealth_target(url, password_file=file)


@given(st.datetimes())
def test_a_moment_comes_back_as_it_was_or_is_refused(local: object) -> None:
    """Through UTC and back, whatever the season; the hour that spring leaves out is refused."""
    said = str(local)
    try:
        told = moment(said, PARIS)
    except Unfit:
        return
    assert moment_of(told, PARIS) == said


@pytest.mark.parametrize("said", ["2024-03-31 02:30:00", "0001-01-01 00:00:00"])
def test_a_moment_that_is_none_is_refused(said: str) -> None:
    """The hour that spring leaves out, and what is before all calendars once it is told in UTC."""
    with pytest.raises(Unfit) as unfit:
        moment(said, PARIS)
    assert unfit.value.reason == "type"


@given(st.dates())
def test_a_day_comes_back_as_it_was(said: object) -> None:
    """Every day that a calendar has."""
    assert day_of(day(str(said))) == str(said)
    assert day_of(None) is None
    assert moment_of(None, PARIS) is None


@given(
    st.none() | st.text("0123456789,.<>≥≤ -", max_size=6),
    st.none() | st.text("0123456789,.<>≥≤ -", max_size=6),
)
def test_bounds_come_back_as_they_were_or_are_refused(low: str | None, high: str | None) -> None:
    """One bound, both or none, empty or absent."""
    try:
        said = normal_range(low, high)
    except Unfit:
        return
    assert bounds(said) == (low, high)


def test_a_number_is_one_only_where_every_reader_would_say_so() -> None:
    """Comma or point; no sign of comparison, no exponent, no word."""
    texts = ("5,10", "-3", "0.0", "<5", "1e5", "", "négatif", "nan", None)
    assert [number(text) for text in texts] == [5.1, -3.0, 0.0, None, None, None, None, None, None]
    assert [number_text(140.0), number_text(5.1), number_text(5.9, whole=True), number_text(None)] == [
        "140",
        "5.1",
        "5",
        None,
    ]


def test_a_line_with_blanks_at_its_ends_is_refused() -> None:
    """Tryton would take them off."""
    assert (line("a b"), line(""), line(None)) == ("a b", "", None)
    with pytest.raises(Unfit):
        line("a ")
