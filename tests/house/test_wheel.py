"""The wheel: what a person installs has everything it needs, and nothing of the house."""

from __future__ import annotations

import email
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the code as it stands, built as `make wheel` does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, root]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("ecluse-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package(root: Path, wheel: Path) -> None:
    """Every module, table and template of the package is in the wheel, and nothing else but its own description."""
    kept = {
        str(path.relative_to(root / "src"))
        for path in (root / "src" / "ecluse").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert any(name.endswith("refusals/vocabulary.toml") for name in inside)
    assert "ecluse/py.typed" in inside
    assert inside == kept


def test_the_wheel_says_what_it_is(root: Path, wheel: Path) -> None:
    """The wheel's description gives its licence with its text, its Python, its programs, and the libraries of pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        said = email.message_from_bytes(archive.read(f"{folder}/METADATA"))
        programs = archive.read(f"{folder}/entry_points.txt").decode()
        text = archive.read(f"{folder}/licenses/LICENSE")
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == (
        "ecluse",
        "Apache-2.0",
        ">=3.11",
    )
    chosen = [each for extra in project["optional-dependencies"].values() for each in extra]
    assert len(said.get_all("Requires-Dist")) == len(project["dependencies"]) + len(chosen)
    assert all(f"{name} = {place}" in programs for name, place in project["scripts"].items())
    assert text == (root / "LICENSE").read_bytes()


def test_the_wheel_installs_from_nothing_else(wheel: Path, tmp_path: Path) -> None:
    """Beside its locked libraries, the wheel needs nothing to be installed, and finds its own tables where it is installed."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = next((tmp_path / "venv" / "lib").glob("python3*")) / "site-packages"
    install = [
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    program = (
        "import ecluse; from ecluse.base.refusal import rules; from ecluse.terms.vocabulary import vocabulary; "
        "print(ecluse.__file__, len(rules()), len(vocabulary().kinds))"
    )
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
    where, refusals, kinds = done.stdout.split()
    assert Path(where).is_relative_to(site)
    assert int(refusals) > 0
    assert int(kinds) > 0
    assert {path.name for path in (tmp_path / "venv" / "bin").glob("ecluse*")} == {"ecluse", "ecluse-verify"}


def test_a_readme_is_part_of_the_description(root: Path) -> None:
    """Once the project has a README, it is what the wheel says of itself."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    assert project.get("readme") == ("README.md" if (root / "README.md").exists() else None)
