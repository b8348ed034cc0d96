"""The licences of what the installed program runs on, read from what is installed.

Decides which distributions that is (the closure of our own requirements on this machine) and which licences are refused: those that would
oblige a laboratory to publish what it builds on Écluse (GPL and AGPL without another choice). LGPL libraries are used unchanged, as libraries.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house import ROOT

__all__ = ["Library", "closure", "declared", "reasons", "refused"]

UNSAID: Final = "not said"
# Old metadata says the licence in words or as a classifier; these are the SPDX names of what we use.
SPDX: Final = {
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "mit license": "MIT",
    "mit": "MIT",
    "isc license": "ISC",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 only": "LGPL-3.0-only",
    "lgpl": "LGPL-2.1-or-later",
    "gnu lesser general public license v2 or later (lgplv2+)": "LGPL-2.1-or-later",
    "python software foundation license": "PSF-2.0",
}


@dataclass(frozen=True, slots=True, order=True)
class Library:
    """One distribution of the closure; `why` is empty when another one brings it."""

    name: str
    version: str
    licence: str
    why: str


def declared() -> set[str]:
    """The names in pyproject.toml's own lists: the program's, and what an exchange adds."""
    return {canonicalize_name(wanted.name) for wanted in _wanted()}


def _wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["exchange"]]
    return [Requirement(line) for line in lines]


def reasons() -> dict[str, str]:
    """Why each is there, from `dependencies.toml`."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def closure() -> list[Library]:
    """Every distribution the installed program runs on, sorted by name."""
    found: dict[str, Distribution] = {}
    awaiting = _wanted()
    while awaiting:
        wanted = awaiting.pop()
        name = canonicalize_name(wanted.name)
        extras = sorted(wanted.extras) or [""]
        installed = distribution(name)
        following = [Requirement(line) for line in installed.requires or []]
        chosen = [
            one
            for one in following
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras)
        ]
        awaiting += [one for one in chosen if canonicalize_name(one.name) not in found or one.extras]
        found[name] = installed
    why = reasons()
    return sorted(Library(name, one.version, licence(one), why.get(name, "")) for name, one in found.items())


def licence(installed: Distribution) -> str:
    """The SPDX expression of a distribution's licence: its own, or what its older metadata says in words."""
    metadata = installed.metadata.json
    said = metadata.get("license_expression")
    if said:
        return str(said)
    words = [
        line.rpartition(" :: ")[2]
        for line in metadata.get("classifier", [])
        if line.startswith("License :: ")
    ]
    words.append(str(metadata.get("license", "")))
    for word in words:
        known = SPDX.get(word.strip().lower())
        if known:
            return known
    return next((word.splitlines()[0] for word in words if word.strip()), UNSAID)


def refused(expression: str) -> bool:
    """Whether a licence leaves no choice but GPL or AGPL, or is not said at all."""
    if expression == UNSAID:
        return True
    return all(
        re.search(r"(?<!L)GPL|GNU General Public|Affero", choice)
        for choice in re.split(r"\s+OR\s+", expression)
    )
