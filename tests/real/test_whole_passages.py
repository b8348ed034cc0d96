"""Whole passages on real files, signed instruction to certificate of erasure, each from an empty folder by one command: the tests below.

Decides what must arrive (counted here from the files themselves) and what must not; every word searched for is taken from the original files.
"""

from __future__ import annotations

import binascii
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from ecluse.passage.load import placed
from ecluse.passage.reconcile import Reconciliation
from ecluse.terms.instruction import Instruction, NamedField
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.formats import shipped_mapping
from ecluse.wiring.laboratory import mapping_of
from tests.real.test_opened_documents import carried, plain
from tests.workspaces import Laboratory, start

ORU: Final = "fr-ans/hl7V2-exemples/Volets/TRANS_DOC_CDA_HL7V2/V2.0/ORU"
V3: Final = "{urn:hl7-org:v3}"
PLACES: Final = ("address", "postcode", "city")


class OfFiles(Laboratory):
    """A workspace whose source is a folder of files. `named`: what the instruction takes of what both mappings hold; `sites`, `until`: its scope."""

    sites_taken: tuple[str, ...] = ("labo",)
    until: date = date(2021, 12, 31)
    without: frozenset[str] = frozenset()

    def __init__(self, home: Path, *, source: tuple[str, str], target: tuple[str, str]) -> None:
        super().__init__(home, patients=0, seed=0, source_url=source[0], target_url=target[0])
        (home / "old.toml").write_text(shipped_mapping(source[1]), encoding="utf-8")
        (home / "new.toml").write_text(shipped_mapping(target[1]), encoding="utf-8")

    def invent(self) -> None:
        """Nobody is invented: the files are there."""
        self.create_target()

    def create_target(self) -> None:
        """The target makes its own folder."""

    def records(self) -> dict[str, tuple[str, ...]]:
        """Every field that both mappings hold, free texts and documents included, less what the test leaves behind."""
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        both = {
            kind: tuple(name for name in mapped.fields if name in new.kinds[kind].fields)
            for kind, mapped in old.kinds.items()
            if kind in new.kinds
        }
        texts = {f"{kind}.{name}" for kind, names in both.items() for name in names} & FREE_TEXT
        left = self.without | texts
        return {
            kind: tuple(name for name in names if f"{kind}.{name}" not in left)
            for kind, names in both.items()
        }

    def instruction(self, *, agreement: str, codes: str, certificate: str) -> Instruction:
        """The reports are named, with the reason."""
        made = super().instruction(agreement=agreement, codes=codes, certificate=certificate)
        period = replace(made.period, end=self.until)
        named = (NamedField("document.content", "Les comptes rendus signés font foi."),)
        return replace(made, period=period, sites=self.sites_taken, documents=named)


FREE_TEXT: Final = frozenset(
    f"{kind.name}.{field.name}"
    for kind in vocabulary().kinds.values()
    for field in kind.fields.values()
    if "FREE" in field.categories
)


def reconciled(ready: Ready) -> tuple[str, Reconciliation]:
    """Carried and read back: nothing is unexplained, no check fails, every unit of every file has one fate."""
    name, by = start(ready), ready.cast.ids["engineer"]
    ready.course.run(name, by=by)
    result = ready.course.reconcile(name, by=by)
    assert (result.unexplained, result.failed) == (0, ())
    assert result.account is not None
    assert result.account.unexplained == 0
    assert result.account.seen == sum(result.account.fates.values())
    return name, result


def ended(ready: Ready, name: str) -> None:
    """Accepted by the biologist, erased and certified."""
    ready.course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    ready.course.erase(name, by=ready.cast.ids["biologist"])


def loaded(result: Reconciliation) -> dict[str, int]:
    """Records that arrived, by kind."""
    return {kind.kind: kind.loaded for kind in result.kinds if kind.loaded}


# --- the French agency's reports, to FHIR ---------------------------------------------------------------------------------------------------


@pytest.fixture
def oru(shared_data: Path) -> Path:
    """The agency's messages of version 2.0."""
    folder = shared_data / ORU
    if not folder.is_dir():
        pytest.skip(f"real files: ../shared/data/{ORU} is absent")
    return folder


def received(oru: Path, folder: Path, *stages: str) -> Path:
    """These messages in the order of their sending, and their acknowledgements."""
    folder.mkdir()
    for number, stage in enumerate(stages):
        of, which = stage.split("/")
        [message] = oru.glob(f"{of}*/message*{which}*")
        shutil.copyfile(message, folder / f"{number}-message.hl7")
        [ack] = message.parent.glob("ack.*")
        shutil.copyfile(ack, folder / f"{number}-reponse.hl7")
    return folder


FIRST, REPLACED, DELETED = "Trans/INIT_N1_N3.", "Rempl/N1_Base64_N3_Base64", "Suppr/DEL_N1_N3."


def to_fhir(home: Path, messages: Path, *, without: frozenset[str] = frozenset()) -> OfFiles:
    """A workspace from these messages to a folder of FHIR resources."""
    home.mkdir(exist_ok=True)
    lab = OfFiles(
        home,
        source=(f"hl7v2+file://{messages}", "hl7v2"),
        target=(f"fhir+file://{home}/fhir", "fhir-r4"),
    )
    lab.without = without
    return lab


def test_segur_reports_become_fhir_and_all_is_accounted_for(oru: Path, tmp_path: Path) -> None:
    """A report sent and replaced: its patient, request and last documents arrive in FHIR, opened first; the segments of no meaning here are counted."""
    ready = to_fhir(tmp_path / "home", received(oru, tmp_path / "in", FIRST, REPLACED)).ready()
    name, result = reconciled(ready)
    assert loaded(result) == {"prescriber": 1, "patient": 1, "request": 1, "document": 2}
    assert result.account is not None
    assert result.account.fates == {"structure": 6, "carried": 18, "not-in-vocabulary": 24}
    assert (result.account.facts["document"].told, result.account.facts["document"].superseded) == (4, 2)
    document = next(kind for kind in result.kinds if kind.kind == "document")
    assert document.opened == {"cda: filtered": 2, "image in cda: left": 1, "pdf in cda: left": 1}
    ended(ready, name)


def test_a_deleted_report_does_not_arrive(oru: Path, tmp_path: Path) -> None:
    """Sent, replaced, then deleted: the request arrives, no document does, and what told of them is counted as removed."""
    ready = to_fhir(tmp_path / "home", received(oru, tmp_path / "in", FIRST, REPLACED, DELETED)).ready()
    name, result = reconciled(ready)
    assert loaded(result) == {"prescriber": 1, "patient": 1, "request": 1}
    assert result.account is not None
    assert (result.account.facts["document"].told, result.account.facts["document"].gone) == (6, 6)
    ended(ready, name)


def test_no_address_is_in_the_parcel_of_segur_reports(oru: Path, tmp_path: Path) -> None:
    """An instruction that names no address: the parcel, opened by its recipient's key, holds no word of any address of the messages, in no field and
    in no decoded document; the same words are found where the instruction names them.
    """
    messages = received(oru, tmp_path / "in", FIRST, REPLACED)
    words = words_of_addresses(messages)
    assert len(words) > 5
    unnamed = frozenset(f"{kind}.{name}" for kind in ("patient", "prescriber") for name in PLACES)
    bare = to_fhir(tmp_path / "bare", messages, without=unnamed).ready()
    name, result = reconciled(bare)
    document = next(kind for kind in result.kinds if kind.kind == "document")
    assert (document.loaded, document.rejected_at_source) == (1, {"content: unreadable (scan)": 1})
    assert found_in(opened(bare, name), words) == set()
    named = to_fhir(tmp_path / "named", messages).ready()
    name, _ = reconciled(named)
    assert found_in(opened(named, name), words)


def words_of_addresses(messages: Path) -> set[str]:
    """Streets, postcodes and towns: of PID-11 and of every document that the messages carry; where somebody was born is another field."""
    words: set[str] = set()
    for file in messages.iterdir():
        octets = file.read_bytes()
        for line in octets.decode("utf-8").splitlines():
            if line.startswith("PID|"):
                living = [it for it in line.split("|")[11].split("~") if "BDL" not in it]
                words |= {part for it in living for part in it.split("^")}
        for content in map(decoded, carried(octets)):
            if content.startswith(b"<"):
                root = etree.fromstring(content)
                for place in root.findall(f".//{V3}birthplace"):
                    place.clear()
                for tag in ("streetName", "streetAddressLine", "postalCode", "city"):
                    words |= {"".join(it.itertext()).strip() for it in root.iter(f"{V3}{tag}")}
    return {word for word in words if len(word) > 3}


def decoded(content: bytes) -> bytes:
    """The document itself; as it stands where its base64 was cut by its sender."""
    try:
        return plain(content)
    except binascii.Error:
        return content


def opened(ready: Ready, name: str) -> Iterator[str]:
    """Everything that the parcel holds, as its recipient reads it: each cell, and each document decoded as far as it goes."""
    received_ = ready.course.received(name)
    for line in received_.manifest.parts[:-1]:
        for row in placed(received_.part(ready.target, line)).to_pylist():
            for value in row.values():
                if isinstance(value, bytes):
                    yield decoded(value).decode("utf-8", "replace")
                yield value.decode("latin-1") if isinstance(value, bytes) else str(value)
    yield received_.statement.encode().decode("utf-8")


def found_in(texts: Iterator[str], words: set[str]) -> set[str]:
    """The words that stand in any of the texts, whatever their case."""
    return {word for text in texts for word in words if word.casefold() in text.casefold()}
