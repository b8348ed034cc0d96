"""Which columns are a person's by their very name (« colonnes nominatives »): what the lexicon would take for an identity, an address, a number.

Decides by the name alone, whatever the values and however often they are seen: a frequent name is somebody's too. Codes (a sex, the status of an
identity) are nobody's, and are left.
"""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Final

from ecluse.terms.secrets import compressed
from ecluse.terms.vocabulary import vocabulary

__all__ = ["OF_A_PERSON", "names_a_person"]

OF_A_PERSON: Final = frozenset({"ID", "CT", "NIR", "PRO"})
"""Categories of what says who somebody is, or where they are found: a patient's, a prescriber's, a signer's."""


def names_a_person(column: str) -> bool:
    """Whether a column of this name is taken for one that says who somebody is."""
    name = compressed(column)
    return any(fnmatchcase(name, pattern) for pattern in _patterns())


@cache
def _patterns() -> tuple[str, ...]:
    words = tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text("utf-8"))
    return tuple(
        pattern
        for kind in vocabulary().kinds.values()
        for field in kind.fields.values()
        if field.categories & OF_A_PERSON and field.type != "code"
        for pattern in words.get(kind.name, {}).get(field.name, ())
    )
