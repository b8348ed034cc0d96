"""An archive written: whole or not at all, in flat memory, nothing in the clear meanwhile; and what a document says it is."""

from __future__ import annotations

import os
import subprocess
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecluse.adapters.archive.pdf import form_of, suffix_of
from ecluse.adapters.archive.spool import Spool
from ecluse.adapters.archive.tables import csv_octets
from ecluse.adapters.archive.write import Outside, Written, write_archive
from ecluse.base.refusal import Fault, Refusal
from ecluse.proof.archive import FOLDER, LIST, NAMES, SEALED
from ecluse.proof.seal import Recipient
from ecluse.proof.tar import Entry, entry, untarred
from ecluse.proof.unseal import Identity, new_identity, unseal

MIB = 1 << 20


@pytest.fixture(scope="module")
def pair() -> tuple[Identity, Recipient]:
    """A laboratory's key."""
    return new_identity()


def written(place: Path, to: Recipient, *entries: Entry, into: list[Written] | None = None) -> None:
    """An archive of these."""

    def sign(made: Written) -> bytes:
        if into is not None:
            into.append(made)
        return b"signed"

    write_archive(
        place, inside=lambda _: iter(entries), to=[to], outside=Outside(b"read me", b"zip"), sign=sign
    )


def test_what_is_written_is_listed_with_its_sums(tmp_path: Path, pair: tuple[Identity, Recipient]) -> None:
    """Everything inside stands in the list, in order, and the list's own digest is what is signed; sha256sum agrees."""
    made: list[Written] = []
    written(tmp_path / "kept", pair[1], entry("a.txt", b"a"), entry("b/c.txt", b"bc"), into=made)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == NAMES
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "kept").iterdir()} == {0o600}
    with (tmp_path / "kept" / SEALED).open("rb") as sealed:
        for name, octets in untarred(unseal(sealed, identities=[pair[0]]), folder=FOLDER):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"".join(octets))
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", LIST], cwd=tmp_path, check=True)
    told = subprocess.run(["sha256sum", LIST], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert told.stdout.startswith(made[0].sums)
    assert made[0].inside == 3
    assert (tmp_path / LIST).read_text().count("\n") == 3


class Killed(BaseException):
    """What a signal does."""


def dying() -> Iterator[bytes]:
    """Half a file, then death."""
    yield b"half"
    raise Killed


def test_a_making_that_dies_leaves_nothing_and_the_next_goes_on(
    tmp_path: Path, pair: tuple[Identity, Recipient]
) -> None:
    """Stopped in the middle there is no archive; what a killed one left beside is swept away by the next."""
    place = tmp_path / "kept"
    with pytest.raises(Killed):
        written(place, pair[1], Entry("a", 8, dying))
    assert not list(tmp_path.iterdir())
    (tmp_path / ".kept.part").mkdir()
    (tmp_path / ".kept.part" / SEALED).write_bytes(b"left by a kill")
    written(place, pair[1], entry("a", b"a"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(Refusal) as there:
        written(place, pair[1], entry("a", b"a"))
    assert there.value.code == "archive/exists"


def test_a_place_that_cannot_be_written_is_a_fault(tmp_path: Path, pair: tuple[Identity, Recipient]) -> None:
    """Where the folder above is none, the fault says so and may be tried again."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Fault) as fault:
        written(tmp_path / "file" / "kept", pair[1], entry("a", b"a"))
    assert (fault.value.code, fault.value.retry) == ("archive/not-written", True)


def peak(place: Path, to: Recipient, *, files: int) -> int:
    """The most memory that writing so many files of a mebibyte takes, in octets."""
    block = os.urandom(MIB)
    entries = [Entry(f"documents/{number:08d}.pdf", MIB, lambda: (block,)) for number in range(files)]
    tracemalloc.start()
    written(place, to, *entries)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_memory_does_not_grow_with_the_archive(tmp_path: Path, pair: tuple[Identity, Recipient]) -> None:
    """Sixteen times as many documents take no more memory, within a quarter of a mebibyte."""
    small, large = (peak(tmp_path / str(files), pair[1], files=files) for files in (4, 64))
    assert large - small < MIB // 4


def test_a_spool_gives_back_what_was_added_and_holds_none_of_it_in_the_clear(tmp_path: Path) -> None:
    """Pieces of any size come back in order; on the disk there is no file with a name."""
    spool = Spool(tmp_path)
    pieces = [b"patient" * 30_000, b"", b"end"] * 9
    for piece in pieces:
        spool.add(piece)
    assert not list(tmp_path.iterdir())
    assert spool.size == sum(map(len, pieces))
    assert b"".join(spool.chunks()) == b"".join(pieces)
    spool.close()


@pytest.mark.parametrize(
    ("octets", "form", "suffix"),
    [
        (b"%PDF-1.7\n...", "PDF 1.7", "pdf"),
        (b"%PDF-1.4 <pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>", "PDF/A-1b", "pdf"),
        (b"%PDF-1.7 pdfaid:part='3' pdfaid:conformance=\"U\"", "PDF/A-3u", "pdf"),
        (b"%PDF-2.0 <pdfaid:part>4</pdfaid:part>", "PDF/A-4", "pdf"),
        (b"\xef\xbb\xbf <ClinicalDocument/>", "XML", "xml"),
        (b"JVBERi0xLjQ=", "other", "bin"),
        (b"", "other", "bin"),
    ],
)  # fmt: skip
def test_a_document_is_what_it_declares(octets: bytes, form: str, suffix: str) -> None:
    """PDF/A by its part and level where the file says so; nothing is guessed beyond."""
    assert (form_of(octets), suffix_of(form_of(octets))) == (form, suffix)


def test_a_table_quotes_what_it_must() -> None:
    """Separators, quotes and line ends inside a cell stay inside."""
    assert csv_octets([["a;b", 'c"d', "e\nf", "é"]]) == '"a;b";"c""d";"e\nf";é\r\n'.encode()
