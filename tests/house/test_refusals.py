"""The table of refusals and the code agree: every code raised is in it, every line of it is raised, every blank is filled in."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from ecluse.base.refusal import EXITS, Rule, rules
from tests.house.reading import Said, calls, literals, modules, patterns


@pytest.fixture(scope="module")
def code(root: Path) -> dict[str, ast.Module]:
    """Every module of the package."""
    return dict(modules(root / "src" / "ecluse"))


def test_every_code_raised_is_in_the_table(code: dict[str, ast.Module]) -> None:
    """No refusal or fault is raised under a code that the table does not know: that would be a bug in place of an explanation."""
    raised = [said for name, tree in code.items() for said in calls(name, tree)]
    assert len(raised) > 10
    assert [f"{said.where} {code}" for said in raised for code in said.codes if code not in rules()] == []


def test_every_line_of_the_table_is_raised(code: dict[str, ast.Module]) -> None:
    """No line of the table promises a refusal that the code cannot make."""
    written = {text for tree in code.values() for text in literals(tree)}
    made = [pattern for tree in code.values() for pattern in patterns(tree)]
    assert [
        one for one in rules() if one not in written and not any(pattern.fullmatch(one) for pattern in made)
    ] == []


def test_every_blank_is_filled_in(code: dict[str, ast.Module]) -> None:
    """Every refusal is given each value that its message and its hint speak of, wherever it is raised with its values in sight."""
    short = [
        f"{said.where} {code} lacks {', '.join(sorted(lacking))}"
        for name, tree in code.items()
        for said in calls(name, tree)
        for code in said.codes
        if code in rules() and (lacking := lacks(said, rules()[code]))
    ]
    assert short == []


def test_both_languages_leave_the_same_blanks() -> None:
    """A message and its hint speak of the same values in French and in English."""
    uneven = [
        code
        for code, rule in rules().items()
        if shared(rule.text, "fr") != shared(rule.text, "en")
        or shared(rule.hint, "fr") != shared(rule.hint, "en")
    ]
    assert uneven == []


def test_every_message_is_whole() -> None:
    """Every refusal says what happened, what it rests on and what to do, in both languages."""
    empty = [
        code
        for code, rule in rules().items()
        if not all(
            said.get(language) for said in (rule.rule, rule.text, rule.hint) for language in ("fr", "en")
        )
    ]
    assert empty == []


def test_a_rule_is_written_as_its_language_writes_it() -> None:
    """What a refusal rests on is named in the reader's language: the law by its own name there, the colons as they are set there."""
    foreign = {
        "fr": r"\bGDPR\b|\bArt\.|\bsecurity\b|\bdeliberation\b|[^ ][:;]( |$)",
        "en": r"\bRGPD\b|\bart\.|sécurité| [:;]",
    }
    assert [
        (code, rule.rule[language])
        for code, rule in rules().items()
        for language, words in foreign.items()
        if re.search(words, rule.rule[language])
    ] == []


def test_one_rule_has_one_translation() -> None:
    """Refusals that rest on the same rule name it in the same words, in both languages."""
    both = {(rule.rule["fr"], rule.rule["en"]) for rule in rules().values()}
    for place in (0, 1):
        said = Counter(pair[place] for pair in both)
        assert [text for text, times in said.items() if times > 1] == []


def test_every_code_is_a_subject_and_what_is_wrong(root: Path) -> None:
    """A code stands in the file of its subject, in small letters, so that it can be found."""
    folder = root / "src" / "ecluse" / "base" / "refusals"
    for code in rules():
        subject, _, wrong = code.partition("/")
        assert wrong == wrong.lower()
        assert wrong.replace("-", "").isalnum(), code
        assert f'["{code}"]' in (folder / f"{subject}.toml").read_text("utf-8"), code


def test_every_exit_is_documented() -> None:
    """Every refusal ends the command with a code of the table of exits, never with the one that says all went well."""
    assert {rule.exit for rule in rules().values()} <= set(EXITS) - {0}


@pytest.mark.parametrize(
    ("source", "codes", "values"),
    [
        ('Refusal("a/b", got=1)', ("a/b",), {"got"}),
        ('refusal.Fault("a/b" if x else "a/c")', ("a/b", "a/c"), set()),
        ('Refusal("a/b", **values)', ("a/b",), None),
        ("Refusal(code, where=2)", (), {"where"}),
    ],
)
def test_a_call_is_read_as_it_is_written(
    source: str, codes: tuple[str, ...], values: set[str] | None
) -> None:
    """The reading of the code finds the codes and the values of a refusal, and says when it cannot."""
    (said,) = calls("module", ast.parse(source))
    assert (said.codes, said.values) == (codes, values)


def blanks(text: str) -> set[str]:
    """The names in braces of a message."""
    return {name.partition(".")[0].partition("[")[0] for _, name, _, _ in Formatter().parse(text) if name}


def shared(texts: dict[str, str], language: str) -> set[str]:
    """The blanks of one language, a word given in that language (`title_fr`) counting as the same word in the other."""
    return {name.removesuffix(f"_{language}") for name in blanks(texts[language])}


def lacks(said: Said, rule: Rule) -> set[str]:
    """The values that a refusal speaks of and that this call does not give."""
    if said.values is None:
        return set()
    wanted = set().union(*(blanks(text) for text in (*rule.text.values(), *rule.hint.values())))
    return wanted - said.values
