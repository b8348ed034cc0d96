"""The inspector: one bundle, one command, on his own machine, without trusting anyone (GDPR Art. 5(2), 31 and 58(1))."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecluse.adapters.bundle import write_bundle
from ecluse.doors.verify import main
from ecluse.inspection.evidence import steps
from ecluse.wiring.demonstration import PEOPLE, Demonstration
from ecluse.wiring.inspection import bundle_files, trust_of

BARE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        root = name.partition('.')[0]
        if root not in sys.stdlib_module_names and root not in ('ecluse', 'cryptography', 'cffi', '_cffi_backend', '_openssl'):
            raise ImportError(name + ' is not to be had here')
sys.meta_path.insert(0, Blocked())
from ecluse.doors.verify import main
raise SystemExit(main())
"""
"""A Python that has the standard library and cryptography, and refuses all else."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    """A whole passage, played."""
    told = Demonstration(tmp_path_factory.mktemp("inspected"), patients=60, seed=1)
    told.play()
    return told


@pytest.fixture(scope="module")
def bundle(story: Demonstration) -> Path:
    """Its bundle, handed over as one file, and its policy, handed over apart."""
    write_bundle(bundle_files(story.settings, report=b"<!doctype html>"), story.home / "bundle.zip")
    (story.home / "policy.json").write_bytes(trust_of(story.settings).encode())
    return story.home / "bundle.zip"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """What the command ends with, and says."""
    code = main([str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_the_inspector_reads_numbered_steps(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ecluse-verify` prints every step with its number, each OK with what it examined, in French or in English, and ends with 0.

    A step that had nothing to look at is no OK: no code map was signed here.
    """
    for language, good in (("en", "the evidence holds"), ("fr", "les preuves se tiennent")):
        code, said = answer(capsys, bundle, "--policy", bundle.parent / "policy.json", "--language", language)
        assert (code, good in said) == (0, True)
        assert re.findall(r"^ *(\d+) OK", said, re.MULTILINE) == [
            str(number) for number, name in enumerate(steps(), 1) if name != "code map"
        ]


def test_without_a_policy_the_inspector_is_told_what_that_means(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the laboratory's policy the output says that the bundle is only shown to agree with itself."""
    assert "only shown to agree with itself" in answer(capsys, bundle, "--language=en")[1]
    assert json.loads(answer(capsys, bundle, "--json")[1])["trusted"] is False


def test_a_machine_reads_the_same(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` gives the same steps, with the code of the refusal where there is one."""
    code, said = answer(capsys, bundle, "--policy", bundle.parent / "policy.json", "--json")
    found = json.loads(said)
    assert (code, found["holds"], found["trusted"]) == (0, True, True)
    assert [step["name"] for step in found["steps"]] == list(steps())
    assert all(step["code"] is None for step in found["steps"])
    assert [step["name"] for step in found["steps"] if not step["examined"]] == ["code map"]


def test_what_does_not_hold_ends_with_nine(
    story: Demonstration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle whose certificate of erasure was taken out is KO, with what to do, and the command ends with 9."""
    files = bundle_files(story.settings)
    erasure = next(name for name, octets in files.items() if b"ecluse.erasure" in octets)
    write_bundle({name: octets for name, octets in files.items() if name != erasure}, tmp_path / "less")
    code, said = answer(capsys, tmp_path / "less", "--language", "en")
    assert code == 9
    assert "  7 KO" in said
    assert "Ask the laboratory for a complete bundle." in said
    assert (
        json.loads(answer(capsys, tmp_path / "less", "--json")[1])["steps"][6]["code"]
        == "bundle/document-lacking"
    )


def test_the_inspector_s_machine_needs_only_python_and_cryptography(bundle: Path) -> None:
    """The verifier runs where nothing but the standard library and cryptography can be imported, in about a second."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-P", "-c", BARE, str(bundle), "--policy", str(bundle.parent / "policy.json"), "--language", "en"],
        capture_output=True, text=True, check=False, env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "the evidence holds" in done.stdout
    assert (
        time.perf_counter() - began < 30
    )  # the figure is measured by the bench; this only sees that nothing hangs


def test_no_patient_and_no_private_key_is_in_the_bundle(story: Demonstration) -> None:
    """No value that identifies a patient and no private key is anywhere in the bundle; people are named only by what they signed."""
    files = bundle_files(story.settings)
    everything = b"\n".join([*files.values(), *(name.encode() for name in files)])
    everything += b"\n".join(payload for octets in files.values() for payload in payloads(octets))
    for value in patients(story.home / "old.sqlite"):
        assert value.encode() not in everything, "a patient's value"
    for _, name, number, _ in PEOPLE:
        assert number.encode() not in everything
        assert all(
            name.encode() not in octets
            for place, octets in files.items()
            if not place.startswith("documents/")
        )
    assert b"AGE-SECRET-KEY" not in everything.upper()
    assert (story.settings.exchange / "log.key").read_bytes() not in everything


def test_names_are_given_only_when_asked_for(story: Demonstration) -> None:
    """People are pseudonymous in a bundle, and named in it when the laboratory chooses to."""
    named = bundle_files(story.settings, names=True)
    told = [json.loads(octets).get("name") for name, octets in named.items() if name.startswith("people/")]
    assert sorted(told) == sorted(name for _, name, _, _ in PEOPLE)
    assert all(
        "name" not in json.loads(octets)
        for name, octets in bundle_files(story.settings).items()
        if name.startswith("people/")
    )


def payloads(octets: bytes) -> list[bytes]:
    """What an envelope holds, unpacked."""
    import base64

    return [base64.b64decode(found) for found in re.findall(rb'"payload":"([A-Za-z0-9+/=]+)"', octets)]


def patients(database: Path) -> set[str]:
    """Texts of at least eight letters or digits in the old system's table of patients."""
    with sqlite3.connect(database) as opened:
        tables = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        table = next(name for name in tables if "pat" in name.lower())
        rows = opened.execute(f'select * from "{table}"').fetchall()
    texts = {value.strip() for row in rows for value in row if isinstance(value, str)}
    return {
        text
        for text in texts
        if len(text) >= 8
        and any(letter.isdigit() for letter in text)
        and not re.fullmatch(r"[0-9-]{8,10}", text)
    }
