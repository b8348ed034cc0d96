"""The page of the command line, made from the door itself: every verb with its words in both languages, its options, and what `--json` gives.

Decides how the page reads. What it says comes from the tree of verbs, the catalogue `cli` and the table of JSON keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from ecluse.base.refusal import EXITS
from ecluse.base.words import say
from ecluse.doors.cli import app
from ecluse.doors.cli.door import GROUPS, commands
from ecluse.doors.cli.shown import SHOWN

__all__ = ["exits", "sections"]


def sections() -> Iterator[str]:
    """One section for each group of verbs, in the order of `ecluse --help`."""
    known = dict(commands(get_command(app)))
    for name, verbs in GROUPS.items():
        listed = [words for words in known if words.split()[0] in verbs]
        listed.sort(key=lambda words: verbs.index(words.split()[0]))
        title = f"## {say(f'cli.group_{name}', 'en')} / {say(f'cli.group_{name}', 'fr')}"
        yield "\n\n".join([title, *(verb(words, known[words]) for words in listed)])


def verb(words: str, command: Any) -> str:
    """One verb."""
    key = f"cli.help_{words.replace(' ', '_').replace('-', '_')}"
    lines = [
        f"### `ecluse {words}`",
        f"{say(key, 'en')}. *{say(key, 'fr')}.*",
        f"    ecluse {words}{''.join(f' {each}' for each in usage(command))}",
    ]
    options = [
        f"- {shape(option)}: {say(f'cli.option_{option.name}', 'en')}"
        for option in command.params
        if option.name not in ("json", "dry_run")
    ]
    if options:
        lines.append("\n".join(options))
    if words in SHOWN:
        lines.append(f"`--json`: {', '.join(f'`{one}`' for one in SHOWN[words])}")
    return "\n\n".join(lines)


def usage(command: Any) -> Iterator[str]:
    """The arguments and options, as they are typed; optional ones in brackets."""
    for option in sorted(command.params, key=lambda one: hasattr(one, "is_flag")):
        word = shape(option).strip("`")
        yield word if option.required else f"[{word}]"


def shape(option: Any) -> str:
    """How one option is written."""
    if not hasattr(option, "is_flag"):
        return f"`{option.metavar or option.name.upper()}`"
    name = max(option.opts, key=len)
    return f"`{name}`" if option.is_flag else f"`{name} {option.metavar or 'VALUE'}`"


def exits() -> str:
    """The exit codes, in one line each."""
    return "\n".join(f"- {code}: {english}" for code, (english, _) in sorted(EXITS.items()))
