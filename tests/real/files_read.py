"""What becomes of every public file at hand, by format: `python -m tests.real.files_read` writes docs/reference/files-read.md.

Decides which files are read by which format, and in what groups they are counted. Counts and reasons, never a name nor a value: the files are others'.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ecluse.adapters.connectors.fhir.format import FhirFormat
from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    UNKNOWN,
    Fact,
    Format,
    Rows,
    Seen,
    Unread,
)
from ecluse.adapters.connectors.table.formats import NOT_READ, TablesInFiles
from ecluse.wiring.formats import FORMATS

__all__ = ["PAGE", "Read", "measured", "told"]

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "files-read.md"


@dataclass(slots=True)
class Read:
    """A group of files of one format: how many, those wholly unread, units by fate, what they tell by kind, and what was refused by reason."""

    group: str
    format: str
    files: int = 0
    silent: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, path: Path, fmt: Format) -> None:
        """One file more."""
        self.files += 1
        before = (
            self.records.total(),
            self.fates["carried"],
            self.fates["structure"],
            self.fates["not in the vocabulary"],
        )
        with path.open("rb") as stream:
            for it in fmt.read(stream, name="1"):
                if isinstance(it, Fact):
                    self.records[it.kind] += 1
                else:
                    self.count(it)
        after = (
            self.records.total(),
            self.fates["carried"],
            self.fates["structure"],
            self.fates["not in the vocabulary"],
        )
        self.silent += before == after

    def count(self, it: Seen | Unread) -> None:
        """Units under their fate."""
        if isinstance(it, Unread):
            self.refused[it.reason] += 1
            self.fates["refused"] += sum(it.units.values())
        else:
            self.fates[_FATES[it.fate]] += it.times


_FATES: Final = {
    CARRIED: "carried",
    IGNORED: "structure",
    UNKNOWN: "not in the vocabulary",
    NOT_READ: "carried",
}
_GROUPS: Final[tuple[tuple[str, str, str, tuple[str, ...]], ...]] = (
    ("CDC, ReportStream: inventory of mappings", "hl7v2", "hl7v2/cdc-prime-mappinginventory", (".hl7",)),
    ("CDC, ReportStream: messages beside their FHIR", "hl7v2", "hl7v2/cdc-prime-hl7-fhir-pairs", (".hl7",)),
    ("Microsoft, FHIR converter", "hl7v2", "hl7v2/microsoft-fhir-converter", (".hl7",)),
    ("LinuxForHealth", "hl7v2", "hl7v2/linuxforhealth", (".hl7",)),
    ("French agency: Ségur ORU, admissions, acknowledgements", "hl7v2", "fr-ans", (".hl7", ".er7")),
    ("Libhprim: HPRIM Santé", "hprim", "hprim-samples", (".hpr",)),
    ("HPRIM Médecins, lines of results", "hprim-medecins", "hprim-samples", (".txt",)),
    ("French agency: CR-BIO, and reports beside Ségur messages", "cda", "fr-ans", (".xml",)),
    ("HL7: examples of the specification", "fhir", "fhir-r4-examples", (".json",)),
    ("CDC: Bundles expected of messages", "fhir", "hl7v2/cdc-prime-hl7-fhir-pairs", (".fhir", ".json")),
    (
        "CDC: Bundles expected of the inventory",
        "fhir",
        "hl7v2/cdc-prime-mappinginventory",
        (".fhir", ".json"),
    ),
    (
        "Microsoft: Bundles expected of messages",
        "fhir",
        "hl7v2/microsoft-fhir-converter-expected",
        (".json",),
    ),
)
"""What a group is called, its format, its folder, the endings of its files."""
_TABLES: Final = (
    ("NABM, French nomenclature of biology", "fr-nabm/nomenclatures/ORAREF/IR_BIO_R.csv"),
    ("French core set of LOINC", "fr-loinc-eds/codes.csv"),
    ("OpenELIS Global 2: catalogue", "openelis-global2/catalogue"),
)


def measured(folder: Path) -> list[Read]:
    """Every group whose files are there."""
    found = [_messages(folder, *group) for group in _GROUPS]
    return [it for it in (*found, *_tables(folder)) if it.files]


def _messages(folder: Path, group: str, name: str, place: str, endings: tuple[str, ...]) -> Read:
    read = Read(group, name)
    make: Callable[[dict[str, str]], object] = (
        FORMATS[name].make if name in FORMATS else lambda _: FhirFormat()
    )
    fmt: Format = make({})  # type: ignore[assignment]
    for path in sorted((folder / place).rglob("*")):
        if path.is_file() and path.suffix.lower() in endings:
            read.add(path, fmt)
    return read


def _tables(folder: Path) -> Iterator[Read]:
    for group, place in _TABLES:
        if not (folder / place).exists():
            continue
        tables, files = TablesInFiles(), listed(folder / place).files
        read = Read(group, "table", files=len(files))
        wanted = {name: list(table.columns) for name, table in tables.catalogue(files).tables.items()}
        for it in tables.rows(files, wanted):
            if isinstance(it, Rows):
                read.records["row"] += it.batch.num_rows
            else:
                read.count(it)
        yield read


def told(groups: list[Read]) -> str:
    """The page."""
    lines = [
        "# Public files read",
        "",
        "<!-- Written by `python -m tests.real.files_read`; a test holds it to the files. -->",
        "",
        (
            "Every file that others published and that was at hand, read whole by the format named, or refused with its reason. A unit is a segment of a message, a"
            " line, a document, an element of one, a resource and what stands in it, a row; each has one fate. *Not in the vocabulary*: counted, and left where it is."
            " *Refused*: kept sealed by a passage, under its reason."
        ),
        "",
        "| files | format | number | of which nothing was read | units carried | structure | not in the vocabulary | refused |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for it in groups:
        counts = [it.fates[fate] for fate in ("carried", "structure", "not in the vocabulary", "refused")]
        cells = " | ".join(f"{count:,}" for count in (it.files, it.silent, *counts))
        lines.append(f"| {it.group} | `{it.format}` | {cells} |")
    lines += [
        "",
        "## What they tell, and why the rest was refused",
        "",
        "| files | told | refused |",
        "|---|---|---|",
    ]
    for it in groups:
        lines.append(f"| {it.group} | {_listed(it.records)} | {_listed(it.refused)} |")
    lines += [
        "",
        (
            "What is told is counted as it comes: a patient named by two messages is told twice, and is one record of a passage. A reason is explained in the"
            " connector's own README; a message without a patient, an order without a number or a file that ends in the middle is refused whole."
        ),
        "",
    ]
    return "\n".join(lines)


def _listed(counts: Counter[str]) -> str:
    return (
        ", ".join(
            f"{times:,} {name}" for name, times in sorted(counts.items(), key=lambda it: (-it[1], it[0]))
        )
        or "-"
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(told(measured(ROOT.parent / "shared" / "data")), "utf-8")
    sys.stdout.write(f"wrote {PAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
