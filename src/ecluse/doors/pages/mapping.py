"""The mapping as one page: for each record kind and field, where it comes from, by which rules, with which values; what is not taken, and why.

Made from the mapping's own file, its remarks included, so that the two never part. With a profile, masked samples stand beside each field; without one,
those that a draft wrote into the file. It decides how things look; it shows no value that `terms.masked` does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, page_of
from ecluse.doors.pages.tongue import Column, Mood, Tongue, sections
from ecluse.terms.mapping import BASE, Join, KindMapping, Mapping, Reading, Where, Writing
from ecluse.terms.mapping import Column as SystemColumn
from ecluse.terms.masked import samples
from ecluse.terms.placed import Placed
from ecluse.terms.profile import Profile
from ecluse.terms.vocabulary import Field, Kind, vocabulary

__all__ = ["mapping_page"]

_SURE: Final = re.compile(r"(?:TODO )?(\d+)%: (.*)", re.DOTALL)
_GOOD, _FAIR = 85, 60
"""From which confidence a proposal looks good, and fair."""


def mapping_page(
    mapping: Mapping, where: Placed, *, language: str, name: str, profile: Profile | None = None
) -> str:
    """The page. `where`: the same file's statements and remarks; `name`: the file's; `profile`: of the system, for samples."""
    tongue = Tongue(language)
    writer = _Page(mapping, where, tongue, profile)
    title = tongue.say("mapping.page_title", system=mapping.system)
    head = tongue.masthead(title, tongue.say("mapping.page_under", name=name), lock_drawing(None, tongue))
    kinds = vocabulary().kinds
    parts: list[tuple[str, Content]] = [(tongue.say("mapping.page_head"), writer.head())]
    parts += [
        (tongue.kind(kind.name).capitalize(), writer.kind(kind, mapping.kinds[kind.name]))
        for kind in kinds.values()
        if kind.name in mapping.kinds
    ]
    left = [tongue.kind(kind) for kind in kinds if kind not in mapping.kinds]
    if left:
        said = tongue.say("mapping.page_kinds_left_why", kinds=", ".join(left))
        parts.append((tongue.say("mapping.page_kinds_left"), element("p", said)))
    foot = element("footer", element("p", tongue.say("mapping.page_foot", name=name)))
    body = joined(head, element("main", writer.card(), sections(parts)), foot)
    return page_of(Body(title, body), language=language)


@dataclass(frozen=True, slots=True)
class _Page:
    """One mapping in one language."""

    mapping: Mapping
    where: Placed
    tongue: Tongue
    profile: Profile | None

    def card(self) -> Markup:
        """What the mapping covers, in numbers."""
        say, number, kinds = self.tongue.say, self.tongue.number, vocabulary().kinds
        described = [(kinds[name], kind) for name, kind in self.mapping.kinds.items()]
        whole = sum(len(kind.fields) for kind, _ in described)
        taken = sum(len(kind.fields) for _, kind in described)
        told = sum(len(kind.without) for _, kind in described)
        return self.tongue.card(
            [
                (say("mapping.page_card_system"), self.mapping.system),
                (say("mapping.page_card_version"), number(self.mapping.version)),
                (
                    say("mapping.page_card_kinds"),
                    say("mapping.page_of", count=len(described), whole=len(kinds)),
                ),
                (
                    say("mapping.page_card_fields"),
                    say("mapping.page_of", count=number(taken), whole=number(whole)),
                ),
                (say("mapping.page_card_without"), number(told)),
                (say("mapping.page_card_silent"), number(whole - taken - told)),
                (say("mapping.page_card_digest"), element("code", self.mapping.digest)),
            ]
        )

    def head(self) -> Markup | None:
        """The comment that the file begins with: paragraphs, and a list where lines begin with a dash."""
        if not self.where.head:
            return None
        blocks: list[tuple[bool, str]] = []
        for line in self.where.head.splitlines():
            if line.startswith("- "):
                blocks.append((True, line[2:]))
            elif blocks and line.startswith(" "):
                blocks[-1] = (blocks[-1][0], f"{blocks[-1][1]} {line.strip()}")
            elif line.strip():
                blocks.append((False, line.strip()))
        paragraphs = element("p", " ".join(text for listed, text in blocks if not listed))
        points = [element("li", text) for listed, text in blocks if listed]
        return joined(paragraphs, element("ul", points) if points else None)

    def kind(self, kind: Kind, mapped: KindMapping) -> Markup:
        """One record kind: its rows, its fields, what is not taken, its joins, what is written besides."""
        return joined(
            self._rows(mapped),
            self._fields(kind, mapped),
            self._left(kind, mapped),
            self._joins(mapped),
            self._writes(mapped),
        )

    def _rows(self, mapped: KindMapping) -> Markup:
        say = self.tongue.say
        conditions = [element("li", self._condition(one)) for one in mapped.where]
        lines: list[Content] = [element("p", say("mapping.page_all_rows", table=mapped.table))]
        if conditions:
            lines = [
                element("p", say("mapping.page_some_rows", table=mapped.table)),
                element("ul", conditions),
            ]
        scope = [("site", mapped.site), ("date", mapped.date)]
        lines += [
            element("p", say(f"mapping.page_scope_{name}", column=", ".join(map(str, one.columns))))
            for name, one in scope
            if one is not None
        ]
        changed = (
            say("mapping.page_changed", column=str(mapped.changed))
            if mapped.changed
            else say("mapping.page_unchanged")
        )
        return joined(*lines, element("p", changed))

    def _condition(self, one: Where) -> str:
        if one.among:
            values = self.tongue.say("mapping.page_or").join(map(self._quoted, one.among))
            return self.tongue.say("mapping.page_among", column=str(one.column), values=values)
        return self.tongue.say(
            "mapping.page_present" if one.present else "mapping.page_not_present", column=str(one.column)
        )

    def _quoted(self, text: str) -> str:
        if not text.strip():
            return self.tongue.say("mapping.page_blank")
        return f"« {text} »" if self.tongue.language == "fr" else f'"{text}"'

    # --- fields ---------------------------------------------------------------------------------------------------------------

    def _fields(self, kind: Kind, mapped: KindMapping) -> Markup:
        """The table of fields; a column that would be empty all the way down is left out."""
        say = self.tongue.say
        rows = [self._field(kind.fields[name], reading, mapped) for name, reading in mapped.fields.items()]
        titles = ("field", "from", "samples", "rules", "sure", "remark")
        kept = [place for place, _ in enumerate(titles) if place < 2 or any(row[place] for row in rows)]
        return self.tongue.table(
            say("mapping.page_fields", kind=self.tongue.kind(kind.name).capitalize(), table=mapped.table),
            [Column(say(f"mapping.page_column_{titles[place]}")) for place in kept],
            [[row[place] for place in kept] for row in rows],
        )

    def _field(self, field: Field, reading: Reading, mapped: KindMapping) -> Sequence[Content]:
        sure, remark, noted = self._remark((field.kind, "fields", field.name))
        return (
            joined(field.label[self.tongue.language], element("br"), element("code", field.path)),
            self._from(reading, mapped),
            self._samples(field, reading, mapped, noted),
            self._lines([*self._rules(reading), *self._values(field, reading)]),
            sure,
            remark or None,
        )

    def _from(self, reading: Reading, mapped: KindMapping) -> Content:
        if reading.constant is not None:
            return self.tongue.say("mapping.page_constant", value=reading.constant)
        columns = [element("code", self._column(column, mapped)) for column in reading.columns]
        said = element("small", self.tongue.say("mapping.page_first")) if len(columns) > 1 else None
        return joined(*_parted(columns), element("br") if said else None, said)

    def _column(self, column: SystemColumn, mapped: KindMapping) -> str:
        """The column; of a joined table with that table's name, and the join's own where the table is joined more than once."""
        if (
            column.alias != BASE
            and sum(join.table == mapped.alias_table(column.alias) for join in mapped.joins) > 1
        ):
            return f"{mapped.alias_table(column.alias)} ({column.alias}).{column.name}"
        return column.name if column.alias == BASE else f"{mapped.alias_table(column.alias)}.{column.name}"

    def _rules(self, reading: Reading) -> Iterator[str]:
        if reading.trim:
            yield self.tongue.say("mapping.page_trim")
        if reading.absent:
            yield self.tongue.say("mapping.page_absent", values=", ".join(map(self._quoted, reading.absent)))
        if reading.format:
            yield self.tongue.say("mapping.page_format", format=reading.format)

    def _values(self, field: Field, reading: Reading) -> Iterator[str]:
        yield from (f"{raw} → {canonical}" for raw, canonical in reading.values)
        for raw, canonical in reading.also:
            yield self.tongue.say("mapping.page_also", raw=raw, canonical=canonical)
        if field.codes and not reading.values and reading.constant is None:
            yield self.tongue.say("mapping.page_same", codes=", ".join(field.codes))

    def _samples(self, field: Field, reading: Reading, mapped: KindMapping, noted: list[str]) -> Content:
        """Fresh ones from the profile, else those that the draft wrote."""
        if self.profile is None or reading.column is None:
            return self._lines(noted, tag="code")
        table = self.profile.tables.get(mapped.alias_table(reading.column.alias))
        column = table.columns.get(reading.column.name) if table else None
        shown = samples(field, column) if column else ()
        return self._lines([f"{text} ×{self.tongue.number(times)}" for text, times in shown], tag="code")

    def _remark(self, path: tuple[str, ...]) -> tuple[Content, str, list[str]]:
        """What is remarked on a line: how sure, in words, and the samples a draft wrote after it."""
        said, *noted = self.where.remarks.get(path, "").split(" | ")
        found = _SURE.fullmatch(said)
        if found is None:
            return None, said, noted
        share = int(found[1])
        mood: Mood = "good" if share >= _GOOD else "warn" if share >= _FAIR else "bad"
        return (
            self.tongue.tag(mood, f"{share} %" if self.tongue.language == "fr" else f"{share}%"),
            found[2],
            noted,
        )

    def _lines(self, texts: Iterator[str] | Sequence[str], tag: str = "span") -> Markup | None:
        """Short texts, each on its line; None where there is none."""
        lines = [element(tag, text) for text in texts]
        return joined(*_parted(lines)) if lines else None

    # --- what is not taken, and what is written -------------------------------------------------------------------------------

    def _left(self, kind: Kind, mapped: KindMapping) -> Markup | None:
        left = [field for field in kind.fields.values() if field.name not in mapped.fields]
        if not left:
            return None
        rows = []
        for field in left:
            sure, _, _ = self._remark((kind.name, "without", field.name))
            why: Content = mapped.without.get(field.name) or self.tongue.tag(
                "warn", self.tongue.say("mapping.page_silent")
            )
            rows.append(
                (joined(field.label[self.tongue.language], " ", element("code", field.path)), why, sure)
            )
        titles = ["field", "why", *(["sure"] if any(row[2] for row in rows) else [])]
        return self.tongue.table(
            self.tongue.say("mapping.page_left", kind=self.tongue.kind(kind.name).capitalize()),
            [Column(self.tongue.say(f"mapping.page_column_{title}")) for title in titles],
            [row[: len(titles)] for row in rows],
        )

    def _joins(self, mapped: KindMapping) -> Markup | None:
        if not mapped.joins:
            return None
        say = self.tongue.say
        return self.tongue.table(
            say("mapping.page_joins", kind=self.tongue.kind(mapped.kind).capitalize()),
            [Column(say(f"mapping.page_column_{title}")) for title in ("table", "on", "role")],
            [self._join(join, mapped) for join in mapped.joins],
        )

    def _join(self, join: Join, mapped: KindMapping) -> Sequence[Content]:
        pairs = [
            f"{join.table}.{joined_column} = {mapped.alias_table(outer.alias)}.{outer.name}"
            for joined_column, outer in join.on
        ]
        conditions = [self._condition(one) for one in join.where]
        return (
            joined(element("code", join.table), f" ({join.alias})" if join.alias != join.table else None),
            self._lines([*pairs, *conditions]),
            self.tongue.say(f"mapping.page_role_{join.role}"),
        )

    def _writes(self, mapped: KindMapping) -> Markup | None:
        if not mapped.writes:
            return None
        say = self.tongue.say
        return self.tongue.table(
            say("mapping.page_writes", kind=self.tongue.kind(mapped.kind).capitalize()),
            [Column(say("mapping.page_column_column")), Column(say("mapping.page_column_filled"))],
            [
                (element("code", self._column(one.column, mapped)), self._filled(one, mapped.kind))
                for one in mapped.writes
            ],
        )

    def _filled(self, one: Writing, kind: str) -> str:
        say = self.tongue.say
        if one.field is None:
            return say("mapping.page_constant", value=one.constant)
        field = self.tongue.field(kind, one.field)
        if one.plus:
            return say("mapping.page_field_plus", field=field, plus=self.tongue.number(one.plus))
        if one.format:
            return say("mapping.page_field_date", field=field, format=one.format)
        if one.number is not None:
            return say("mapping.page_field_number", field=field, number=one.number, text=one.text)
        return field


def _parted(parts: Sequence[Markup]) -> list[Markup]:
    """Parts with a line break between them."""
    return [each for part in parts for each in (element("br"), part)][1:]
