"""The pages of docs/reference that are made from the code, so that they cannot say otherwise than it does.

Decides which pages those are (`PAGES`) and how each reads. It decides no fact: every cell comes from a table of the code, a signature or a
test's own sentence. A page is added by one function here and one line in `PAGES`.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from ecluse.base.refusal import EXITS, rules
from ecluse.base.words import say
from ecluse.inspection import archive, evidence
from ecluse.passage import migration
from ecluse.proof import bundle, trust
from ecluse.terms.vocabulary import vocabulary
from house import ROOT, asvs, commands, dependencies

__all__ = ["PAGES", "guarantees", "rendered", "stale"]

MADE: Final = "<!-- Made from the code by `make docs`. Change the code, not this page. -->"


def rendered() -> dict[str, str]:
    """Every page as the code gives it now, by its path from the project's root."""
    return {path: page() for path, page in PAGES.items()}


def stale(root: Path) -> list[str]:
    """The pages that are absent from `root`, or not as the code gives them."""
    now = {path: root / path for path in PAGES}
    return [
        path
        for path, text in rendered().items()
        if not now[path].is_file() or now[path].read_text("utf-8") != text
    ]


# --- the pages --------------------------------------------------------------------------------------------------------


def refusals() -> str:
    """Every refusal and fault, by subject."""
    subjects: dict[str, list[Sequence[object]]] = defaultdict(list)
    for code, rule in sorted(rules().items()):
        again = "yes / oui" if rule.retry else ""
        english, french = (f"{rule.text[language]} *{rule.hint[language]}*" for language in ("en", "fr"))
        grounds = " / ".join(dict.fromkeys(rule.rule[language] for language in ("en", "fr")))
        subjects[code.partition("/")[0]].append((f"`{code}`", rule.exit, grounds, english, french, again))
    head = ("Code", "Exit", "Rests on / fondé sur", "English", "Français", "Retry / réessayer")
    parts = [f"## {subject}\n\n{table(head, lines)}" for subject, lines in sorted(subjects.items())]
    return page(
        "Refusals and faults",
        f"The {len(rules())} ways in which Écluse says no. A code never changes its meaning. What is in braces is filled in when it is"
        " said: names of columns and files, codes, counts and dates, never a person's datum. The hint is in italics.",
        *parts,
    )


def exits() -> str:
    """Every exit code of every command."""
    lines = [(code, english, french) for code, (english, french) in sorted(EXITS.items())]
    return page(
        "Exit codes",
        "What every command ends with, in French or in English, for scripts and supervision. A number is never given a new meaning.",
        table(("Code", "English", "Français"), lines),
    )


def states() -> str:
    """The states of a migration, drawn and told from its one table."""
    gates = {act: f"opens the {gate}'s" for act, gate in migration.OPENS.items()}
    gates |= {act: f"closes the {gate}'s" for act, gate in migration.CLOSES.items()}
    gates |= dict.fromkeys(migration.SHUT, "needs both shut")
    lines = [
        (
            f"`{act.value}`",
            *(
                ", ".join(it.name for it in migration.MigrationState if it in some)
                for some in (moves, moves.values())
            ),
            gates.get(act, ""),
        )
        for act, moves in migration.ACTS.items()
    ]
    return page(
        "States of a migration",
        "The state of a migration (« reprise de données ») is what the ledger's entries tell, and nothing else. There is no act that opens a gate"
        " while another stands open, in this migration or in another.",
        f"```mermaid\n{migration.diagram()}```",
        f"## Acts\n\nAn act that finds the migration in another state is refused (`migration/not-now`), and so is one that finds a gate open"
        f" (`migration/gate-open`).\n\n{table(('Act', 'From', 'To', 'Gate'), lines)}",
    )


def words_of_the_laboratory() -> str:
    """The canonical vocabulary: categories, then every kind with its fields."""
    known = vocabulary()
    kept = {True: "named with a reason", False: ""}
    categories = table(
        ("Category", "English", "Français", "Special (Art. 9)", "Inherits the whole request's"),
        [
            (
                f"`{one.code}`",
                one.label["en"],
                one.label["fr"],
                kept[one.special],
                "yes" if one.container else "",
            )
            for one in known.categories.values()
        ],
    )
    parts = [f"## Categories\n\n{categories}"]
    for kind in known.kinds.values():
        lines = [
            (
                f"`{one.name}`",
                one.type,
                ", ".join(sorted(one.categories)),
                f"`{one.parent}`" if one.parent else ", ".join(f"`{code}`" for code in one.codes),
                one.label["en"],
                one.label["fr"],
            )
            for one in kind.fields.values()
        ]
        head = ("Field", "Type", "Categories", "Refers to / codes", "English", "Français")
        parts.append(f"## `{kind.name}`: {kind.label['en']} / {kind.label['fr']}\n\n{table(head, lines)}")
    return page(
        "The canonical vocabulary",
        f"The {len(known.kinds)} kinds of record that an instruction can name, field by field, in loading order. No field can hold a"
        " credential, and there is no wildcard: what is not here cannot be asked for.",
        *parts,
    )


def imports() -> str:
    """The import contracts, as configured."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    parts = []
    for contract in contracts:
        facts = [
            (name, ", ".join(f"`{one}`" for one in contract[key]))
            for key, name in (
                ("layers", "From the top down"),
                ("sources", "These"),
                ("never", "never reach"),
                ("libraries", "and no library but"),
                ("modules", "Never import one another"),
                ("awaited", "Still to be written"),
            )
            if key in contract
        ]
        lines = "\n".join(f"- {name}: {names}" for name, names in facts)
        parts.append(
            f"## {contract['name']}\n\n`{contract['id']}`\n\n{lines}"
            + (f"\n\n{contract['guidance']}" if "guidance" in contract else "")
        )
    return page(
        "Import contracts",
        "Checked by `make check` before any test, through every chain of imports. For each, `tests/house/test_contracts.py` plants violations"
        " and sees them caught.",
        *parts,
    )


def libraries() -> str:
    """What the installed program runs on."""
    found = dependencies.closure()
    chosen = [(one.name, one.version, one.licence, one.why) for one in found if one.why]
    brought = [(one.name, one.version, one.licence) for one in found if not one.why]
    return page(
        "Dependencies",
        "What the installed program runs on, as locked and hashed in `requirements/lock.txt`. None is under the GPL or the AGPL alone; the LGPL"
        " ones are used unchanged, as libraries.",
        f"## Chosen\n\n{table(('Name', 'Version', 'Licence', 'Why'), chosen)}",
        f"## Brought by those\n\n{table(('Name', 'Version', 'Licence'), brought)}",
    )


def security_requirements() -> str:
    """OWASP ASVS, requirement by requirement."""
    chapters = asvs.chapters()
    counts = [(one, one.count()) for one in chapters]
    level = {True: 3, False: 2}
    top = [
        (
            f"V{one.number}",
            one.name,
            level[one.number in asvs.DEEP],
            count.total(),
            *map(count.__getitem__, asvs.STATES),
        )
        for one, count in counts
    ]
    whole = [sum(count[state] for _, count in counts) for state in asvs.STATES]
    parts = []
    for one in chapters:
        lines = [
            (line.number, line.state, line.evidence, ", ".join(map(_test, line.tests)))
            for line in one.requirements
        ]
        parts.append(
            f"## V{one.number} {one.name}\n\n{table(('Requirement', 'State', 'Evidence', 'Test'), lines)}"
        )
    return page(
        "Requirements of OWASP ASVS 5.0.0",
        "What Écluse does about each requirement of the [OWASP Application Security Verification Standard"
        " 5.0.0](https://owasp.org/www-project-application-security-verification-standard/): level 2 whole, level 3 in the chapters where it"
        " matters most. Numbers are the standard's, words are ours: read them beside it. Judged by ourselves, by reading the code and its tests,"
        " and by nobody else yet.",
        "- `holds`: a test shows it.\n- `partly`: some of it holds, or all of it seems to and nobody tested it; the line says what lacks.\n"
        "- `not-yet`: it does not hold.\n- `not-applicable`: there is nothing here that it could be about; the line says why.",
        table(
            ("Chapter", "About", "Level", "Lines", *asvs.STATES),
            [*top, ("**All**", "", "", sum(whole), *whole)],
        ),
        *parts,
    )


def _test(test: str) -> str:
    """A test by its name, or its file's, leading to the file."""
    file, _, name = test.partition("::")
    said = (name or Path(file).stem).removeprefix("test_").replace("_", " ")
    return f"[{said}](../../{file})"


def verification() -> str:
    """The steps of the verification, in the order in which they are run."""
    lines = [
        (
            number,
            f"`{name}`",
            *(say(f"verify.step_{name.replace(' ', '_')}", language) for language in ("en", "fr")),
            sentence(holding),
        )
        for number, (name, holding) in enumerate(evidence.steps().items(), start=1)
    ]
    layout, policy = (str(module.__doc__).split("\n\n")[1] for module in (bundle, trust))
    return page(
        "Verification",
        "What `ecluse verify` and `ecluse-verify` judge, offline, from a bundle alone. Each step is OK with what it examined, KO at the first"
        " thing that does not hold, or SKIPPED when there was nothing to examine. The command ends with 0 when none is KO, with 9 when one is.",
        f"## Steps\n\n{table(('Step', 'Name', 'English', 'Français', 'KO unless'), lines)}",
        "When one of the steps 1 to 5 is not OK, nothing that the ledger tells is judged and the later steps are SKIPPED. An entry whose body was"
        " forgotten at the end of its retention is counted by step 5 and passed over by the steps that need it; step 7 is KO when it was an act"
        " judged here, less than 183 days before the newest entry, since a body taken out of the bundle looks the same.",
        "## Archive\n\nAn archive that a laboratory keeps is judged by steps of its own; those of the evidence beside it are all run within the second.\n\n"
        + table(("Step", "Name", "English", "Français", "KO unless"), _archive_lines()),
        f"## Bundle\n\n```text\n{layout}\n```\n\nOther names, links, names given twice, files too large and files that would unpack to hundreds"
        " of times their size are refused before they are read. Nothing is unpacked onto the disk. Key ids in envelopes are hints and are not"
        " believed; people's names, where the laboratory chose to give them, are not signed.",
        f"## Policy\n\n```text\n{policy}\n```\n\nThe laboratory hands it over by another way than the bundle."
        " Without it, the bundle's own policy and roots are used, and the output says that the bundle is only shown to agree with itself.",
    )


def _archive_lines() -> list[tuple[object, ...]]:
    return [
        (
            number,
            f"`{name}`",
            *(say(f"verify.step_{name.replace(' ', '_')}", language) for language in ("en", "fr")),
            sentence(verb.__doc__ or ""),
        )
        for number, (name, verb) in enumerate(archive.STEPS, start=1)
    ]


def guarantees(stories: Path = ROOT / "tests" / "stories") -> str:
    """The promises, in the words of the tests that keep them."""
    parts = []
    for file in sorted(stories.glob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        tests = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        lines = [
            f"- {sentence(ast.get_docstring(test))}" for test in sorted(tests, key=lambda test: test.lineno)
        ]
        parts.append(
            f"## {sentence(ast.get_docstring(tree)).removesuffix('.')}\n\n`tests/stories/{file.name}`\n\n"
            + "\n".join(lines)
        )
    return page(
        "Guarantees",
        "What Écluse promises. Each line is the sentence of a test which is run before every release, on the real program.",
        *parts,
    )


def command_line() -> str:
    """Every verb of `ecluse`."""
    return page(
        "The command line",
        "Every verb of `ecluse`. `--home FOLDER` and `--language fr|en` stand anywhere; French comes first where the surroundings say nothing. Results"
        " go to standard output, talk to standard error. A refusal is told in three lines (what and where, the rule, what to do) and, with `--json`,"
        ' as `{"refusal": {"code", "exit", "message", "rule", "hint", "retry"}}`. Passphrases come from a file of yours (mode 0600) or from the'
        " terminal. Every verb that acts is done by a person (`--as`), whose own key the passphrase opens.",
        f"## Exit codes\n\n{commands.exits()}",
        *commands.sections(),
    )


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/asvs.md": security_requirements,
    "docs/reference/commands.md": command_line,
    "docs/reference/dependencies.md": libraries,
    "docs/reference/exit-codes.md": exits,
    "docs/reference/guarantees.md": guarantees,
    "docs/reference/import-contracts.md": imports,
    "docs/reference/refusals.md": refusals,
    "docs/reference/states.md": states,
    "docs/reference/verification.md": verification,
    "docs/reference/vocabulary.md": words_of_the_laboratory,
}


# --- how they read ----------------------------------------------------------------------------------------------------


def page(title: str, says: str, *parts: str) -> str:
    """A page: its title, where it comes from, what it says in a sentence or two, its parts."""
    return "\n\n".join((f"# {title}", MADE, says, *parts)) + "\n"


def table(head: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        for row in rows
    )


def sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, on one line. Raises ValueError when there is none: a promise without words."""
    if not docstring:
        raise ValueError("a story and each of its tests say what they promise, in a docstring")
    return " ".join(docstring.split("\n\n")[0].split())
