"""What proposals and drafts are worth on real dictionaries and systems, and where the manual says it.

`python -m tests.real.measured` writes the figures into the pages, between their marks; the tests of this folder hold the pages to them. It decides
what is counted: the code that the file itself holds is the truth, hidden while proposals are made.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from collections.abc import Mapping as Mapping_
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.profile import Budget, profile_database
from ecluse.adapters.invented import fill
from ecluse.invent.catalogue import PANELS, analyses
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.code_map import Likelihood, LocalTest, Proposer, catalogue
from ecluse.terms.draft import draft_mapping
from ecluse.terms.mapping import Mapping, parse_mapping
from ecluse.terms.profile import Profile
from ecluse.terms.vocabulary import vocabulary
from tests import servers
from tests.real.loinc_names import as_file, core_codes, harvested, openelis_tests

__all__ = [
    "INVENTED",
    "OPENELIS",
    "Drafted",
    "Found",
    "Proposals",
    "block",
    "drafted",
    "invented_old",
    "openelis",
    "proposals",
    "told_drafts",
    "told_proposals",
]

ROOT: Final = Path(__file__).parents[2]
MAPPINGS: Final = ROOT / "src" / "ecluse" / "invent" / "mappings"
OPENELIS: Final = "OpenELIS Global 2"
INVENTED: Final = "the invented laboratory's old system"


@dataclass(frozen=True, slots=True)
class Found:
    """Codes asked about, how many had the true one first, among the first three, and how many true ones the unit forbids."""

    asked: int
    first: int
    third: int
    forbidden: int


@dataclass(frozen=True, slots=True)
class Proposals:
    """Everything measured about codes."""

    targets: int
    openelis: Found
    invented: Found
    core: int
    core_unnamed: int
    nabm: int
    nabm_first: int


def proposals(folder: Path) -> Proposals:
    """Measured on the files under `folder`."""
    names = harvested(folder)
    core = (folder / "fr-loinc-eds" / "codes.csv").read_bytes()
    tests = [line for line in openelis_tests(folder) if line["loinc"]]
    own: dict[str, set[str]] = {}
    for line in tests:
        own.setdefault(line["loinc"], set()).add(line["localization:en"] or line["testName"])
    known = catalogue(
        [("names.csv", as_file(names)), ("openelis-english.csv", as_file(own)), ("core.csv", core)]
    )
    proposer = Proposer(known)
    openelis = _found(
        proposer,
        [
            (
                LocalTest(
                    "test",
                    line["testName"],
                    line["unitOfMeasure"],
                    line["localization:fr"],
                    line["sampleType"],
                ),
                line["loinc"],
            )
            for line in tests
        ],
    )
    tubes = {panel.name: panel.specimen for panel in PANELS}
    invented = _found(
        proposer,
        [
            (LocalTest("test", test.code, unit, test.label, tubes[test.panel]), test.loinc)
            for test in analyses()
            if test.loinc in names
            for unit in sorted({scale.unit for scale in test.scales} if test.scales else {""})
        ],
    )
    wanted = core_codes(folder)
    acts = catalogue([("nabm.csv", next((folder / "fr-nabm").rglob("IR_BIO_R.csv")).read_bytes())])
    nabm = Proposer(acts)
    itself = sum(
        nabm.propose(LocalTest("act", one.code, label=one.name))[0].target == one
        for one in acts.targets.values()
    )
    unnamed = {one.code for one in known.unnamed}
    return Proposals(
        len(known.targets),
        openelis,
        invented,
        len(wanted),
        len(unnamed & set(wanted)),
        len(acts.targets),
        itself,
    )


def _found(proposer: Proposer, asked: Iterable[tuple[LocalTest, str]]) -> Found:
    counts = {"asked": 0, "first": 0, "third": 0, "forbidden": 0}
    for local, truth in asked:
        offered = proposer.propose(local)
        place = next((number for number, one in enumerate(offered) if one.target.code == truth), len(offered))
        against = place < len(offered) and offered[place].likelihood is Likelihood.FORBIDDEN
        counts["asked"] += 1
        counts["forbidden"] += against
        counts["first"] += place == 0 and bool(offered) and not against
        counts["third"] += place < min(3, len(offered)) and not against
    return Found(**counts)


def told_proposals(found: Proposals) -> str:
    """The figures as the manual gives them."""
    lines = [
        "| local codes | asked | forbidden by the unit | else first | else in the first three |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, one in (
        ("OpenELIS Global 2, French labels, LOINC hidden", found.openelis),
        ("the invented laboratory, one line for each unit", found.invented),
    ):
        allowed = one.asked - one.forbidden
        shares = [f"{count} ({count / allowed:.0%})" for count in (one.first, one.third)]
        lines.append(f"| {name} | {one.asked} | {one.forbidden} | {shares[0]} | {shares[1]} |")
    rest = (
        f"Targets: {found.targets} LOINC codes as HL7, FHIR and CDA files name them, OpenELIS's English names, and the French core set of"
        f" {found.core} codes, of which {found.core_unnamed} have a name in none of these files and so cannot be proposed. NABM:"
        f" {found.nabm:,} acts read, {found.nabm_first:,} proposed themselves first."
    )
    return "\n".join([*lines, "", rest])


# --- drafts of mappings -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft beside the mapping written by hand: its fields, those read from the same place, from another one, not found, and drafted beyond it."""

    wanted: int
    right: int
    elsewhere: tuple[str, ...]
    missed: tuple[str, ...]
    beyond: tuple[str, ...]


def drafted(profile: Profile, catalogue: Catalogue, *, truth: Path) -> Drafted:
    """The draft compared with the mapping in `truth`: a field is right when it is read from the same column of the same table."""
    given = _places(
        parse_mapping(draft_mapping(profile, catalogue, vocabulary()).encode(), vocabulary=vocabulary())
    )
    wanted = {
        path: place
        for path, place in _places(parse_mapping(truth.read_bytes(), vocabulary=vocabulary())).items()
        if place
    }
    right = {path for path, places in wanted.items() if given.get(path, frozenset()) & places}
    return Drafted(
        len(wanted),
        len(right),
        tuple(sorted(path for path in wanted if path in given and path not in right)),
        tuple(sorted(path for path in wanted if path not in given)),
        tuple(sorted(given.keys() - wanted.keys())),
    )


def _places(mapping: Mapping) -> dict[str, frozenset[str]]:
    """Where each field is read: its columns with their tables; nothing for a constant, which no profile shows."""
    return {
        f"{kind.kind}.{name}": frozenset(
            f"{kind.alias_table(column.alias).rpartition('.')[2]}.{column.name}" for column in reading.columns
        )
        for kind in mapping.kinds.values()
        for name, reading in kind.fields.items()
    }


def invented_old(folder: Path) -> Drafted:
    """The invented laboratory's old system: cryptic names, padded codes, dates as texts."""
    file = folder / "old.db"
    file.touch()
    fill(f"sqlite:///{file}", patients=400, seed=7, documents=0.2)
    found = profile_database(parse_address(f"sqlite:///{file}"), system="old", budget=Budget(rows=2000))
    return drafted(*found, truth=MAPPINGS / "invented-old.toml")


def openelis(folder: Path, url: str) -> Drafted:
    """OpenELIS Global 2 with 2,000 invented patients, in the empty PostgreSQL database at `url`."""
    for name in ("openelis_global2_3.5.sql", "example_synthetic_fill.sql"):
        subprocess.run(
            ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", folder / "openelis-global2" / name],
            check=True,
            capture_output=True,
        )
    found = profile_database(
        parse_address(f"{url}?schema=clinlims"), system="openelis", budget=Budget(rows=2000)
    )
    return drafted(*found, truth=MAPPINGS / "openelis-global2.toml")


def told_drafts(found: Mapping_[str, Drafted]) -> str:
    """The figures as the manual gives them."""
    lines = [
        "| system | fields in the mapping by hand | right | from elsewhere | not found | drafted beyond it |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {one.wanted} | {one.right} ({one.right / one.wanted:.0%}) | {len(one.elsewhere)} | {len(one.missed)} | {len(one.beyond)} |"
        for name, one in found.items()
    ]
    for name, one in found.items():
        if one.elsewhere or one.missed:
            differing = ", ".join(f"`{path}`" for path in (*one.elsewhere, *one.missed))
            lines += ["", f"Not right for {name}: {differing}."]
    return "\n".join(lines)


# --- the pages ----------------------------------------------------------------------------------------------------------


def block(page: str, name: str) -> str:
    """What stands between the marks of `name` in a page; "" if they are not there."""
    found = re.search(rf"<!-- measured: {name} -->\n(.*?)\n<!-- /measured -->", page, re.DOTALL)
    return found[1].strip() if found else ""


def write(page: Path, name: str, told: str) -> None:
    """Put the figures between the marks."""
    text = page.read_text("utf-8")
    marks = (f"<!-- measured: {name} -->\n", "\n<!-- /measured -->")
    before, _, rest = text.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    page.write_text(f"{before}{marks[0]}\n{told}\n{marks[1]}{after}", "utf-8")


def main() -> None:
    """Write every figure that can be measured here."""
    folder = ROOT.parent / "shared" / "data"
    write(ROOT / "docs" / "how-to" / "map-codes.md", "proposals", told_proposals(proposals(folder)))
    with servers.postgresql() as server, server.database() as url, tempfile.TemporaryDirectory() as place:
        found = {OPENELIS: openelis(folder, url), INVENTED: invented_old(Path(place))}
    write(ROOT / "docs" / "how-to" / "draft-a-mapping.md", "drafts", told_drafts(found))
    sys.stdout.write("written\n")


if __name__ == "__main__":
    main()
