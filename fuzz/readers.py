"""The readers that are fuzzed, what each is given to begin with, and what is a failure.

Decides for each reader the files it starts from, made by our own writers or by hand for a test, never anybody's; and what must hold of any octets
at all. A format of messages: nothing raised, and every unit counted once. Tables and dumps: a Refusal, or nothing raised. A document: opened, or said to be
unreadable; of a PDF, whose reader has a process of its own, only time and memory. It does not decide how octets are found (`fuzz.one`), nor for how long (`fuzz.__main__`).
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

from ecluse.base.refusal import Refusal

__all__ = ["Absent", "Reader", "readers"]

Judge = Callable[[bytes], None]
TESTS_ONLY: Final = frozenset({"lines"})
"""Formats that are no laboratory's: they exist for the tests of what stands on formats."""


class Absent(Exception):
    """A reader that is not in this tree; `args[0]` says which module."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One reader. `make` gives the judge of some octets, which raises if they show a failure; `seeds` the files to begin with.

    Both may raise `Absent`.
    """

    name: str
    make: Callable[[], Judge]
    seeds: Callable[[], Iterable[bytes]]


def readers() -> list[Reader]:
    """Every reader there may be, formats of messages first."""
    names = sorted(path.stem for path in Path("tests/ports").glob("format_*.py"))
    messages = [_messages(name) for name in names if name.removeprefix("format_") not in TESTS_ONLY]
    tables = [_tables(ending) for ending in ("csv", "dbf", "xlsx", "parquet")]
    return [*messages, *tables, _DUMP, _DOCUMENT, _PDF]


# --- formats of messages ----------------------------------------------------------------------------------------------------------------


def _messages(module: str) -> Reader:
    def judge() -> Judge:
        it = _imported(f"tests.ports.{module}").DESCRIBED
        fmt = it.format()

        def judged(octets: bytes) -> None:
            counted = 0
            for told in fmt.read(io.BytesIO(octets), name="1"):
                # By shape: what counts is a Seen, what could not be read an Unread, and a fact counts for nothing.
                counted += getattr(told, "times", 0) + sum(getattr(told, "units", {}).values())
            expected = it.units(octets)
            if counted != expected:
                raise AssertionError(f"{counted} units told of, {expected} there")

        return judged

    def seeds() -> Iterator[bytes]:
        it = _imported(f"tests.ports.{module}").DESCRIBED
        yield from it.samples
        if it.writes:
            cases = _imported("tests.ports.cases")
            fmt = it.format()
            described = cases.mapping_of(fmt)
            made = [cases.plain(described, number) for number in (1, 2)]
            yield from (file.content for file in fmt.write(made, []) if file.content)

    return Reader(module.removeprefix("format_").replace("_", "-"), judge, seeds)


# --- tables -----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    """Implements `files.format.File` on octets."""

    name: str
    octets: bytes
    place: str = "1"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield io.BytesIO(self.octets)


def _tables(ending: str) -> Reader:
    def judge() -> Judge:
        tables = _imported("ecluse.adapters.connectors.table.formats").TablesInFiles

        def judged(octets: bytes) -> None:
            files = [_File(f"records.{ending}", octets)]
            fmt = tables()
            with suppress(Refusal):
                found = fmt.catalogue(files)
                wanted = {name: list(table.columns) for name, table in found.tables.items()}
                for _ in fmt.rows(files, wanted):
                    pass

        return judged

    return Reader(f"table-{ending}", judge, lambda: _table_seeds(ending))


def _table_seeds(ending: str) -> Iterator[bytes]:
    """One small table; of DBF, made by hand (dBASE III: header, one field, two rows)."""
    if ending == "csv":
        yield 'id;nom;né le\r\n1;DURAND;01/02/1990\r\n2;"PETIT\n""x""";\r\n'.encode("cp1252")
        yield 'id,value\n1,"5,4"\n2,=1+1\n'.encode("utf-16")
    elif ending == "dbf":
        field = b"NOM".ljust(11, b"\0") + b"C" + bytes(4) + bytes([5, 0]) + bytes(14)
        head = bytes([3, 124, 1, 15, 2, 0, 0, 0, 65, 0, 6, 0]) + bytes(20)
        yield head + field + b"\r" + b" DURAN" + b"*PETIT" + b"\x1a"
    elif ending == "xlsx":
        book = _imported("openpyxl").Workbook()
        book.active.append(["id", "nom"])
        book.active.append([1, "DURAND"])
        octets = io.BytesIO()
        book.save(octets)
        yield octets.getvalue()
    else:
        arrow, parquet = _imported("pyarrow"), _imported("pyarrow.parquet")
        octets = io.BytesIO()
        parquet.write_table(arrow.table({"id": ["1", "2"], "nom": ["DURAND", None]}), octets)
        yield octets.getvalue()


# --- dumps ------------------------------------------------------------------------------------------------------------------------------


class _Nowhere:
    """A scratch that keeps nothing: what is fuzzed is the reading."""

    def create(self, name: str, shape: Any) -> None:
        """Nothing to make."""

    def append(self, name: str, batch: Any) -> None:
        """Nothing to keep."""


def _dump() -> Judge:
    filtered = _imported("ecluse.adapters.connectors.sql.dump_filter").Filter

    def judged(octets: bytes) -> None:
        with suppress(Refusal):
            filtered(io.BytesIO(octets), {"PATIENT": ("NUMPAT", "NOM")}, _Nowhere()).run()

    return judged


def _dumps() -> Iterator[bytes]:
    rows = "INSERT INTO {0} VALUES ('1','DUR''AND'),('2',NULL);"
    yield (
        'PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE "PATIENT" ("NUMPAT" TEXT, "NOM" TEXT);\n'
        + rows.format('"PATIENT"') + "\nCOMMIT;\n"
    ).encode()  # fmt: skip
    yield (
        b"-- PostgreSQL database dump\n\nSET client_encoding = 'UTF8';\nCREATE TABLE public.\"PATIENT\" (\n    \"NUMPAT\" text NOT NULL,\n"
        b'    "NOM" character varying(40)\n);\nCOPY public."PATIENT" ("NUMPAT", "NOM") FROM stdin;\n1\tDUR\\tAND\n2\t\\N\n\\.\n\n'
        b"-- PostgreSQL database dump complete\n"
    )  # fmt: skip
    yield (
        "-- MariaDB dump 10.19\n/*!40101 SET NAMES utf8mb4 */;\n/*!40103 SET TIME_ZONE='+00:00' */;\nCREATE TABLE `PATIENT` (\n"
        "  `NUMPAT` varchar(10) NOT NULL,\n  `NOM` text DEFAULT NULL\n) ENGINE=InnoDB;\n" + rows.format("`PATIENT`").replace("''", "\\'")
        + "\n-- Dump completed on 2024-01-15\n"
    ).encode()  # fmt: skip


_DUMP: Final = Reader("dump", _dump, _dumps)


# --- documents --------------------------------------------------------------------------------------------------------------------------


class _NoPdf:
    """A reader of PDF files that reads none: they have a fuzzer of their own, and a process of their own in the program."""

    def read(self, _content: bytes) -> Any:
        """No text."""
        return _imported("ecluse.adapters.containers.pdf").PdfReading(None, "unreadable")

    def close(self) -> None:
        """Nothing is open."""


def _document() -> Judge:
    opener = _imported("ecluse.adapters.containers.opener").ContainerOpener(pdf=_NoPdf())
    allowed = _imported("ecluse.passage.containers").Allowed(
        frozenset({"patient.birth_name", "result.value"})
    )

    def judged(octets: bytes) -> None:
        opener.open(octets, allowed=allowed)

    return judged


def _documents() -> Iterator[bytes]:
    """A CDA of level 3, rich text, plain text, and a text in base64."""
    yield b"{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}A jeun \\'e9\\u233 ?\\par fin}"
    yield "Compte rendu : tout va bien, à jeun.\n".encode("cp1252")
    yield b64encode(b"<ClinicalDocument xmlns='urn:hl7-org:v3'><title>x</title></ClinicalDocument>" * 3)
    yield (
        b'<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3"><recordTarget><patientRole><id root="1.2" extension="9"/>'
        b"<patient><name><family>DURAND</family></name></patient></patientRole></recordTarget><component><structuredBody><component><section>"
        b'<text>A jeun</text><entry><observation classCode="OBS" moodCode="EVN"><code code="2345-7"/><value value="5.4" unit="mmol/L"/>'
        b"</observation></entry></section></component></structuredBody></component></ClinicalDocument>"
    )  # fmt: skip


_DOCUMENT: Final = Reader("document", _document, _documents)


def _pdf() -> Judge:
    pdf = _imported("ecluse.adapters.containers.pdf_text")

    def judged(octets: bytes) -> None:
        # In the program it runs in a process of its own, and whatever it raises ends there: only time and memory are looked for.
        with suppress(Exception):
            pdf.text_of_pdf(octets)

    return judged


def _pdfs() -> Iterator[bytes]:
    yield (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R"
        b"/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n4 0 obj<</Length 26>>stream\nBT /F 9 Tf (DURAND) Tj ET\n"
        b"endstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )  # fmt: skip


_PDF: Final = Reader("document-pdf", _pdf, _pdfs)


@cache
def _imported(module: str) -> Any:
    """A module of this tree or of its libraries. Raises `Absent`."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise Absent(missing.name or module) from None
