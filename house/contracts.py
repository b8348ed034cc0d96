"""An import contract of our own: what some modules may ever reach, however far, libraries included.

Decides whether a promise such as «the exchange cannot reach `proof.unseal`» holds for modules which may not be written yet. Beyond
import-linter's `forbidden`, it follows what Python itself runs (importing `a.b` runs `a/__init__.py`), it can name the only libraries allowed,
and it refuses a name that is neither a module nor `awaited`, so that a promise cannot go empty by a renaming. It does not say who is
above whom: that is the `layers` contract, in `pyproject.toml`.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

__all__ = ["Breach", "Reach", "breaches"]

OWN: Final = "ecluse"


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One thing reached that may not be, by the shortest chain of imports; or a name that stands for nothing (a chain of one)."""

    reached: str
    chain: tuple[str, ...]
    why: str


class Reach(Contract):
    """`sources` (those `awaited` may be missing) reach nothing of `never`, and no library but `libraries` when that is given."""

    type_name = "reach"

    sources = fields.SetField(subfield=fields.StringField())
    awaited = fields.SetField(subfield=fields.StringField(), required=False)
    never = fields.SetField(subfield=fields.StringField())
    libraries = fields.SetField(subfield=fields.StringField(), required=False)
    guidance = fields.StringField(required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 - import-linter's signature
        """Import-linter's verb."""
        terms: Any = self  # import-linter declares fields and gives their values
        found = breaches(
            graph,
            sources=terms.sources,
            awaited=terms.awaited or set(),
            never=terms.never,
            libraries=terms.libraries,
        )
        return ContractCheck(kept=not found, metadata={"breaches": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Import-linter's verb: each breach with its chain, then what to do."""
        for breach in check.metadata["breaches"]:
            output.print_error(f"{breach.why}: {' -> '.join(breach.chain)}", bold=False)
        guidance: Any = self.guidance
        if guidance is not None:
            output.print_error(guidance, bold=False)
        output.new_line()


def breaches(
    graph: ImportGraph, *, sources: set[str], awaited: set[str], never: set[str], libraries: set[str] | None
) -> list[Breach]:
    """Every breach of a contract, sorted; see `Reach` for its terms."""
    present = {name for name in sources if name in graph.modules}
    found = [
        Breach(name, (name,), "no such module (renamed? if it is still to be written, say so in `awaited`)")
        for name in sources - present - awaited
    ]
    found += [
        Breach(name, (name,), "it exists now: take it out of `awaited`")
        for name in awaited
        if name in graph.modules and name in sources
    ]
    found += [
        Breach(name, (name,), "`never` names no module of ours")
        for name in never - awaited
        if within(name, OWN) and name not in graph.modules
    ]
    starts = {module for module in graph.modules for name in present if within(module, name)}
    for module, chain in reached(graph, starts).items():
        if module not in starts and any(within(module, name) for name in never):
            found.append(Breach(module, chain, "it may never reach this"))
        elif libraries is not None and is_library(module) and module not in libraries:
            found.append(
                Breach(module, chain, f"it may reach no library but {', '.join(sorted(libraries)) or 'none'}")
            )
    return sorted(found)


def reached(graph: ImportGraph, starts: set[str]) -> dict[str, tuple[str, ...]]:
    """Every module that importing `starts` runs, `starts` included, each with the shortest chain that leads to it."""
    chains: dict[str, tuple[str, ...]] = {start: (start,) for start in sorted(starts)}
    queue = deque(chains)
    while queue:
        module = queue.popleft()
        for following in sorted({*graph.find_modules_directly_imported_by(module), *parents(module)}):
            if following not in chains and following in graph.modules:
                chains[following] = (*chains[module], following)
                queue.append(following)
    return chains


def parents(module: str) -> list[str]:
    """The packages whose `__init__` runs before `module`."""
    words = module.split(".")
    return [".".join(words[:length]) for length in range(1, len(words))]


def within(module: str, package: str) -> bool:
    """Whether `module` is `package` or stands in it."""
    return module == package or module.startswith(f"{package}.")


def is_library(module: str) -> bool:
    """Whether `module` comes with neither Python nor us."""
    root = module.partition(".")[0]
    return root != OWN and root not in sys.stdlib_module_names
