"""Whether a raw date is a date, is within the period, and in which month, in each dialect of SQL.

A text is compared in the source's own representation: "within the period" is being one of the period's days, written as the source writes
them, so that nothing is converted and no such text as 20240231 can pass. Native dates of PostgreSQL and MariaDB are compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, timedelta
from functools import lru_cache
from typing import Final

from sqlglot import exp

from ecluse.adapters.connectors.sql import oracle
from ecluse.adapters.connectors.sql.columns import (
    NATIVE,
    Dialect,
    Names,
    Value,
    among,
    both,
    either,
    listed,
    no,
    number,
    present,
    word,
)
from ecluse.terms.mapping import DIRECTIVES, layout

__all__ = ["MONTH", "WITHIN", "DateRule", "DateTold"]

LONGEST: Final = 4_000
"""Days: a longer period is compared as ISO text, at the price of checking that each row's date exists."""

MONTH: Final = "month"
WITHIN: Final = "within"

_NO_SUCH_DAY: Final = ("0230", "0231", "0431", "0631", "0931", "1131")
_FOURS: Final = tuple(f"{year:02}" for year in range(4, 100, 4))
_CLOCK: Final = {"%H": 24, "%M": 60, "%S": 60}


@dataclass(frozen=True, slots=True)
class DateRule:
    """One raw date of a query, judged against the period `start` to `end`, inclusive."""

    names: Names
    read: Value
    start: date
    end: date

    @property
    def native(self) -> bool:
        """Whether the database knows it as a date. SQLite does not: what it calls a date is a text."""
        family = self.read.column.family if self.read.column else "text"
        return (
            self.names.dialect in ("postgres", "mysql", "tsql", "oracle")
            and family in ("date", "datetime")
            and self.read.reading.format is None
            and not (self.names.dialect == "oracle" and self._zoned)
        )

    @property
    def _zoned(self) -> bool:
        """Whether each Oracle value has a zone of its own: its day is then what its text says, as it was written."""
        return self.read.column is not None and self.read.column.native.endswith(") WITH TIME ZONE")

    def known(self) -> exp.Expr:
        """It is a date of the calendar, of the years 1 to 9999."""
        plain = self.native and not (self.read.reading.absent or self.read.reading.values)
        there = present(self.read.tree) if plain else self.names.known(self.read)
        return both(there, self._native_known() if self.native else both(*self._shape()))

    def within(self) -> exp.Expr:
        """It is known, and within the period."""
        if self.native:
            return self._absent_is_not(self._native_within())
        days = (self.end - self.start).days + 1
        if self._only_day and 0 < days <= LONGEST:
            return self._absent_is_not(exp.In(this=self._text(), expressions=self._every_day(days)))
        iso = self._iso()
        return both(
            self.known(),
            exp.Between(this=iso, low=word(self.start.isoformat()), high=word(self.end.isoformat())),
        )

    def month(self) -> exp.Expr:
        """Its month, YYYY-MM; only for a known date."""
        if self.native:
            return _part(self.names.text(self.read.tree, self.read.column), 0, 7)
        return exp.DPipe(
            this=exp.DPipe(this=self._piece("%Y"), expression=word("-"), safe=True),
            expression=self._piece("%m"),
            safe=True,
        )

    def day(self) -> exp.Expr | None:
        """The date as PostgreSQL holds it, where its reader can tell the month of it; else None."""
        civil = self.read.column is not None and self.read.column.native in NATIVE
        return self.read.tree.copy() if self.names.dialect == "postgres" and self.native and civil else None

    def told(self) -> dict[str, exp.Expr]:
        """All that can be asked of it, as the columns that `DateTold` reads."""
        month = exp.Case().when(self.known(), self.month(), copy=False)
        return {MONTH: month, WITHIN: exp.Case().when(self.within(), number(1), copy=False)}

    # --- a text of fixed width ---------------------------------------------------------------------------------------

    @property
    def _only_day(self) -> bool:
        return self.read.reading.format is not None and len(layout(self.read.reading.format, where="")) == 3

    def _text(self) -> exp.Expr:
        if (
            self._full_width
        ):  # nothing but blanks can pad it, and no date ends in blanks: the cheap cast tells the same
            return self.names.exact(exp.Cast(this=self.read.tree.copy(), to=exp.DataType.build("TEXT")))
        return self.names.trimmed(self.read)

    @property
    def _full_width(self) -> bool:
        column, written = self.read.column, self.read.reading.format
        return (
            self.names.dialect == "postgres"
            and self.read.padded
            and column is not None
            and column.length == _width(written or "")
        )

    def _piece(self, directive: str) -> exp.Expr:
        start, width = layout(self.read.reading.format or "%Y-%m-%d", where="")[directive]
        return _part(self._text(), start, width)

    def _iso(self) -> exp.Expr:
        tree = self._piece("%Y")
        for directive in ("%m", "%d"):
            tree = exp.DPipe(
                this=exp.DPipe(this=tree, expression=word("-"), safe=True),
                expression=self._piece(directive),
                safe=True,
            )
        return tree

    def _every_day(self, count: int) -> list[exp.Expr]:
        written, dialect = self.read.reading.format or "", self.names.dialect
        if dialect in ("tsql", "oracle"):  # they say each text in their own words
            return [word(text) for text in _days(written, self.start, count)]
        return [exp.Var(this=_listed_days(written, self.start, count, dialect))]

    def _absent_is_not(self, condition: exp.Expr) -> exp.Expr:
        absent = self.read.reading.absent
        return both(condition, no(among(self.names.trimmed(self.read), absent))) if absent else condition

    def _shape(self) -> list[exp.Expr]:
        """The conditions under which the text is a date: its length, its separators, its digits, a day that exists."""
        return [*self._frame(), *self._day_exists()]

    def _frame(self) -> list[exp.Expr]:
        written = self.read.reading.format
        length = exp.Length(this=self._text())
        if written is None:  # an ISO date, alone or followed by a time
            time = both(listed(self._at(10, 1), (" ", "T")), listed(self._at(11, 2), _two_digits(24)))
            return [*self._separators("%Y-%m-%d"), either(_same(length, number(10)), time)]
        places = layout(written, where="")
        clock = [
            listed(self._piece(directive), _two_digits(count))
            for directive, count in _CLOCK.items()
            if directive in places
        ]
        if "%f" in places:
            clock += [listed(self._at(places["%f"][0] + step, 2), _two_digits(100)) for step in (0, 2, 4)]
        return [_same(length, number(_width(written))), *self._separators(written), *clock]

    def _separators(self, written: str) -> list[exp.Expr]:
        conditions: list[exp.Expr] = []
        position = index = 0
        while index < len(written):
            directive = written[index : index + 2]
            if directive in DIRECTIVES:
                position, index = position + DIRECTIVES[directive], index + 2
                continue
            conditions.append(_same(self._at(position, 1), word(written[index])))
            position, index = position + 1, index + 1
        return conditions

    def _day_exists(self) -> list[exp.Expr]:
        year, month, day = (self._piece(directive) for directive in ("%Y", "%m", "%d"))
        month_day = exp.DPipe(this=month.copy(), expression=day.copy(), safe=True)
        century, rest = _part(year.copy(), 0, 2), _part(year.copy(), 2, 2)
        leap = either(
            listed(rest.copy(), _FOURS),
            both(_same(rest.copy(), word("00")), listed(century.copy(), ("00", *_FOURS))),
        )
        return [
            listed(century.copy(), _two_digits(100)), listed(rest.copy(), _two_digits(100)), _differ(year, word("0000")),
            listed(month, _two_digits(13)[1:]), listed(day, _two_digits(32)[1:]), no(listed(month_day, _NO_SUCH_DAY)),
            either(_differ(month_day.copy(), word("0229")), leap),
        ]  # fmt: skip

    def _at(self, start: int, width: int) -> exp.Expr:
        return _part(self._text(), start, width)

    # --- a native date -----------------------------------------------------------------------------------------------

    def _native_known(self) -> exp.Expr:
        tree = self.read.tree
        if self.names.dialect == "postgres":  # not infinite, not before Christ, not past four digits
            return both(_from(tree, self._day(date.min)), _before(tree, "10000-01-01", self._type))
        if self.names.dialect == "tsql":  # its dates are of the years 1 to 9999
            return present(tree)
        if self.names.dialect == "oracle":  # its dates begin before Christ
            return _from(tree, self._day(date.min))
        return both(
            *(
                _differ(exp.Anonymous(this=part, expressions=[tree.copy()]), number(0))
                for part in ("YEAR", "MONTH", "DAYOFMONTH")
            )
        )

    def _native_within(self) -> exp.Expr:
        tree, last = self.read.tree, self.end
        if last.year == MAXYEAR and last.month == 12 and last.day == 31:
            return both(_from(tree, self._day(self.start)), self._native_known())
        after = exp.LT(this=tree.copy(), expression=self._day(last + timedelta(days=1)))
        exists = [self._native_known()] if self.names.dialect == "mysql" else []  # MariaDB holds 2024-02-00
        return both(_from(tree, self._day(self.start)), after, *exists)

    @property
    def _type(self) -> str:
        if self.names.dialect == "mysql":
            return "DATETIME"
        return (
            "TIMESTAMPTZ" if self.read.column and "with time zone" in self.read.column.native else "TIMESTAMP"
        )

    def _day(self, day: date) -> exp.Expr:
        if self.names.dialect == "oracle":
            return oracle.day(day.isoformat())
        return exp.Cast(this=word(day.isoformat()), to=exp.DataType.build(self._type))


@dataclass(frozen=True, slots=True)
class DateTold:
    """A date of which the subquery `alias` has told all that can be asked."""

    alias: str

    def known(self) -> exp.Expr:
        """See `DateRule.known`."""
        return present(self.month())

    def within(self) -> exp.Expr:
        """See `DateRule.within`. Of a row without a request it is false, in words from which no planner concludes that there must be one."""
        told = exp.column(WITHIN, table=self.alias, quoted=True)
        return _same(exp.Coalesce(this=told, expressions=[number(0)]), number(1))

    def month(self) -> exp.Expr:
        """See `DateRule.month`."""
        return exp.column(MONTH, table=self.alias, quoted=True)

    def day(self) -> None:
        """It is a text."""


def _same(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.EQ(this=left, expression=right)


def _differ(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return exp.NEQ(this=left, expression=right)


def _days(written: str, start: date, count: int) -> Iterator[str]:
    for day in (start + timedelta(days=step) for step in range(count)):
        text = written
        for directive, part in (("%Y", f"{day.year:04}"), ("%m", f"{day.month:02}"), ("%d", f"{day.day:02}")):
            text = text.replace(directive, part)
        yield text


@lru_cache(maxsize=16)
def _listed_days(written: str, start: date, count: int, dialect: Dialect) -> str:
    """Every day of a period as one node's text: as a node each, copied with every statement, they were most of a small passage's time."""
    return ", ".join(word(text).sql(dialect=dialect) for text in _days(written, start, count))


def _part(tree: exp.Expr, start: int, width: int) -> exp.Expr:
    return exp.Substring(this=tree, start=number(start + 1), length=number(width))


def _two_digits(count: int) -> tuple[str, ...]:
    return tuple(f"{value:02}" for value in range(count))


def _width(written: str) -> int:
    return len(written) + sum(width - 2 for directive, width in DIRECTIVES.items() if directive in written)


def _from(tree: exp.Expr, bound: exp.Expr) -> exp.Expr:
    return exp.GTE(this=tree.copy(), expression=bound)


def _before(tree: exp.Expr, day: str, type: str) -> exp.Expr:
    return exp.LT(this=tree.copy(), expression=exp.Cast(this=word(day), to=exp.DataType.build(type)))
