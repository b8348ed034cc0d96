"""What Écluse does about each requirement of OWASP ASVS 5.0.0, from `asvs.toml`: numbers and our own words, never the standard's text.

Decides what a line may be: one that `holds` names a test that shows it, and every test named exists. It does not decide which requirements there are:
the standard does, and a test compares where its file is at hand.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from house import ROOT

__all__ = ["DEEP", "STATES", "Chapter", "Requirement", "chapters", "mistakes"]

STATES: Final = ("holds", "partly", "not-yet", "not-applicable")
_TOLD: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("asvs.toml").read_text("utf-8"))
DEEP: Final = frozenset(_TOLD["deep"])
"""Chapters judged to level 3; the others to level 2."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: its number (`1.2.3`), its state, why, and the tests that show it (`path::name`, or a whole file)."""

    number: str
    state: str
    evidence: str
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter: its number, what it is about in our words, its requirements."""

    number: int
    name: str
    requirements: tuple[Requirement, ...]

    def count(self) -> Counter[str]:
        """How many requirements are in each state."""
        return Counter(one.state for one in self.requirements)


def chapters() -> list[Chapter]:
    """Every chapter, in the standard's order."""
    lines = [
        Requirement(number, line["state"], line["evidence"], tuple(line.get("tests", ())))
        for number, line in _TOLD["requirement"].items()
    ]
    return [
        Chapter(int(number), line["name"], tuple(one for one in lines if one.number.split(".")[0] == number))
        for number, line in _TOLD["chapter"].items()
    ]


def mistakes(lines: Iterable[Requirement], root: Path = ROOT) -> Iterator[str]:
    """What no line may say, each named by its number."""
    for line in lines:
        if line.state not in STATES:
            yield f"{line.number}: no such state, {line.state}"
        if not line.evidence.strip():
            yield f"{line.number}: says nothing"
        if line.state == "holds" and not line.tests:
            yield f"{line.number}: holds, and no test shows it"
        if line.state == "not-applicable" and line.tests:
            yield f"{line.number}: does not apply, and has a test"
        for test in line.tests:
            file, _, name = test.partition("::")
            if name not in _tests(root / file):
                yield f"{line.number}: no such test, {test}"


@cache
def _tests(file: Path) -> frozenset[str]:
    """The names of a file's tests, and the empty one for the file as a whole; nothing where there is no file with a test."""
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text("utf-8"))
    names = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    tests = {name for name in names if name.lower().startswith("test")}
    return frozenset({*tests, ""} if tests else ())
