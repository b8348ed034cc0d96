"""HTML written safely: nothing that a value holds can become markup, run or be fetched."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from ecluse.doors.pages.markup import Body, element, joined, page_of, style

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def test_text_is_escaped() -> None:
    """Whatever a value holds, its angle brackets, quotes and ampersands are text in the page, in content and in attributes."""
    written = element("p", HOSTILE, title=HOSTILE)
    assert written.count("<") == 2
    assert "&lt;script&gt;" in written
    assert re.fullmatch(r'<p title="[^"<>]*">[^<>]*</p>', written)


def test_markup_is_not_escaped_twice() -> None:
    """Elements inside elements stay elements, and lists of contents are written one after the other."""
    assert element("ul", [element("li", "a&b"), None, (1, "c")]) == "<ul><li>a&amp;b</li>1c</ul>"
    assert joined("a", element("br"), "b") == "a<br>b"


@pytest.mark.parametrize("unseen", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\u200e", "\ufeff"])
def test_a_character_that_does_not_show_is_shown(unseen: str) -> None:
    """A character that shows nothing, or turns the text around it, is replaced by one that can be seen."""
    assert element("td", f"12{unseen}34") == "<td>12\ufffd34</td>"


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ("script", {}),
        ("iframe", {}),
        ("link", {}),
        ("p onclick", {}),
        ("p", {"onclick": "x"}),
        ("p", {"style": "color:red"}),
        ("img", {"src": "x"}),
        ("a", {"href": "https://example.org"}),
        ("a", {"href": "javascript:alert(1)"}),
        ("p", {'a"b': "x"}),
    ],
)
def test_what_could_run_or_load_is_a_bug(tag: str, attributes: dict[str, str]) -> None:
    """An element or attribute that could run a script or fetch something cannot be written."""
    with pytest.raises(
        ValueError, match=re.escape(tag) if not attributes else re.escape(next(iter(attributes)))
    ):
        element(tag, **attributes)


def test_attributes_are_named_as_html_names_them() -> None:
    """A hyphen stands for an underscore, a trailing one is dropped; True is a bare attribute, None and False are none."""
    given = {"class_": "x", "aria_label": "y", "hidden": True, "title": None, "open": False}
    assert element("a", "z", href="#p1", **given) == '<a href="#p1" class="x" aria-label="y" hidden>z</a>'


def test_a_page_allows_nothing_but_its_own_style() -> None:
    """A page's policy forbids everything but the one style it embeds, named by its digest, and the style loads nothing."""
    page = page_of(Body(HOSTILE, element("p", "texte")), language="fr")
    sheet = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;" in page
    assert '<html lang="fr">' in page
    assert "@import" not in sheet
    assert "url(" not in sheet
    assert len(sheet) < 11_000
    assert sheet == style()


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    ("ink", "papers"),
    [
        ("ink", ["paper", "sheet", "good-bg", "warn-bg", "bad-bg"]),
        ("soft", ["paper", "sheet", "bad-bg"]),
        ("water", ["paper"]),
        ("good", ["paper", "good-bg", "bad-bg"]),
        ("warn", ["paper", "warn-bg", "good-bg"]),
        ("bad", ["paper", "bad-bg"]),
    ],
)
def test_text_can_be_read(ink: str, papers: list[str], dark: bool) -> None:
    """Every colour of text stands out from each background it is written on by 4.5 to 1 at least, by day and by night (WCAG 2.1 AA)."""
    blocks = re.findall(r":root \{(.*?)\}", style(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[int(dark)]))
    assert {paper: contrast(colours[ink], colours[paper]) >= 4.5 for paper in papers} == dict.fromkeys(
        papers, True
    )
