"""A laboratory leaves its system: it keeps an archive, sealed to its own key, and reads it years later without Écluse."""

from __future__ import annotations

import base64
import csv
import io
import json
import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.archive.tables import TableReading
from ecluse.adapters.connectors import fhir
from ecluse.base.refusal import Refusal
from ecluse.inspection.archive import verify_archive
from ecluse.proof.archive import EVIDENCE, MANIFEST, README, SEALED, ArchiveManifest
from ecluse.proof.classic import archive_recipients
from ecluse.proof.evidence import KO, OK, SKIPPED
from ecluse.proof.sign import sign_document
from ecluse.proof.unseal import new_identity
from ecluse.terms.instruction import Instruction, NamedField
from ecluse.wiring.archive import Making, check_accepted, make_archive, opened_with, unfold_archive
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.inspection import trust_of
from ecluse.wiring.laboratory import checksum
from tests.workspaces import Laboratory, also, start

needs_age = pytest.mark.skipif(
    shutil.which("age") is None, reason="the age program is absent: apt install age"
)


def with_reports(instruction: Instruction) -> Instruction:
    """The reports are asked for, with the reason, and the insured number that they show."""
    taken = also(
        also(instruction, "patient", "nss"),
        "document",
        "id",
        "request",
        "media_type",
        "content",
        "visibility",
    )
    reason = NamedField("document.content", "Les comptes rendus signés font foi.")
    return replace(taken, documents=(reason,))


class Kept:
    """A laboratory whose passage into FHIR files was accepted, its archive, and the keys that open it."""

    def __init__(self, home: Path) -> None:
        lab = Laboratory(home, patients=40, seed=3)
        lab.change = with_reports
        (home / "new.toml").write_bytes((Path(fhir.__file__).parent / "fhir-r4.toml").read_bytes())
        target = replace(lab.settings.target, url=f"fhir+file://{home}/fhir")
        lab.settings = replace(lab.settings, target=target)
        lab.create_target = lambda: None  # type: ignore[method-assign]
        self.ready: Ready = lab.ready()
        self.home, self.settings = home, lab.settings
        self.name = start(self.ready)
        self.by = self.ready.cast.ids["biologist"]
        course = self.ready.course
        course.run(self.name, by=self.ready.cast.ids["engineer"])
        self.reconciliation = course.reconcile(self.name, by=self.ready.cast.ids["engineer"])
        course.accept(self.name, by=self.by, key=self.ready.cast.keys["biologist"])
        self.identity, recipient = new_identity()
        self.place = self.make("archive", to=str(recipient))

    def make(self, name: str, *, to: str, **other: Any) -> Path:
        """One more archive of the same passage."""
        place = self.home / name
        making = Making(
            migration=self.name,
            by=self.by,
            key=self.ready.cast.keys["biologist"],
            to=archive_recipients([to]),
            pages={"report.html": b"<!doctype html>"},
        )
        make_archive(self.ready.course, place, replace(making, **other))
        return place

    def outcomes(self, place: Path | None = None, *, key: bool = True) -> list[str]:
        """How each step ends."""
        unsealing = opened_with([self.identity]) if key else None
        trust = trust_of(self.settings)
        return [
            step.outcome for step in verify_archive(place or self.place, trust=trust, unsealing=unsealing)
        ]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """One archive that the tests copy before they spoil it."""
    return Kept(tmp_path_factory.mktemp("archive") / "home")


def rows_of(folder: Path, kind: str) -> list[dict[str, str]]:
    """A table as a spreadsheet reads it."""
    text = (folder / "tables" / f"{kind}.csv").read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";"))


@needs_age
def test_a_laboratory_reads_its_archive_with_age_tar_and_sha256sum(kept: Kept, tmp_path: Path) -> None:
    """Sealed to a classic key of the laboratory's own choice, the archive opens with Debian's age, every sum holds, and tables and records count what was loaded."""
    key = tmp_path / "key.txt"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True)
    place = kept.make("classic", to=public.stdout.strip())
    tar = tmp_path / "archive.tar"
    subprocess.run(["age", "-d", "-i", key, "-o", tar, place / SEALED], check=True)
    with tarfile.open(tar) as opened:
        opened.extractall(tmp_path)  # what we wrote a moment ago; `filter` came with Python 3.11.4
    folder = tmp_path / "archive"
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    loaded = {kind.kind: kind.loaded for kind in kept.reconciliation.kinds}
    assert loaded["result"] > 100
    assert loaded["document"] > 0
    resources: Counter[str] = Counter()
    for file in (folder / "records").glob("*.ndjson"):
        if not file.name.startswith("Binary"):
            lines = file.read_bytes().splitlines()
            resources[file.name.split(".")[1]] += sum("resourceType" in json.loads(line) for line in lines)
    for kind, rows in loaded.items():
        table = rows_of(folder, kind)
        assert (len(table), resources[kind]) == (rows, rows), kind
        if kind == "document":
            assert all(
                (folder / row["content"]).stat().st_size == int(row["octets"])
                for row in table
                if row["content"]
            )
    for name in ("README.txt", "index.html", "dictionary.csv", "columns.csv", "counts.csv", "volume.json"):
        assert (folder / name).stat().st_size > 100, name
    assert json.loads((folder / "volume.json").read_text())["records"] == loaded


def test_an_archive_verifies_offline_step_by_step(kept: Kept) -> None:
    """With the laboratory's policy and key every step is OK; without the key what is sealed is skipped, never OK."""
    assert kept.outcomes() == [OK] * 7
    assert kept.outcomes(key=False) == [OK] * 5 + [SKIPPED] * 2


def test_nothing_outside_the_seal_tells_of_a_patient(kept: Kept, tmp_path: Path) -> None:
    """No name, number or date of birth of any patient stands in the files outside the seal."""
    folder = tmp_path / "opened"
    unfold_archive(kept.place, folder, unsealing=opened_with([kept.identity]))
    patients = rows_of(folder, "patient")
    named = {value for row in patients for value in row.values() if len(value) > 5}
    assert named
    outside = b"".join((kept.place / name).read_bytes() for name in (README, EVIDENCE, MANIFEST))
    assert not [value for value in named if value.encode() in outside]


def cut(place: Path) -> None:
    """The sealed file ends early."""
    octets = (place / SEALED).read_bytes()
    (place / SEALED).write_bytes(octets[:-20])


def altered(place: Path) -> None:
    """One octet in the middle is another."""
    octets = bytearray((place / SEALED).read_bytes())
    octets[len(octets) // 2] ^= 1
    (place / SEALED).write_bytes(octets)


def swapped_evidence(place: Path) -> None:
    """The evidence is another file."""
    shutil.copy(place / README, place / EVIDENCE)


def unsigned(place: Path) -> None:
    """A manifest whose signature is another's."""
    envelope = json.loads((place / MANIFEST).read_bytes())
    signature = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("A" if signature[0] != "A" else "B") + signature[1:]
    (place / MANIFEST).write_text(json.dumps(envelope, separators=(",", ":"), sort_keys=True))


def one_more(place: Path) -> None:
    """A file that nobody signed lies beside the others."""
    (place / "more.txt").write_text("more")


def one_less(place: Path) -> None:
    """The manifest is gone."""
    (place / MANIFEST).unlink()


SPOILS = {
    cut: "archive files", altered: "archive files", swapped_evidence: "archive evidence",
    unsigned: "archive manifest", one_more: "archive layout", one_less: "archive layout",
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "step"), SPOILS.items(), ids=lambda it: getattr(it, "__name__", ""))
def test_a_spoilt_archive_is_refused(
    kept: Kept, tmp_path: Path, spoil: Callable[[Path], None], step: str
) -> None:
    """Cut, altered, swapped, unsigned, with a file more or less: the first step that sees it is KO, and nothing of it is unfolded."""
    place = tmp_path / "copy"
    shutil.copytree(kept.place, place)
    spoil(place)
    steps = verify_archive(place, unsealing=opened_with([kept.identity]))
    assert next(it.name for it in steps if it.outcome == KO) == step
    with pytest.raises(Refusal):
        unfold_archive(place, tmp_path / "out", unsealing=opened_with([kept.identity]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]


def test_another_archives_seal_is_refused(kept: Kept, tmp_path: Path) -> None:
    """A second archive of the passage holds, its evidence telling of the first; but its sealed file is not the one that was signed for the first."""
    other = kept.make("other", to=str(kept.identity.recipient()))
    assert kept.outcomes(other) == [OK] * 7
    place = tmp_path / "copy"
    shutil.copytree(kept.place, place)
    shutil.copy(other / SEALED, place / SEALED)
    assert KO in kept.outcomes(place)


def resealed(kept: Kept, place: Path, **change: Any) -> None:
    """The same archive, its manifest saying something else, signed by the same biologist."""
    manifest = ArchiveManifest.decode(
        base64.b64decode(json.loads((place / MANIFEST).read_bytes())["payload"])
    )
    key = change.pop("key", kept.ready.cast.keys["biologist"])
    payload = replace(manifest, **change).encode()
    (place / MANIFEST).write_bytes(sign_document(payload, type="archive", keys=[key]))


LIES: dict[str, tuple[dict[str, Any], str]] = {
    "instruction": ({"instruction": "sha256:" + "0" * 64}, "archive acceptance"),
    "reconciliation": ({"reconciliation": "sha256:" + "0" * 64}, "archive acceptance"),
    "list": ({"sums": "0" * 64}, "archive contents"),
    "files": ({"inside": 1}, "archive contents"),
    "documents": ({"documents": 999}, "archive contents"),
    "more records": ({"records": {"result": 1}}, "archive counts"),
    "no records": ({"records": {}}, "archive counts"),
    "early": ({"at": "2001-01-01T00:00:00+00:00"}, "archive manifest"),
    "no instant": ({"at": "yesterday"}, "archive manifest"),
    "no zone": ({"at": "2026-01-01T00:00:00"}, "archive manifest"),
    "another's name": ({"by": "p-0000"}, "archive manifest"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_manifest_that_lies_is_found_out(kept: Kept, tmp_path: Path, lie: str) -> None:
    """Signed by the right hand, what it says is still held against the evidence and counted again in the files."""
    change, step = LIES[lie]
    place = tmp_path / "copy"
    shutil.copytree(kept.place, place)
    resealed(kept, place, **change)
    steps = verify_archive(place, unsealing=opened_with([kept.identity]))
    assert next(it.name for it in steps if it.outcome == KO) == step


def test_a_manifest_signed_by_an_engineer_is_refused(kept: Kept, tmp_path: Path) -> None:
    """Who may not accept a passage vouches for no archive of it."""
    place = tmp_path / "copy"
    shutil.copytree(kept.place, place)
    cast = kept.ready.cast
    resealed(kept, place, by=cast.ids["engineer"], key=cast.keys["engineer"])
    steps = verify_archive(place)
    assert [it.outcome for it in steps] == [OK, OK, KO, SKIPPED, SKIPPED, SKIPPED, SKIPPED]


def test_a_wrong_key_opens_nothing(kept: Kept) -> None:
    """With a key that the archive is not sealed to, the contents are KO, not skipped."""
    steps = verify_archive(kept.place, unsealing=opened_with([new_identity()[0]]))
    assert [step.outcome for step in steps[5:]] == [KO, SKIPPED]
    assert isinstance(steps[5].said, Refusal)
    assert steps[5].said.code == "seal/not-for-you"


def refused(kept: Kept, name: str, **other: Any) -> str:
    """The code by which an archive is refused; nothing of it stays."""
    with pytest.raises(Refusal) as caught:
        kept.make(name, to=str(kept.identity.recipient()), **other)
    assert not list(kept.home.glob(f".{name}*"))
    return caught.value.code


def test_an_archive_is_never_written_over(kept: Kept) -> None:
    """Where something stands already, nothing is written."""
    before = kept.outcomes()
    assert refused(kept, "archive") == "archive/exists"
    assert kept.outcomes() == before


def test_only_who_may_accept_makes_an_archive(kept: Kept) -> None:
    """An engineer's archive is refused, and so is a biologist's signed by another's key."""
    cast = kept.ready.cast
    assert refused(kept, "mine", by=cast.ids["engineer"], key=cast.keys["engineer"]) == "people/may-not"
    assert refused(kept, "mine", key=cast.keys["engineer"]) == "people/another-key"


def test_a_target_that_changed_since_it_was_accepted_is_not_kept(kept: Kept) -> None:
    """A value that changed in the files after acceptance is found as they are read back, and no archive is left."""
    file = next((kept.home / "fhir").glob("Patient.*.ndjson"))
    before = file.read_bytes()
    other = {b'"gender":"male"': b'"gender":"female"', b'"gender":"female"': b'"gender":"male"'}
    told = next(it for it in other if it in before)
    file.write_bytes(before.replace(told, other[told], 1))
    try:
        assert refused(kept, "changed") == "archive/target-changed"
    finally:
        file.write_bytes(before)


def test_keys_of_two_sorts_are_refused() -> None:
    """A classic key beside a hybrid one would undo what the hybrid one promises; and no key at all seals to nobody."""
    hybrid = str(new_identity()[1])
    classic = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    with pytest.raises(Refusal) as mixed:
        archive_recipients([hybrid, classic])
    with pytest.raises(Refusal) as none:
        archive_recipients([])
    assert (mixed.value.code, none.value.code) == ("archive/recipients-mixed", "archive/no-recipient")


def test_a_file_that_another_put_there_is_not_kept(kept: Kept) -> None:
    """A file in the folder that holds no record of the passage is found as all is read back, and no archive is left."""
    stray = kept.home / "fhir" / "stray.ndjson"
    stray.write_text("{}")
    try:
        assert refused(kept, "stray") == "archive/target-holds-more"
    finally:
        stray.unlink()


def test_records_beyond_those_accepted_are_not_kept(kept: Kept, tmp_path: Path) -> None:
    """Where the target holds other counts than the accepted comparison found loaded, there is no archive: the rest is nobody's instruction."""
    course = kept.ready.course
    reading = TableReading()
    received = course.received(kept.name)
    with course.read_back(received) as (snapshot, plan):
        entries = reading.entries(
            snapshot, plan, checksum=checksum(), salts=received.statement.salts, folder=tmp_path
        )
        assert sum(1 for it in entries for _ in it.octets()) > 0
    accepted = kept.reconciliation.encode()
    check_accepted(course, received, reading, accepted)
    fewer = accepted.replace(b'"loaded":', b'"loaded":1')
    with pytest.raises(Refusal) as caught:
        check_accepted(course, received, reading, fewer)
    assert caught.value.code == "archive/target-holds-more"
