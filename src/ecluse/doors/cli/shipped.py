"""Verbs about the mappings that ship with Écluse: which there are, and one of them, to be kept as a file, read, and signed like any other."""

from __future__ import annotations

from typing import Annotated

import typer

from ecluse.doors.cli.options import Json
from ecluse.doors.cli.place import here

__all__ = ["show", "shown"]


def shown(ctx: typer.Context, *, json: Json = False) -> None:
    """The mappings that ship, by name, with the kinds each holds."""
    from ecluse.terms.mapping import parse_mapping
    from ecluse.terms.vocabulary import vocabulary
    from ecluse.wiring.formats import MAPPINGS, shipped_mapping

    voice = here(ctx, json=json).voice
    kinds = {
        name: tuple(parse_mapping(shipped_mapping(name).encode(), vocabulary=vocabulary()).kinds)
        for name in sorted(MAPPINGS)
    }
    labels = {name: kind.label[voice.language] for name, kind in vocabulary().kinds.items()}
    voice.result("mapping list", mappings={name: list(those) for name, those in kinds.items()})
    voice.table([(name, ", ".join(labels[kind] for kind in those)) for name, those in kinds.items()])


def show(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    json: Json = False,
) -> None:
    """The text of one, octet for octet: `ecluse mapping show hl7v2 > source.toml`."""
    from ecluse.wiring.formats import shipped_mapping

    voice = here(ctx, json=json).voice
    text = shipped_mapping(name)
    voice.result("mapping show", name=name, text=text)
    if not voice.json:
        typer.echo(text, nl=False)
