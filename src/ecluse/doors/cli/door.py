"""How a command begins and ends: in which language it speaks, what its help says, and with which exit code it stops.

Decides that nothing ever ends in a traceback: a refusal or a fault is told in four lines with its own exit code, a command not understood ends with 2,
Ctrl-C with 130, and anything else is said to be internal by its type and place only, because its message may hold a value.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperGroup

from ecluse.base.refusal import Fault, Refusal
from ecluse.base.words import LANGUAGES, say
from ecluse.doors.cli.speak import Voice
from ecluse.wiring.settings import language_of_environment

__all__ = ["EXAMPLES", "GROUPS", "Door", "commands"]

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "prepare": ("init", "site", "person", "doctor", "demo", "invent", "backup", "restore"),
    "agree": ("agreement", "codes", "mapping", "profile", "recipient", "instruction", "agent"),
    "look": ("lock", "plan"),
    "carry": ("run", "extract", "deposit", "hand-over", "load", "rejects", "rollback", "listen", "send"),
    "compare": ("reconcile", "sample", "accept", "erase"),
    "host": ("serve", "exchange"),
    "prove": ("report", "bundle", "verify", "ledger", "archive"),
}
"""The verbs as `ecluse --help` lists them."""

EXAMPLES: Final = (
    "demo",
    "lock status",
    "agreement check FILE",
    "plan --grants ACCOUNT",
    "run --as p-1a2b3c",
)
"""What `ecluse --help` shows first."""

_GLOBAL: Final = ("--home", "--language")


class Door(TyperGroup):
    """The outer command. Its verbs' help stands in the catalogue `cli`, by language."""

    language = "fr"

    def main(self, args: Sequence[str] | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Run one command line and leave with its exit code."""
        words = hoisted(list(sys.argv[1:] if args is None else args))
        voice = Voice(language=language_of(words), json="--json" in words)
        translate(self, voice.language)
        options |= {"standalone_mode": False, "prog_name": "ecluse"}
        sys.exit(ended(voice, lambda: super(Door, self).main(words, **options)))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Examples, then one line for each verb, by what it is for."""
        del ctx
        for line in overview(self, self.language):
            formatter.write(f"{line}\n")


def overview(group: Any, language: str) -> Iterator[str]:
    """The lines of `ecluse --help`."""
    yield say("cli.promise", language)
    yield ""
    for example in EXAMPLES:
        yield f"  $ ecluse {example}"
    known = dict(commands(group))
    width = max(map(len, known)) + 2
    for name, verbs in GROUPS.items():
        listed = [words for words in known if words.split()[0] in verbs]
        listed.sort(key=lambda words: verbs.index(words.split()[0]))
        yield ""
        yield say(f"cli.group_{name}", language)
        for words in listed:
            yield f"  {words:<{width}}{known[words].short_help}"
    yield ""
    yield say("cli.help_foot", language)


def commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every verb of a group with its words, in the order in which it was added."""
    for name, below in group.commands.items():
        if hasattr(below, "commands"):
            yield from commands(below, (*words, name))
        elif not below.hidden:
            yield " ".join((*words, name)), below


def translate(door: Door, language: str) -> None:
    """Put the catalogue's words, in one language, into the help of every verb and option."""
    door.language = language
    for name, below in door.commands.items():
        if hasattr(below, "commands"):
            below.help = below.short_help = say(f"cli.help_{name}", language)
    for words, verb in commands(door):
        verb.help = verb.short_help = say(f"cli.help_{words.replace(' ', '_').replace('-', '_')}", language)
        for option in verb.params:
            option.help = say(f"cli.option_{option.name}", language)


def hoisted(words: list[str]) -> list[str]:
    """The words with --home and --language first, wherever they were written."""
    first: list[str] = []
    rest: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word == "--":
            return [*first, *rest, *words[place:]]
        if word in _GLOBAL and place + 1 < len(words):
            first += words[place : place + 2]
            place += 2
            continue
        (first if word.startswith(tuple(f"{name}=" for name in _GLOBAL)) else rest).append(word)
        place += 1
    return [*first, *rest]


def language_of(words: Sequence[str]) -> str:
    """The language asked for, else the surroundings'. One that Écluse does not speak is told by the parser."""
    asked = ""
    for place, word in enumerate(words):
        if word == "--language" and place + 1 < len(words):
            asked = words[place + 1]
        elif word.startswith("--language="):
            asked = word.partition("=")[2]
    return asked if asked in LANGUAGES else language_of_environment()


def ended(voice: Voice, run: Any) -> int:
    """Run, and say how it ended; the exit code."""
    try:
        code = run()
    except (Refusal, Fault) as refusal:
        voice.refuse(refusal)
        return refusal.exit
    except (KeyboardInterrupt, typer.Abort):
        voice.complain(say("cli.cancelled", voice.language))
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the one place where everything that can go wrong is told, without its message
        understood = getattr(error, "format_message", None)
        if understood is not None:
            voice.complain(
                say("cli.not_understood", voice.language, what=misunderstood(error, voice.language))
            )
            path = getattr(getattr(error, "ctx", None), "command_path", "ecluse")
            voice.hint(f"{path} --help")
            return 2
        voice.complain(say("cli.internal", voice.language, type=type(error).__name__, place=place_of(error)))
        return 1
    return code if isinstance(code, int) else 0


def misunderstood(error: Any, language: str) -> str:
    """What the parser did not understand, in one sentence."""
    name = type(error).__name__
    if name == "NoSuchOption":
        return say("cli.no_such_option", language, name=error.option_name)
    if name == "MissingParameter" and error.param is not None:
        option = max(error.param.opts, key=len, default="")
        lacking = option if option.startswith("-") else error.param.metavar or error.param.name
        return say("cli.missing", language, name=lacking)
    return str(error.format_message())


def place_of(error: BaseException) -> str:
    """The module and line of our code where it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "ecluse" in Path(frame.filename).parts]
    return f"{Path(ours[-1].filename).stem}:{ours[-1].lineno}" if ours else "?"
