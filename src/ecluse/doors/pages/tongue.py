"""What the pages call things in one language: kinds, rules, reasons, people, numbers; and the two or three shapes that every page has.

Decides the plain words for codes that the subject writes (`category/HIV`, `birth_date: date-not-readable`). A code that it does not know is shown as it
is, so that nothing is hidden by a lack of words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from ecluse.base.words import day, instant, number, say, sentences
from ecluse.doors.pages.markup import Content, Markup, element, joined
from ecluse.terms.vocabulary import vocabulary

__all__ = ["Column", "Mood", "Tongue"]

Mood = Literal["good", "warn", "bad", "soft"]

_DRAWN: dict[str, str] = {
    "good": "M2.5 8.5l3.5 4 7.5-9",
    "bad": "M3 3l10 10M13 3L3 13",
    "warn": "M8 1.8L15 14H1zM8 6.2v3.6M8 12v.1",
    "soft": "M3 8h10",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, and whether it holds numbers, which stand to the right."""

    title: Content
    right: bool = False


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language, and the names of the people whom the ledger knows by a pseudonym (none given: the pseudonym is shown)."""

    language: str
    people: Mapping[str, str] = field(default_factory=dict, hash=False)

    def say(self, key: str, **values: object) -> str:
        """A sentence of the catalogues."""
        return say(key, self.language, **values)

    def either(self, key: str, otherwise: str) -> str:
        """A sentence of the catalogues where there is one, else the code itself."""
        return self.say(key) if key in sentences() else otherwise

    def number(self, value: int) -> str:
        """A whole number."""
        return number(value, self.language)

    def day(self, value: date) -> str:
        """A day."""
        return day(value, self.language)

    def instant(self, iso: str | datetime) -> str:
        """A UTC instant, from its ISO text."""
        value = datetime.fromisoformat(iso) if isinstance(iso, str) else iso
        return instant(value, self.language)

    def person(self, id: str) -> str:
        """A person: the name, where the site knows it, and the pseudonym that the ledger holds."""
        return f"{self.people[id]} ({id})" if id in self.people else id

    def kind(self, kind: str) -> str:
        """A record kind, in the plural."""
        return self.either(f"pages.kinds_{kind}", kind)

    def one(self, kind: str) -> str:
        """A record kind, in the singular."""
        kinds = vocabulary().kinds
        return kinds[kind].label[self.language] if kind in kinds else kind

    def field(self, kind: str, name: str) -> str:
        """A field, as the vocabulary labels it."""
        kinds = vocabulary().kinds
        known = kind in kinds and name in kinds[kind].fields
        return kinds[kind].fields[name].label[self.language] if known else name

    def category(self, code: str) -> str:
        """A category of data."""
        categories = vocabulary().categories
        return categories[code].label[self.language] if code in categories else code

    def rule(self, rule: str) -> str:
        """Why a row stayed, in plain words."""
        head, _, code = rule.partition("/")
        if head == "category":
            return self.say("pages.rule_category", category=self.category(code))
        if head == "container":
            return self.say("pages.rule_container", category=self.category(code))
        return self.either(f"pages.rule_{rule.replace('/', '_')}", rule)

    def reason(self, kind: str, reason: str) -> str:
        """Why a row was rejected: the field, then what was wrong with it."""
        name, colon, why = reason.rpartition(": ")
        if name == "content":
            return f"{self.field(kind, name)}{self.say('pages.colon')}{self._content(why)}"
        words = self.either(f"pages.reason_{why.replace('-', '_')}", why)
        return f"{self.field(kind, name)}{self.say('pages.colon')}{words}" if colon else words

    def _content(self, why: str) -> str:
        """Why a document was refused: what it holds that is not named, or why it could not be read."""
        head, _, rest = why.partition(" ")
        if head == "holds":
            paths = (path.partition(".") for path in rest.split(", "))
            return self.say(
                "pages.reason_holds", fields=", ".join(self.field(kind, name) for kind, _, name in paths)
            )
        if head == "category":
            return self.say(
                "pages.reason_category", categories=", ".join(map(self.category, rest.split(", ")))
            )
        if head == "unreadable":
            return self.say("pages.reason_unreadable", why=rest.strip("()"))
        return self.either(f"pages.reason_{why.replace('-', '_').replace(' ', '_')}", why)

    # --- shapes ---------------------------------------------------------------------------------------------------------------

    def tag(self, mood: Mood, text: str) -> Markup:
        """A verdict: an icon and words, the colour only a third sign of the same."""
        return element("span", icon(mood), text, class_=f"tag {mood}")

    def card(self, lines: Iterable[tuple[str, Content]]) -> Markup:
        """Short facts, each under its name."""
        cells = [element("div", element("dt", name), element("dd", text)) for name, text in lines]
        return element("dl", cells, class_="card")

    def table(
        self,
        caption: str,
        columns: Sequence[Column],
        rows: Iterable[Sequence[Content]],
        *,
        off: Sequence[bool] | None = None,
        total: Sequence[Content] | None = None,
    ) -> Markup:
        """A table with its caption; the first cell of a row is its header. `off`: which rows are marked as differing."""
        head = [element("th", c.title, scope="col", class_="r" if c.right else None) for c in columns]
        lines = []
        for place, row in enumerate(rows):
            marked = off is not None and off[place]
            lines.append(element("tr", _cells(columns, row), class_="off" if marked else None))
        foot = None if total is None else element("tfoot", element("tr", _cells(columns, total)))
        table = element(
            "table",
            element("caption", element("span", caption)),
            element("thead", element("tr", head)),
            element("tbody", lines),
            foot,
            class_="wide" if len(columns) > 2 else None,
        )
        return scrolled(table, caption)

    def masthead(self, title: str, under: Content, drawing: Markup) -> Markup:
        """The head of a page: whose it is, what it is, and the lock as it stands."""
        words = element(
            "div", element("p", "Écluse", class_="mark"), element("h1", title), element("p", under)
        )
        return element("header", words, drawing)

    def figure(self, mood: Mood, count: str, title: str, *under: Content) -> Markup:
        """One number, large, with what it counts."""
        words = element("div", element("b", title), [element("p", each) for each in under])
        return element(
            "div", element("strong", count), words, class_="figure" if mood == "good" else f"figure {mood}"
        )


def icon(mood: Mood) -> Markup:
    """A tick, a cross, a warning or a dash; beside words, so hidden from a screen reader."""
    path = element("path", d=_DRAWN[mood])
    return element("svg", path, class_="icon", viewBox="0 0 16 16", aria_hidden="true", focusable="false")


def scrolled(content: Markup, label: str) -> Markup:
    """Something wide that scrolls by itself on a narrow screen, and can be reached by the keyboard."""
    return element("div", content, class_="scroll", role="group", aria_label=label, tabindex="0")


def sections(parts: Iterable[tuple[str, Content]]) -> Markup:
    """Numbered sections, one after the other; an empty one is left out."""
    kept = [(title, content) for title, content in parts if content is not None]
    return joined(
        element(
            "section",
            element("h2", element("span", number, class_="n"), title, id=f"s{number}"),
            content,
            aria_labelledby=f"s{number}",
        )
        for number, (title, content) in enumerate(kept, 1)
    )


def _cells(columns: Sequence[Column], row: Sequence[Content]) -> list[Markup]:
    first, *rest = zip(columns, row, strict=True)
    cells = [element("th", first[1], scope="row", class_="r" if first[0].right else None)]
    return cells + [element("td", content, class_="r" if column.right else None) for column, content in rest]
