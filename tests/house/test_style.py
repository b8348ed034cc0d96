"""How the code reads: sizes, names, and the sentences at the head of things."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.reading import definitions, modules

LONGEST = 500
FORBIDDEN = frozenset(
    {"utils", "util", "helpers", "helper", "common", "misc", "manager", "service", "handler", "data", "info"}
)


@pytest.mark.parametrize("folder", ["src", "house", "tests"])
def test_no_module_is_longer_than_a_person_reads(root: Path, folder: str) -> None:
    """No module is longer than 500 lines."""
    lengths = {
        str(file.relative_to(root)): file.read_text("utf-8").count("\n")
        for file in (root / folder).rglob("*.py")
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_no_name_says_nothing(root: Path) -> None:
    """No module, class or function is named by a word that says nothing of what it is."""
    found = []
    for name, tree in modules(root / "src" / "ecluse"):
        stems = [part.removesuffix(".py") for part in name.split("/")]
        found += [f"{name}: {stem}" for stem in stems if empty(stem)]
        found += [
            f"{name}: {defined}" for defined, _ in definitions(tree) if empty(defined.rpartition(".")[2])
        ]
    assert found == []


@pytest.mark.parametrize(
    ("name", "says_nothing"),
    [
        ("utils", True),
        ("KeyManager", True),
        ("load_data", True),
        ("HTTPHandler", True),
        ("database", False),
        ("information", False),
    ],
)
def test_a_name_is_judged_word_by_word(name: str, says_nothing: bool) -> None:
    """A name is refused for one of its words, whatever its case, and not for a part of a word."""
    assert empty(name) is says_nothing


def test_everything_public_says_what_it_is(root: Path) -> None:
    """Every module, and every public function and class, begins with a sentence."""
    silent = []
    for name, tree in modules(root / "src" / "ecluse"):
        silent += [] if ast.get_docstring(tree) else [name]
        silent += [
            f"{name}: {defined}"
            for defined, node in definitions(tree)
            if not any(part.startswith("_") for part in defined.split("."))
            and not ast.get_docstring(node)
            and not overload(node)
        ]
    assert silent == []


def test_every_test_says_what_it_shows(root: Path) -> None:
    """Every test begins with one whole sentence of behaviour."""
    silent = [
        f"{name}: {defined}"
        for name, tree in modules(root / "tests")
        for defined, node in definitions(tree)
        if defined.rpartition(".")[2].startswith("test_")
        and not (ast.get_docstring(node) or "").rstrip().endswith(".")
    ]
    assert silent == []


def test_no_file_names_the_machine_it_was_written_on(root: Path) -> None:
    """No file of the project holds a path of a developer's machine."""
    machine = re.compile(r"/(?:work|root|home/\w+)/(?:main|shared|\.)|/opt/(?:wheels|pypi)")
    kept = (
        path
        for folder in ("src", "tests", "house", "docs", "bench", "examples", ".ci")
        for path in (root / folder).rglob("*")
    )
    written = [
        path
        for path in kept
        if path.is_file() and path.suffix in {"", ".py", ".toml", ".md", ".txt", ".sh", ".sql"}
    ]
    assert written
    assert [str(path.relative_to(root)) for path in written if machine.search(path.read_text("utf-8"))] == []


def empty(name: str) -> bool:
    """Whether one of the words of `name` says nothing."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return any(word.lower() in FORBIDDEN for word in words)


def overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a definition is one of several signatures of a function, which has its own sentence."""
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def test_every_act_of_the_ledger_has_its_name_in_one_place(root: Path) -> None:
    """What the ledger calls an act is written in `passage.acts` or in the table of migrations, and read from there: no other module has a name of its own."""
    own = re.compile(r"[a-z-]+\.[a-z]+(-[a-z]+)*(?<!\.age)(?<!\.json)")
    named = {
        f"{name}: {node.value.value}"
        for name, tree in modules(root / "src" / "ecluse" / "passage")
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str) and own.fullmatch(node.value.value)
    }
    assert {name for name in named if not name.startswith("acts.py")} == set()
    assert "acts.py: sample.compared" in named
