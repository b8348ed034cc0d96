"""What Écluse says to people: every sentence is bilingual, every one is said, and none is missing."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from ecluse.base.words import LANGUAGES, sentences
from tests.house.reading import called, literals, modules, patterns, strings


@pytest.fixture(scope="module")
def code(root: Path) -> dict[str, ast.Module]:
    """Every module of the package."""
    return dict(modules(root / "src" / "ecluse"))


def test_every_sentence_is_in_both_languages() -> None:
    """Every sentence exists in French and in English, with the same blanks to fill in."""
    for key, both in sentences().items():
        assert set(both) == set(LANGUAGES), key
        french, english = (
            {name for _, name, _, _ in Formatter().parse(both[language]) if name} for language in LANGUAGES
        )
        assert french == english, key


def test_every_sentence_is_said(root: Path, code: dict[str, ast.Module]) -> None:
    """No sentence stands in the catalogues that nothing says: in the code, by its key or by a key made from it, or in a template."""
    written = {text for tree in code.values() for text in literals(tree)}
    made = [pattern for tree in code.values() for pattern in patterns(tree)]
    templates = " ".join(file.read_text("utf-8") for file in (root / "src" / "ecluse").rglob("*.html"))
    spoken = written | set(re.findall(r"[a-z_]+(?:\.[a-z0-9_-]+)+", templates))
    assert [
        key for key in sentences() if key not in spoken and not any(one.fullmatch(key) for one in made)
    ] == []


def test_every_sentence_said_exists(code: dict[str, ast.Module]) -> None:
    """No key is said that the catalogues do not know."""
    unknown = [
        f"{name}:{node.lineno} {key}"
        for name, tree in code.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node.func) == "say" and node.args
        for key in strings(node.args[0])
        if key not in sentences()
    ]
    assert unknown == []
