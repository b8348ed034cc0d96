"""The canonical vocabulary (« vocabulaire »): record kinds, their fields and the categories each belongs to.

Decides which words an instruction and a mapping may use. It is data (`vocabulary.toml`); this module reads it once, checks it
against itself and gives it as frozen values. It knows no system, and no field of it can hold a credential.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Literal

from ecluse.base.refusal import Refusal

__all__ = ["Category", "Field", "FieldType", "Kind", "Vocabulary", "vocabulary"]

FieldType = Literal["text", "code", "date", "datetime", "integer", "flag", "bytes"]
TYPES: Final = frozenset(FieldType.__args__)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Category:
    """A category of data (« catégorie »). `special`: Art. 9 GDPR, named with a reason or it stays. `container`: inherits all of a request's."""

    code: str
    label: dict[str, str]
    special: bool = False
    container: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field (« champ »): its type, its categories, the kind it refers to, and whether its values are classified test codes."""

    kind: str
    name: str
    type: FieldType
    categories: frozenset[str]
    label: dict[str, str]
    parent: str | None = None
    classified: bool = False
    codes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """`kind.field`, as an instruction names it."""
        return f"{self.kind}.{self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record; `fields` in the vocabulary's order, `id` first."""

    name: str
    label: dict[str, str]
    fields: dict[str, Field]

    @property
    def parents(self) -> tuple[Field, ...]:
        """The fields that refer to another record."""
        return tuple(field for field in self.fields.values() if field.parent)

    @property
    def classified(self) -> Field | None:
        """The field whose codes say which categories a row belongs to, if this kind has one."""
        return next((field for field in self.fields.values() if field.classified), None)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All kinds, in loading order (parents first), and all categories."""

    kinds: dict[str, Kind]
    categories: dict[str, Category]

    def field(self, path: str) -> Field:
        """The field at `kind.field`. Raises Refusal `vocabulary/unknown-kind` or `vocabulary/unknown-field`."""
        kind, _, name = path.partition(".")
        if kind not in self.kinds:
            raise Refusal("vocabulary/unknown-kind", got=kind, known=", ".join(self.kinds))
        fields = self.kinds[kind].fields
        if name not in fields:
            raise Refusal("vocabulary/unknown-field", where=kind, got=name, known=", ".join(fields))
        return fields[name]

    @property
    def special(self) -> tuple[str, ...]:
        """The special categories, in the vocabulary's order."""
        return tuple(category.code for category in self.categories.values() if category.special)


@cache
def vocabulary() -> Vocabulary:
    """The one vocabulary of Écluse."""
    source = tomllib.loads(resources.files(__package__).joinpath("vocabulary.toml").read_text("utf-8"))
    categories = {
        code: Category(
            code,
            {"fr": line["fr"], "en": line["en"]},
            line.get("special", False),
            line.get("container", False),
        )
        for code, line in source["category"].items()
    }
    kinds: dict[str, Kind] = {}
    for name, kind in source["kind"].items():
        fields = {
            key: Field(
                kind=name,
                name=key,
                type=line["type"],
                categories=frozenset(line["is"]),
                label={"fr": line["fr"], "en": line["en"]},
                parent=line.get("parent"),
                classified=line.get("classified", False),
                codes=tuple(line.get("codes", ())),
            )
            for key, line in kind["field"].items()
        }
        kinds[name] = Kind(name, {"fr": kind["fr"], "en": kind["en"]}, fields)
    return Vocabulary(kinds, categories)
