"""Reads the project's code as text, without running it, for the tests of the house."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Said", "calls", "definitions", "literals", "modules", "patterns"]

SAYS: Final = frozenset({"Refusal", "Fault"})


@dataclass(frozen=True, slots=True)
class Said:
    """One call of `Refusal` or `Fault`: where, its codes (none when it is computed), its values (None when some are computed)."""

    where: str
    word: str
    codes: tuple[str, ...]
    values: frozenset[str] | None


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module under `root`, by its path from there."""
    for file in sorted(root.rglob("*.py")):
        yield str(file.relative_to(root)), ast.parse(file.read_text("utf-8"))


def calls(name: str, tree: ast.Module) -> Iterator[Said]:
    """Every refusal and fault that the module `name` makes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node.func) in SAYS and node.args:
            given = {keyword.arg for keyword in node.keywords}
            values = None if None in given else frozenset(str(one) for one in given)
            yield Said(f"{name}:{node.lineno}", called(node.func), strings(node.args[0]), values)


def called(node: ast.expr) -> str:
    """The last word of what is called."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def strings(node: ast.expr) -> tuple[str, ...]:
    """The strings that an expression can be, as far as it says: itself, or both sides of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.IfExp):
        return strings(node.body) + strings(node.orelse)
    return ()


def literals(tree: ast.Module) -> set[str]:
    """Every whole string written in a module."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def patterns(tree: ast.Module) -> list[re.Pattern[str]]:
    """What each f-string of a module can be: its words as written, anything without a space where it is filled in."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [
                re.escape(part.value) if isinstance(part, ast.Constant) else r"[^\s]+" for part in node.values
            ]
            if any(isinstance(part, ast.Constant) and len(part.value) > 2 for part in node.values):
                found.append(re.compile("".join(parts)))
    return found


def definitions(
    tree: ast.Module,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Every function and class of a module, with its dotted name; those inside a function are its own business."""

    def walk(
        nodes: list[ast.stmt], prefix: str
    ) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield prefix + node.name, node
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}{node.name}.")

    yield from walk(tree.body, "")
