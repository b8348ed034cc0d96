"""The two ways, besides bugs, in which Écluse says no.

A `Refusal` is a rule that said no; a `Fault` is the world that failed. Both carry a stable code, the law or rule they rest on,
an exit code, a message (what, where, expected, got) and a hint on its own line, in French and English. All of that stands in one table, the
files `refusals/<subject>.toml` beside this module, from which the documentation is generated. This module decides how they read;
it does not decide when they are raised.

The values given to a refusal name columns, files, codes, counts and dates: never a person's datum.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from ecluse.base.words import filled

__all__ = ["EXITS", "Fault", "Refusal", "Rule", "rules"]

EXITS: Final[dict[int, tuple[str, str]]] = {
    0: ("done", "fait"),
    1: ("a fault of the world: see whether to retry", "défaillance extérieure : voir s'il faut réessayer"),
    2: ("the command was not understood", "commande non comprise"),
    3: ("finished, with rejected rows", "terminé, avec des lignes rejetées"),
    4: (
        "not reconciled: something is unexplained",
        "contrôle de complétude en échec : des éléments inexpliqués",
    ),
    5: ("the lock is closed: agreement or instruction", "l'écluse est fermée : contrat ou instruction"),
    6: (
        "the instruction is out of time, used up, superseded or revoked",
        "instruction hors délai, épuisée, remplacée ou révoquée",
    ),
    7: (
        "the recipient's key is not certified or not compared",
        "clé du destinataire non certifiée ou non comparée",
    ),
    8: ("what is asked may not leave", "ce qui est demandé ne peut pas partir"),
    9: ("evidence does not verify", "une preuve ne se vérifie pas"),
    10: ("the source or its mapping is refused", "système d'origine ou table de correspondance refusé"),
    11: ("the target or its mapping is refused", "système de destination ou table de correspondance refusé"),
    12: ("wrong passphrase or credential", "phrase de passe ou identification incorrecte"),
    130: ("cancelled by a person", "interrompu par une personne"),
}
"""Exit codes of every command, with their meaning in English and French. Stable: a number is never given a new meaning."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: a code, what it rests on, how it ends and how it reads."""

    code: str
    exit: int
    rule: dict[str, str]
    text: dict[str, str]
    hint: dict[str, str]
    retry: bool = False


@cache
def rules() -> dict[str, Rule]:
    """Every refusal and fault that Écluse can say, by code, read from the tables beside this module."""
    table: dict[str, Rule] = {}
    files = resources.files(__package__).joinpath("refusals").iterdir()
    for file in sorted((it for it in files if it.name.endswith(".toml")), key=lambda it: it.name):
        for code, line in tomllib.loads(file.read_text("utf-8")).items():
            table[code] = Rule(
                code=code,
                exit=line["exit"],
                rule={"fr": line["rule_fr"], "en": line["rule_en"]},
                text={"fr": line["fr"], "en": line["en"]},
                hint={"fr": line["hint_fr"], "en": line["hint_en"]},
                retry=line.get("retry", False),
            )
    return table


class _Said(Exception):
    """What refusals and faults share: the line of the table, and the values that fill its message."""

    def __init__(self, code: str, /, **values: object) -> None:
        self.rule = rules()[code]
        self.values = values
        super().__init__(code)

    @property
    def code(self) -> str:
        """The stable name, as `subject/what-is-wrong`."""
        return self.rule.code

    @property
    def exit(self) -> int:
        """The command's exit code, a key of `EXITS`."""
        return self.rule.exit

    def message(self, language: str = "en") -> str:
        """What happened, and where: one sentence, without the hint."""
        return filled(self.rule.text[language], language, self.values)

    def law(self, language: str = "en") -> str:
        """The law or the rule that it rests on."""
        return self.rule.rule[language]

    def hint(self, language: str = "en") -> str:
        """What the reader can do now."""
        return filled(self.rule.hint[language], language, self.values)

    def __str__(self) -> str:
        return f"{self.code}: {self.message()}"


class Refusal(_Said):
    """A rule said no (« refus »): nothing was done, and trying again will not help until something changes."""


class Fault(_Said):
    """The world failed (« défaillance »): `retry` tells whether the same command can succeed later."""

    @property
    def retry(self) -> bool:
        """Whether running the same command again may help."""
        return self.rule.retry
