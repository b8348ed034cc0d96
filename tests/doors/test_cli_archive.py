"""The archive's verbs as they are typed: made after acceptance and not before, checked, opened, refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ecluse.doors.verify import verify
from ecluse.proof.archive import MANIFEST, NAMES, SEALED
from ecluse.proof.unseal import Identity, new_identity
from ecluse.wiring.formats import shipped_mapping
from tests.doors.conftest import Desk


def to_files(desk: Desk, folder: Path) -> None:
    """The target is a folder of CSV files."""
    settings = desk.home / "ecluse.toml"
    text = settings.read_text("utf-8")
    old = next(line for line in text.splitlines() if line.startswith("url") and "new.sqlite" in line)
    settings.write_text(text.replace(old, f'url = "csv+file://{folder}"').replace("new.toml", "records.toml"))
    (desk.home / "records.toml").write_text(shipped_mapping("records"), "utf-8")


def keys(desk: Desk, name: str = "key.txt") -> tuple[Identity, str, str]:
    """A laboratory's key, its public text and the file of the private half."""
    identity, recipient = new_identity()
    file = desk.home / name
    file.write_text(f"# created for a test\n{identity.secret_text()}\n")
    return identity, str(recipient), str(file)


def accepted(desk: Desk) -> None:
    """A passage into files, accepted."""
    desk.type("accept", *desk.by("biologist"))


def test_the_archives_verbs_from_the_passage_to_the_files(desk: Desk, tmp_path: Path) -> None:
    """Not before acceptance; then made, checked with and without the key, opened, and refused where something stands or the key is another."""
    to_files(desk, tmp_path / "kept-files")
    desk.sign_all()
    desk.type("run", *desk.by("engineer"))
    place, (_, public, private) = str(tmp_path / "kept"), keys(desk)
    make = ("archive", "make", place, "--to", public, *desk.by("biologist"))
    assert desk.json(*make, code=5)["refusal"]["code"] == "migration/not-now"
    accepted(desk)
    assert desk.json(*make, "--dry-run")["dry_run"]
    assert not Path(place).exists()
    stray = tmp_path / "kept-files" / "messages" / "stray.csv"
    stray.write_text("somebody;else\r\n1;2\r\n")
    assert desk.json(*make, code=4)["refusal"]["code"] == "archive/target-holds-more"
    stray.unlink()
    made = desk.json(*make)
    assert {path.name for path in Path(place).iterdir()} == NAMES
    assert sum(made["records"].values()) > 100
    assert desk.json(*make, code=2)["refusal"]["code"] == "archive/exists"

    sealed = desk.json("verify", place)
    assert [step["outcome"] for step in sealed["steps"]] == ["OK"] * 5 + ["SKIPPED"] * 2
    for words in (("verify", place), ("archive", "check", place)):
        checked = desk.json(*words, "--identity", private)
        assert [step["outcome"] for step in checked["steps"]] == ["OK"] * 7
    _, _, another = keys(desk, "another.txt")
    assert not desk.json("archive", "check", place, "--identity", another, code=9)["holds"]

    folder = tmp_path / "opened"
    refused = desk.json("archive", "open", place, str(folder), "--identity", another, code=9)
    assert not folder.exists()
    assert refused["refusal"]["code"] == "seal/not-for-you"
    opened = desk.json("archive", "open", place, str(folder), "--identity", private)
    assert opened["files"] == made["files"] + 1
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)
    assert {"source.html", "source.toml", "target.html", "target.toml"} == {
        path.name for path in (folder / "mapping").iterdir()
    }
    assert json.loads((folder / "volume.json").read_text())["records"] == made["records"]
    again = desk.json("archive", "open", place, str(folder), "--identity", private, code=2)
    assert again["refusal"]["code"] == "archive/exists"

    (Path(place) / MANIFEST).unlink()
    assert verify(Path(place)) == 9
    (Path(place) / SEALED).unlink()
    assert desk.json("archive", "check", place, code=9)["refusal"]["code"] == "archive/layout"


def test_a_database_is_no_archive(desk: Desk) -> None:
    """Where the target is a database, the refusal says to carry a passage into files."""
    desk.sign_all()
    desk.type("run", *desk.by("engineer"))
    accepted(desk)
    _, public, _ = keys(desk)
    words = ("archive", "make", desk.file("kept"), "--to", public, *desk.by("biologist"))
    assert desk.json(*words, code=2)["refusal"]["code"] == "archive/target-not-files"


def test_a_key_that_is_none_is_refused_without_showing_it(desk: Desk) -> None:
    """A file with no age key in it opens nothing, and what stands there is printed nowhere."""
    file = desk.home / "key.txt"
    file.write_text("# nothing\n")
    (desk.home / "kept").mkdir()
    (desk.home / "kept" / SEALED).write_bytes(b"")
    words = ("archive", "check", desk.file("kept"), "--identity", str(file))
    assert desk.json(*words, code=7)["refusal"]["code"] == "seal/key-malformed"
