"""The plan's rules as conditions of SQL, in their order: for each, the condition under which a row may leave and the name it stays under.

Decides rules 1 to 7 of `terms.plan`, and which free texts are kept back, for one plan on one system. A condition that cannot be told
(NULL) keeps the row. It sends nothing: `query` makes statements of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Final

from sqlglot import exp

from ecluse.adapters.connectors.sql.columns import Names, Value, absent, both, fails, number, present, word
from ecluse.adapters.connectors.sql.dates import DateRule, DateTold
from ecluse.adapters.connectors.sql.relations import ID, Frame, Keys, distinct, seen, subquery
from ecluse.terms.mapping import KindMapping
from ecluse.terms.plan import ALL, Plan, Slice
from ecluse.terms.vocabulary import vocabulary

__all__ = ["COUNTED", "NOWHERE", "REQUEST", "Counted", "Rule", "Rules", "Scope", "Withheld"]

NOWHERE: Final = "-"
REQUEST, PATIENT, PRESCRIBER = "request", "patient", "prescriber"
RANK: Final = "rank"
COUNTED: Final = "_counted"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row leaves if `leaves` holds; else it stays under `name`. `implied`: the later rules hold only if this one does."""

    name: exp.Expr
    leaves: exp.Expr
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and when a row's request is: the raw site, as this query sees it, and what can be asked of the date."""

    site: Value
    date: DateRule | DateTold
    names: Names
    sites: tuple[str, ...]

    def known(self) -> exp.Expr:
        """Both can be told."""
        return both(self.names.known(self.site), self.date.known())

    def in_sites(self) -> exp.Expr:
        """The site is named."""
        return self.names.one_of(self.site, self.sites)

    def within(self) -> exp.Expr:
        """Both are within the instruction."""
        return both(self.date.within(), self.in_sites())


@dataclass(frozen=True, slots=True)
class Counted:
    """What rows are counted `by`, and where and when the rows of one such group are, seen through the subquery `COUNTED` and, where there
    are `requests`, through those, LEFT JOINed as `_request` by their key.
    """

    by: dict[str, exp.Expr]
    scope: Scope | None
    requests: exp.Select | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A row's free texts leave if `leave` holds; else `category`, a text, kept them back (it is NULL where they leave)."""

    leave: exp.Expr
    category: exp.Expr


class Rules:
    """The rules of one plan on one system; each method adds to a frame what its rule has to look up."""

    def __init__(self, plan: Plan, names: Names) -> None:
        self.plan = plan
        self.names = names
        self.keys = Keys(names, plan.mapping)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories kept back, in the vocabulary's order: a category's rank is its place here."""
        used = {category for codes in self.plan.excluded.values() for category, _ in codes}
        return tuple(category for category in vocabulary().special if category in used)

    def of(self, piece: Slice, frame: Frame) -> list[Rule]:
        """Every rule that can keep a row of this kind, in order."""
        placing = [] if piece.populated else self.placing(self.scope(frame))
        return [*placing, *self.others(piece, frame)]

    def others(self, piece: Slice, frame: Frame) -> list[Rule]:
        """The rules, in order, that look at the row itself and not at where and when its request is."""
        if self.plan.read_back:
            return []
        rules = self._population(piece, frame) if piece.populated else []
        rules += self._category(piece.kind, frame)
        if piece.container:
            rules += self._container(frame)
        if self.plan.rehearse:
            rules.append(Rule(word("rehearsal"), self._in_sample(piece.kind, frame)))
        return rules

    # --- 1 to 3: where and when ---------------------------------------------------------------------------------------

    def scope(self, frame: Frame) -> Scope | None:
        """Where and when a row's request is, from its own columns or through its request; None when the mapping cannot tell."""
        own = self._own_place(frame)
        if own is not None:
            return self._scope(own[0], self._date(own[1]))
        if not self._placed_by_request(frame):
            return None
        self._join_request(frame)
        return self._request_scope()

    def counted(self, frame: Frame) -> Counted:
        """What the rows of a kind are counted by before it is judged where and when they are, so that few groups are judged and not every row."""
        own = self._own_place(frame)
        if own is not None:
            site, date = own[0].written(self.names), own[1]
            if not self._date(date).native:
                date = date.written(self.names)
            scope = self._scope(site.through(COUNTED, "site"), self._date(date.through(COUNTED, "date")))
            return Counted({"site": site.tree, "date": date.tree}, scope)
        if not self._placed_by_request(frame):
            return Counted({}, None)
        key = self.keys.of(frame.field(REQUEST), REQUEST)
        return Counted({REQUEST: key}, self._request_scope(), self._requests_placed())

    def _own_place(self, frame: Frame) -> tuple[Value, Value] | None:
        """The row's own site and date."""
        kind = frame.kind
        if kind.kind == REQUEST and frame.has("site") and frame.has("date"):
            return frame.field("site"), frame.field("date")
        if kind.site is not None and kind.date is not None:
            return frame.value(kind.site), frame.value(kind.date)
        return None

    def _placed_by_request(self, frame: Frame) -> bool:
        named = frame.kind.kind != REQUEST and frame.has(REQUEST)
        return named and {"site", "date"} <= self._request.fields.keys()

    def _request_scope(self) -> Scope:
        inner = Frame(self.names, self._request)
        site, date = (inner.field(name).through("_request", name) for name in ("site", "date"))
        rule = self._date(date)
        return self._scope(site, rule if rule.native else DateTold("_request"))

    def _scope(self, site: Value, date: DateRule | DateTold) -> Scope:
        return Scope(site, date, self.names, self.plan.sites)

    def _date(self, read: Value) -> DateRule:
        return DateRule(self.names, read, self.plan.start, self.plan.end)

    def placing(self, scope: Scope | None) -> list[Rule]:
        """Rules 1 to 3, for a row whose request is there and then; None: nobody can tell."""
        if self.plan.read_back:
            return []
        if scope is None:
            return [Rule(word("scope/unknown"), exp.false())]
        return [
            Rule(word("scope/unknown"), scope.known(), implied=True),
            Rule(word("period"), scope.date.within()),
            Rule(word("site"), scope.in_sites()),
        ]

    @property
    def _request(self) -> KindMapping:
        return self.plan.mapping.kinds.get(REQUEST, KindMapping(REQUEST, "", {}))

    def _join_request(self, frame: Frame) -> None:
        """LEFT JOIN the row's request as `_request`, once."""
        if any(join.alias_or_name == "_request" for join in frame.joins):
            return
        frame.left(self._requests_placed(), "_request", (ID, self.keys.of(frame.field(REQUEST), REQUEST)))

    def _requests_placed(self) -> exp.Select:
        """Every request, of whose date, where it is a text, all is told that can be asked: once for each request, and not for each row that names it."""
        inner = Frame(self.names, self._request)
        date = self._date(inner.field("date"))
        if date.native:
            return self._requests()
        query = self._requests(told=date.told())
        # SQLite would put the questions back into the query around; of a limited query it makes a table.
        return query.limit(-1, copy=False) if self.names.dialect == "sqlite" else query

    def _requests(self, *, within: bool = False, told: dict[str, exp.Expr] | None = None) -> exp.Select:
        """Every request: id, patient and prescriber as keys, site and date as they stand; or only those within the instruction."""
        inner = Frame(self.names, self._request)
        outputs = {
            name: self.keys.of(inner.field(name), domain)
            for name, domain in ((ID, REQUEST), (PATIENT, PATIENT), (PRESCRIBER, PRESCRIBER))
            if inner.has(name)
        }
        outputs |= {name: inner.field(name).tree for name in ("site", "date") if inner.has(name)}
        outputs |= told or {}
        scope = self.scope(inner)
        return inner.select(outputs, *([scope.within()] if within and scope else []))

    # --- 4: the population ----------------------------------------------------------------------------------------------

    def _population(self, piece: Slice, frame: Frame) -> list[Rule]:
        people = (
            self._patients()
            if piece.kind == PATIENT
            else self._prescribers(self._referring(), self._patients())
        )
        frame.left(people, "_population", (ID, self.keys.of(frame.field(ID), piece.kind)))
        return [Rule(word("population"), present(seen("_population", ID)))]

    def _referring(self) -> exp.Select:
        return self._requests(within=True)

    def _named_by(self, requests: exp.Select, field: str) -> exp.Select:
        if field not in self._request.fields:  # nobody refers to anybody
            return exp.select(exp.alias_(exp.null(), ID, quoted=True)).where(exp.false())
        return exp.select(exp.alias_(seen("_within", field), ID, quoted=True)).from_(
            subquery(requests, "_within"), copy=False
        )

    def _patients(self) -> exp.Select:
        return distinct(self._named_by(self._referring(), PATIENT))

    def _prescribers(self, requests: exp.Select, patients: exp.Select) -> exp.Select:
        """Those the requests name, and the treating doctors of the patients, where that field is taken."""
        named = self._named_by(requests, PRESCRIBER)
        taken = self.plan.slice(PATIENT)
        if taken is None or "doctor" not in taken.fields:
            return distinct(named)
        frame = Frame(self.names, taken.mapping)
        frame.left(patients, "_leaving", (ID, self.keys.of(frame.field(ID), PATIENT)))
        treating = frame.select(
            {ID: self.keys.of(frame.field("doctor"), PRESCRIBER)}, present(seen("_leaving", ID))
        )
        return distinct(exp.union(named, treating, distinct=False, copy=False))

    # --- 5: special categories --------------------------------------------------------------------------------------------

    def _category(self, kind: str, frame: Frame) -> list[Rule]:
        ranks = self._ranks(kind, frame)
        if not ranks:
            return []
        return [Rule(self._labelled("category/", _first(ranks)), both(*map(self._unranked, ranks)))]

    def _unranked(self, rank: exp.Expr) -> exp.Expr:
        """No category: for a row's own code, that it is none of all the codes, which is asked once instead of by category."""
        if not isinstance(rank, exp.Case):
            return absent(rank)
        lists = [branch.this for branch in rank.args["ifs"]]
        if not all(isinstance(one, exp.In) for one in lists):
            return absent(rank)
        whole = [code.copy() for one in lists for code in one.expressions]
        return fails(exp.In(this=lists[0].this.copy(), expressions=whole))

    def _ranks(self, kind: str, frame: Frame) -> list[exp.Expr]:
        """The rank of the row's own code, and of each row it belongs to."""
        ranks: list[exp.Expr] = []
        classified = vocabulary().kinds[kind].classified
        if classified and frame.has(classified.name) and self.plan.excluded.get(classified.path):
            ranks.append(self._rank(frame.field(classified.name), classified.path))
        for parent, name in self._carrying(kind):
            alias = f"_carrying_{name}"
            frame.left(self._carriers(parent), alias, (ID, self.keys.of(frame.field(name), parent)))
            ranks.append(seen(alias, RANK))
        return ranks

    def _carrying(self, kind: str) -> list[tuple[str, str]]:
        """The kinds, with the field that refers to them, whose rows' categories this kind's rows take on."""
        mapped = self.plan.mapping.kinds
        parents = [
            (field.parent, field.name)
            for field in vocabulary().kinds[kind].parents
            if field.parent and field.parent != kind
        ]
        return [
            (parent, name)
            for parent, name in parents
            if kind in mapped
            and parent in mapped
            and name in mapped[kind].fields
            and (self._coded(parent) or self._carrying(parent))
        ]

    def _coded(self, kind: str) -> bool:
        classified = vocabulary().kinds[kind].classified
        return classified is not None and bool(self.plan.excluded.get(classified.path))

    def _carriers(self, kind: str) -> exp.Select:
        """The rows of a kind that carry a category kept back: their ids, with the first category's rank."""
        frame = Frame(self.names, self.plan.mapping.kinds[kind])
        ranks = self._ranks(kind, frame)
        carried = frame.select({ID: self.keys.of(frame.field(ID), kind), RANK: _first(ranks)})
        return _least(carried, f"_{kind}")

    def _rank(self, code: Value, path: str) -> exp.Expr:
        case = exp.Case()
        for category, codes in self.plan.excluded[path]:
            case = case.when(
                self.names.one_of(code, codes), number(self.categories.index(category)), copy=False
            )
        return case

    def _labelled(self, prefix: str, rank: exp.Expr) -> exp.Expr:
        case = exp.Case(this=rank.copy())
        for place, category in enumerate(self.categories):
            case = case.when(number(place), word(prefix + category), copy=False)
        return case

    # --- 6: containers, and free texts kept back --------------------------------------------------------------------------

    def _container(self, frame: Frame) -> list[Rule]:
        if self.plan.containers == (ALL,):
            return [Rule(word(f"container/{ALL}"), exp.false())]
        if not self.categories:
            return []
        rank = self._mark(frame)
        if rank is None:
            return [Rule(word(f"container/{ALL}"), exp.false())]
        return [Rule(self._labelled("container/", rank), absent(rank))]

    def withheld(self, piece: Slice, frame: Frame) -> Withheld | None:
        """Whether and why the row's free texts are kept back; None where nothing can be kept back."""
        if self.plan.read_back or not piece.free_texts or not (self.categories or self.plan.containers):
            return None
        rank = self._mark(frame) if self.plan.containers != (ALL,) else None
        if rank is None:
            return Withheld(exp.false(), word(ALL))
        return Withheld(absent(rank), self._labelled("", rank))

    def _mark(self, frame: Frame) -> exp.Expr | None:
        """The rank of the first category among all that the row's request (for a patient: any of them) holds; None: cannot be told."""
        if any(join.alias_or_name == "_marked" for join in frame.joins):
            return seen("_marked", RANK)
        if frame.kind.kind == PATIENT:
            if PATIENT not in self._request.fields:
                return None
            frame.left(self._marked_patients(), "_marked", (ID, self.keys.of(frame.field(ID), PATIENT)))
            return seen("_marked", RANK)
        name = ID if frame.kind.kind == REQUEST else REQUEST
        if not frame.has(name):
            return None
        frame.left(self._marked(), "_marked", (ID, self.keys.of(frame.field(name), REQUEST)))
        return seen("_marked", RANK)

    def _marked(self) -> exp.Select:
        """The requests that hold a test or an act of a category kept back."""
        parts: list[exp.Select | exp.Union] = []
        for kind in self.plan.tests:
            classified = vocabulary().kinds[kind.kind].classified
            if classified is None or not self.plan.excluded.get(classified.path):
                continue
            frame = Frame(self.names, kind)
            codes = [code for _, codes in self.plan.excluded[classified.path] for code in codes]
            code = frame.field(classified.name)
            outputs = {
                ID: self.keys.of(frame.field(REQUEST), REQUEST),
                RANK: self._rank(code, classified.path),
            }
            parts.append(frame.select(outputs, self.names.one_of(code, codes)))
        return _least(
            reduce(lambda left, right: exp.union(left, right, distinct=False, copy=False), parts), "_tests"
        )

    def _marked_patients(self) -> exp.Select:
        outer = exp.select(
            exp.alias_(seen("_request", PATIENT), ID, quoted=True),
            exp.alias_(seen("_marks", RANK), RANK, quoted=True),
        )
        on = exp.EQ(this=seen("_request", ID), expression=seen("_marks", ID))
        query = outer.from_(subquery(self._requests(), "_request"), copy=False).join(
            subquery(self._marked(), "_marks"), on=on, copy=False
        )
        return _least(query, "_patients")

    # --- 7: a rehearsal ---------------------------------------------------------------------------------------------------

    def _in_sample(self, kind: str, frame: Frame) -> exp.Expr:
        """The row belongs to one of the sample's patients."""
        if kind == PRESCRIBER:
            return self._prescriber_in_sample(frame)
        if kind == PATIENT:
            tree = self.keys.of(frame.field(ID), PATIENT)
        elif PATIENT not in self._request.fields or not (kind == REQUEST or frame.has(REQUEST)):
            return exp.false()
        elif kind == REQUEST:
            tree = self.keys.of(frame.field(PATIENT), PATIENT)
        else:
            self._join_request(frame)
            tree = seen("_request", PATIENT)
        frame.left(self._sample(), "_sample", (ID, tree))
        return present(seen("_sample", ID))

    def _sample(self) -> exp.Select:
        """The first ids, as text, of the patients within the instruction."""
        read = Frame(self.names, self._request).field(PATIENT) if PATIENT in self._request.fields else None
        text = self.names.ordered(seen("_people", ID), read.column if read else None)
        people = exp.select(seen("_people", ID)).from_(subquery(self._patients(), "_people"), copy=False)
        return people.order_by(exp.Ordered(this=self.names.exact(text))).limit(self.plan.rehearse)

    def _prescriber_in_sample(self, frame: Frame) -> exp.Expr:
        requests = (
            exp.select(seen("_all", PRESCRIBER))
            if PRESCRIBER in self._request.fields
            else exp.select(exp.null())
        )
        on = exp.EQ(this=seen("_all", PATIENT), expression=seen("_few", ID))
        requests = requests.from_(subquery(self._referring(), "_all"), copy=False).join(
            subquery(self._sample(), "_few"), on=on, copy=False
        )
        frame.left(
            self._prescribers(requests, self._sample()),
            "_sample",
            (ID, self.keys.of(frame.field(ID), PRESCRIBER)),
        )
        return present(seen("_sample", ID))


def _first(ranks: list[exp.Expr]) -> exp.Expr:
    return (
        ranks[0]
        if len(ranks) == 1
        else exp.Coalesce(this=ranks[0].copy(), expressions=[rank.copy() for rank in ranks[1:]])
    )


def _least(query: exp.Select | exp.Union, alias: str) -> exp.Select:
    """Each key of a query once, with the least rank it has there."""
    key, rank = seen(alias, ID), seen(alias, RANK)
    least = exp.alias_(exp.Min(this=rank), RANK, quoted=True)
    return (
        exp.select(key, least)
        .from_(subquery(query, alias), copy=False)
        .where(present(rank), copy=False)
        .group_by(key.copy(), copy=False)
    )
