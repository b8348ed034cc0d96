"""The manual says what is so: its commands and options exist, its sessions are run, its examples hold every key, both languages go together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ecluse.doors.cli import app
from ecluse.terms import mapping
from ecluse.terms.vocabulary import vocabulary

MADE = "<!-- Made from the code"
LINES = {"README.md": 80, "README.fr.md": 80}
"""How long a page may be; the other hand-written pages are shorter than 200 lines, save the tutorials, which show whole sessions."""
BLOCK = re.compile(
    r"(?:^<!-- (session|by hand): (.+?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(
    r"\becluse((?: (?:[a-z][a-z-]*|--home \S+|--language \w+)(?![\w./=]))+)((?: [^`|>;&)\n]*)?)"
)
TITLE = re.compile(r"^#{1,6} .*$", re.MULTILINE)
SAME = {"make demo": "ecluse demo"}
"""What the Makefile runs under another name."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One block of a page: where, what stands above it (a session's name, or why it was typed by hand), its language, its lines."""

    page: str
    marked: str
    said: str
    language: str
    lines: tuple[str, ...]


def pages(root: Path) -> dict[str, str]:
    """Every page written by hand, by its path."""
    found = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    texts = {str(page.relative_to(root)): page.read_text("utf-8") for page in sorted(found)}
    return {name: text for name, text in texts.items() if MADE not in text and name != "CHANGELOG.md"}


def blocks(root: Path) -> Iterator[Shown]:
    """Every fenced block of those pages."""
    for page, text in pages(root).items():
        for marked, said, language, body in BLOCK.findall(text):
            yield Shown(page, marked, said, language, tuple(body.splitlines()))


@pytest.fixture(scope="module")
def verbs() -> Any:
    """The tree of verbs."""
    return get_command(app)


def verb_of(tree: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words lead to, and the words left over. Raises KeyError when the first unknown one should be a verb."""
    node, left = tree, list(words)
    while hasattr(node, "commands") and left:
        node = node.commands[left.pop(0)]
    return node, left


def unknown(tree: Any, text: str) -> list[str]:
    """The commands of a page that do not exist, and the options that they do not have."""
    wrong = []
    for words, rest in COMMAND.findall(text):
        spoken = re.sub(r" --(?:home|language) \S+", "", words).split()
        try:
            command, _ = verb_of(tree, spoken)
        except KeyError as absent:
            wrong.append(f"ecluse {' '.join(spoken)}: no {absent}")
            continue
        known = {name for option in command.params for name in option.opts} | {
            "--help",
            "--home",
            "--language",
        }
        wrong += [
            f"ecluse {' '.join(spoken)} {name}"
            for name in re.findall(r"(?<!\S)--[a-z-]+", rest)
            if name not in known
        ]
    return wrong


def code_of(text: str) -> str:
    """What a page writes as code: its blocks and its spans, one a line; prose may say "ecluse" as it likes."""
    fenced = [body for _, _, _, body in BLOCK.findall(text)]
    return "\n".join(
        [
            *fenced,
            *re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text),
            *re.findall(r"^    (\S.*)$", text, re.MULTILINE),
        ]
    )


def found_in(lines: tuple[str, ...], session: list[str]) -> bool:
    """Whether a block shows a session: its commands are there, in order, each with its output whole or with `[...]` for what is left out."""
    wanted = [
        SAME.get(line.removeprefix("$ "), line.removeprefix("$ ")) if line.startswith("$ ") else line
        for line in lines
    ]
    plain = [line.removeprefix("$ ") for line in session]
    return any(follows(wanted, plain[start:]) for start in range(len(plain)))


def follows(wanted: list[str], lines: list[str]) -> bool:
    """Whether `lines` begins with `wanted`, `[...]` standing for any number of lines."""
    if not wanted:
        return True
    if wanted[0] == "[...]":
        return any(follows(wanted[1:], lines[skipped:]) for skipped in range(len(lines) + 1))
    return bool(lines) and lines[0].rstrip() == wanted[0].rstrip() and follows(wanted[1:], lines[1:])


def test_every_command_of_the_manual_exists(root: Path, verbs: Any) -> None:
    """No page names a verb of Écluse that is not one, nor an option that it does not have."""
    wrong = {page: unknown(verbs, code_of(text)) for page, text in pages(root).items()}
    assert {page: said for page, said in wrong.items() if said} == {}


def test_a_command_that_does_not_exist_is_named(verbs: Any) -> None:
    """A verb or an option that was never there is found by this test, so that its silence means something."""
    assert unknown(verbs, "ecluse lock force") == ["ecluse lock force: no 'force'"]
    assert unknown(verbs, "ecluse lock status --force") == ["ecluse lock status --force"]
    assert unknown(verbs, "ecluse --home essai run --as p-1") == []


def test_every_passage_of_the_manual_is_a_test_of_the_makefile(root: Path) -> None:
    """Each `make passages ONLY=word` of a page picks a test, in a file that the Makefile names."""
    makefile = (root / "Makefile").read_text("utf-8")
    listed = makefile.partition("PASSAGES := ")[2].partition("ONLY")[0].replace("\\", " ").split()
    names = [
        name
        for file in listed
        for name in re.findall(r"^def (test_\w+)", (root / file).read_text("utf-8"), re.MULTILINE)
    ]
    words = re.findall(r"make passages ONLY=(\w+)", "".join(pages(root).values()))
    assert len(words) > 5
    assert [word for word in words if not any(word in name for name in names)] == []


def test_every_session_of_the_manual_is_run(root: Path) -> None:
    """A terminal session in a page is part of one that the tests run, or says above it that it was typed by hand."""
    shown = [block for block in blocks(root) if block.language == "console"]
    assert len(shown) > 40
    silent = [f"{block.page}: {block.lines[0]}" for block in shown if not block.marked]
    sessions = {
        file.stem: file.read_text("utf-8").splitlines()
        for file in (root / "tests" / "transcripts").glob("*.txt")
    }
    changed = [
        f"{block.page}: {block.lines[0]}"
        for block in shown
        if block.marked == "session" and not found_in(block.lines, sessions.get(block.said, []))
    ]
    assert (silent, changed) == ([], [])


def test_the_example_of_a_mapping_holds_every_key(root: Path) -> None:
    """The mapping page's example is one that Écluse reads, and no key of the grammar is missing from it or from its table."""
    (example,) = (
        block
        for block in blocks(root)
        if block.page.endswith("write-a-mapping.md") and block.language == "toml"
    )
    text = "\n".join(example.lines)
    parsed = mapping.parse_mapping(text.encode(), vocabulary=vocabulary())
    assert list(parsed.kinds) == ["patient", "request", "result"]
    code = Path(mapping.__file__).read_text("utf-8")
    joined, written = (
        re.search(rf"def {name}.*?_keys\(source, (\{{.*?\}})", code, re.DOTALL)
        for name in ("_join", "_writing")
    )
    assert joined is not None
    assert written is not None
    keys = mapping._KIND_KEYS | mapping._READING_KEYS | set(re.findall(r'"(\w+)"', joined[1] + written[1]))
    assert len(keys) > 20
    page = pages(root)[example.page]
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text) or f"`{key}`" not in page] == []


@pytest.mark.parametrize("page", ["README", "docs/tutorial/first-hour"])
def test_french_and_english_go_together(root: Path, page: str) -> None:
    """A page that is in both languages has the same headings, level by level, and as many sessions, in both."""
    english, french = ((root / f"{page}{end}").read_text("utf-8") for end in (".md", ".fr.md"))
    levels = [
        [title.split()[0] for title in TITLE.findall(BLOCK.sub("", text))] for text in (english, french)
    ]
    assert levels[0] == levels[1]
    assert len(levels[0]) > 3
    assert [len(BLOCK.findall(english)), len(re.findall(r"\]\(", english))] == [
        len(BLOCK.findall(french)),
        len(re.findall(r"\]\(", french)),
    ]


def test_pages_are_short(root: Path) -> None:
    """The README is read in a minute, in each language; another page in a few; no page is a heap."""
    long = [
        f"{page}: {len(text.splitlines())} lines"
        for page, text in pages(root).items()
        if "tutorial" not in page and len(text.splitlines()) >= LINES.get(page, 200)
    ]
    assert long == []


def test_the_manual_has_no_stranded_page(root: Path) -> None:
    """Every page of the documentation that was written by hand can be reached from its index."""
    index = (root / "docs" / "README.md").read_text("utf-8")
    written = [
        str(page.relative_to(root / "docs"))
        for page in (root / "docs").rglob("*.md")
        if page.name != "README.md" and MADE not in page.read_text("utf-8")
    ]
    linked = set(re.findall(r"\]\(([^)#]+)\)", index))
    assert [page for page in sorted(written) if page not in linked] == []
