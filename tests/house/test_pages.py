"""The generated pages say what the code says, and the check that holds them to it can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house import pages

LINK = re.compile(r"\[[^\]]*\]\((?!https?://|#|mailto:)([^)#\s]+)")


def test_a_page_that_was_changed_by_hand_is_named(tmp_path: Path) -> None:
    """A generated page that is absent, or that differs by one character from what the code gives, is named."""
    for path, text in pages.rendered().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    assert pages.stale(tmp_path) == []
    changed, absent = sorted(pages.PAGES)[:2]
    (tmp_path / changed).write_text((tmp_path / changed).read_text("utf-8") + " ", "utf-8")
    (tmp_path / absent).unlink()
    assert sorted(pages.stale(tmp_path)) == [changed, absent]


def test_a_page_says_that_it_is_made() -> None:
    """Every generated page warns, under its title, that it is not the place to change anything."""
    assert all(pages.MADE in text.splitlines() for text in pages.rendered().values())


def test_guarantees_are_the_stories_own_words(tmp_path: Path) -> None:
    """The guarantees page is made of the stories' titles and of their tests' sentences, in the order written."""
    (tmp_path / "test_art_29.py").write_text(
        '"""Art. 29: on instruction only."""\n'
        'def test_b():\n    """Nothing leaves\n    unnamed."""\ndef test_a():\n    """A replay is refused."""\n'.replace(
            "\\\n", "\n"
        )
    )
    said = pages.guarantees(tmp_path)
    assert "## Art. 29: on instruction only\n" in said
    assert said.endswith("- Nothing leaves unnamed.\n- A replay is refused.\n")


def test_a_story_without_words_is_refused(tmp_path: Path) -> None:
    """A story whose test does not say what it promises stops the page from being made."""
    (tmp_path / "test_silent.py").write_text('"""Title."""\ndef test_silent():\n    pass\n')
    with pytest.raises(ValueError, match="promise"):
        pages.guarantees(tmp_path)


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    """Every relative link of every Markdown page of the project leads to a file or folder that is there."""
    written = [
        *root.glob("*.md"),
        *root.glob("docs/**/*.md"),
        *root.glob("changelog.d/*.md"),
        *root.glob("tests/**/*.md"),
    ]
    broken = [
        f"{page.relative_to(root)} -> {target}"
        for page in written
        for target in LINK.findall(page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
