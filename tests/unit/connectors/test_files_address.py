"""Addresses of files, the one table of formats, and the mappings that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.files.address import FilesAddress, format_named, parse_files
from ecluse.base.refusal import Refusal
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.formats import FORMATS, MAPPINGS, format_of, shipped_mapping, writable
from ecluse.wiring.systems import check_address, open_source, open_target


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("hl7v2+file:///srv/old", FilesAddress("hl7v2", Path("/srv/old"))),
        ("hl7v2+file:/srv/old", FilesAddress("hl7v2", Path("/srv/old"))),
        ("hprim+file:-", FilesAddress("hprim", None)),
        ("hprim-medecins+file:///a%20b/c.txt", FilesAddress("hprim-medecins", Path("/a b/c.txt"))),
        (
            "cda+file:///x?zone=Indian/Reunion",
            FilesAddress("cda", Path("/x"), {"zone": "Indian/Reunion"}),
        ),
    ],
)
def test_an_address_of_files_is_read(url: str, read: FilesAddress) -> None:
    """The format, the place, and what is said of it; shown again, it is the same place."""
    assert parse_files(url) == read
    assert parse_files(str(read)).path == read.path


@pytest.mark.parametrize(
    "url",
    [
        "hl7v2+file://", "hl7v2+file:///", "hl7v2+file://host/srv", "hl7v2+file:relative", "hl7v2+file:///x#y", "hl7v2+file:///x?zone=a&zone=b",
        "hl7v2+file:///x?zone", "+file:///x", "hl7v2+file:///x%00y", "file:///x", "hl7v2+file:",
    ],
)  # fmt: skip
def test_an_address_that_names_no_one_place_is_refused(url: str) -> None:
    """No place, another machine, a relative path, an option said twice: nothing is guessed."""
    with pytest.raises(Refusal, match="files/address-unreadable"):
        parse_files(url)


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://a@b/c", "", "file:///x"])
def test_another_address_names_no_format(url: str) -> None:
    """Databases are not files."""
    assert format_named(url) == ""


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_the_table_opens(name: str, tmp_path: Path) -> None:
    """Each one stands behind its address as a source, and as a target or not at all."""
    url = f"{name}+file://{tmp_path}/x"
    check_address(url)
    (tmp_path / "x").mkdir()
    assert open_source(url).privileges() == frozenset()
    if FORMATS[name].written:
        open_target(url).close()
    else:
        with pytest.raises(Refusal, match="files/not-written"):
            open_target(url)


@pytest.mark.parametrize("name", MAPPINGS)
def test_every_mapping_that_ships_can_be_read(name: str) -> None:
    """A mapping handed out is one that Écluse itself takes."""
    assert parse_mapping(shipped_mapping(name).encode(), vocabulary=vocabulary()).kinds


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nothing+file:///x", "files/format-unknown"),
        ("hl7v2+file:///x?shape=round", "files/option-unknown"),
        ("hprim+file:///x?zone=Europe/Paris", "files/option-unknown"),
        ("hl7v2+file:///x?zone=Mars", "files/option-unreadable"),
    ],
)
def test_what_a_format_does_not_know_is_refused(url: str, code: str) -> None:
    """An option that would be passed over in silence is refused by name, as is a format."""
    with pytest.raises(Refusal, match=code):
        format_of(parse_files(url))


def test_standard_input_is_no_target() -> None:
    """What is written must be read back."""
    with pytest.raises(Refusal, match="files/address-unreadable"):
        writable(parse_files("hl7v2+file:-"))


def test_an_unknown_mapping_is_refused_with_the_known_ones() -> None:
    """The hint names those that ship."""
    with pytest.raises(Refusal, match="files/mapping-unknown") as refused:
        shipped_mapping("nothing")
    assert "hl7v2" in refused.value.values["known"]
