"""Gate 1: read what the plan names, and nothing else, from a source in one snapshot (« extraction »).

The steps of `extract`, all in one snapshot:

 1. every code seen within the instruction is classified by the biologist, or the run is refused before a row is sealed
 2. (by kind, parents first) the census counts every row under the rule that keeps it, or none; more patients than the laboratory
    expected, and the run is refused
 3. no column that leaves looks like a secret, whatever its name, or the run is refused before a row of that kind is sealed
 4. documents are opened, filtered or refused (`containers`); rows are converted, exact or rejected; those moved are tallied and sealed,
    those rejected are sealed apart, for the laboratory alone
 5. what was moved and rejected is what the census said would leave, site by site and month by month, or the run is refused
 6. of files, what could not be read is sealed apart, and what became of every unit (segment, line, row) is accounted for (`account`)
 7. a statement (counts, sums, salts, account) is sealed as the last part

The world is behind `Source` and `Snapshot`; every adapter of a source passes their one contract suite (tests/ports/test_source.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.base.refusal import Refusal
from ecluse.passage.account import accounted
from ecluse.passage.ahead import behind
from ecluse.passage.canonical import MONTH, NOWHERE, SITE, canonical, site_names
from ecluse.passage.containers import REFUSED, SHUT, Allowed, DocumentOpener, open_contents
from ecluse.passage.parcel import Sealer
from ecluse.passage.rejects import RejectVault
from ecluse.passage.rows import body_of, pieces_of
from ecluse.passage.statement import KindStatement, Statement
from ecluse.passage.tally import Checksum, Group, Salts
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.secrets import looks_secret
from ecluse.terms.vocabulary import Vocabulary

__all__ = ["Count", "Progress", "Snapshot", "Source", "extract", "quiet"]

TOO_MANY: Final = 1000
"""From so many rejected rows on, more than a tenth of a kind rejected means that the mapping is wrong, and the run is refused."""


class Count(NamedTuple):
    """How many source rows, at one raw site and month ("YYYY-MM", or "-"), meet `rule` first; "" = they leave."""

    rule: str
    site: str
    month: str
    rows: int


class Snapshot(Protocol):
    """One consistent, read-only view of a source: every call sees the same instant.

    Raw batches: one column for each field of the slice, named as the field, of type string (binary for `bytes` fields) holding the source's own
    value as exact text (null = SQL NULL), or a `date` or `datetime` in its Arrow type where the reading changes nothing, before the reading's trim/absent/values/format, which `passage.canonical` applies; then
    `_site` (raw text, "-" for patients and prescribers), `_month` (text "YYYY-MM", "-" likewise), `_changed` (ISO text, only where
    the mapping says `changed`), `_withheld` (the category that kept this row's free texts back, else null; only where the slice has some).
    """

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """Every code not classified in the field `path` of rows within period and sites, with its number of rows."""
        ...

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """Every row of the kind's table (that meets the mapping's `where`), counted once under the first rule that holds."""
        ...

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """The rows that leave, as raw batches of at most 131,072 rows. Raises Fault `source/...` when the connection is cut."""
        ...


class Source(Protocol):
    """A system of origin (« système d'origine »), read-only."""

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected."""
        ...

    def privileges(self) -> frozenset[Privilege]:
        """What the connected account may do, beyond what every account may."""
        ...

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open one consistent view; closing it closes the gate."""
        ...


CHANGED: Final = "_changed"

Progress = Callable[[str, int, int], None]
"""Told (record kind, rows done, rows in all) as the work goes."""


def quiet(_kind: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def extract(
    *,
    snapshot: Snapshot,
    plan: Plan,
    sealer: Sealer,
    rejects: RejectVault,
    checksum: Checksum,
    salts: Salts,
    vocabulary: Vocabulary,
    at: datetime,
    since: datetime | None = None,
    progress: Progress = quiet,
    opener: DocumentOpener = SHUT,
) -> Statement:
    """Run the plan on an open snapshot and seal what leaves. `since`: seal only the rows changed from then on (the cut-over night).

    `opener`: what opens documents; without one, none leaves.

    The sums always cover every row within the plan, sealed in this parcel or before. Raises Refusal `codes/unclassified`,
    `extract/secret`, `extract/too-many-patients`, `extract/count-differs`, `extract/too-many-rejected`, `extract/too-many-unread`.
    """
    check_codes(snapshot, plan)  # step 1
    kinds = {}
    lost: dict[str, set[str]] = {}
    for piece in plan.slices:
        run = _Run(
            plan=plan,
            piece=piece,
            sealer=sealer,
            rejects=rejects,
            checksum=checksum,
            salts=salts,
            vocabulary=vocabulary,
            lost=lost,
            since=since,
            opener=opener,
        )
        kinds[piece.kind] = run.through(snapshot, progress)
    seen = {kind: it.seen for kind, it in kinds.items()}
    account = accounted(snapshot, plan, seen=seen, rejects=rejects)  # step 6
    statement = Statement(
        at=at.isoformat(),
        method=checksum.method,
        salts=salts,
        since=since.isoformat() if since else "",
        kinds=kinds,
        account=account,
    )
    sealer.seal(statement.encode(), role="statement", kind="", rows=0)  # step 7
    return statement


def check_codes(snapshot: Snapshot, plan: Plan) -> None:
    """Step 1. Raises Refusal `codes/unclassified` with the codes (a code names a test, not a person) and how many rows carry them."""
    for path in plan.classified:
        # To the letter: a code that only resembles a classified one (blanks at its end) is not excluded by its category either.
        unknown = snapshot.unclassified(plan, path)
        if unknown:
            raise Refusal(
                "codes/unclassified",
                count=len(unknown),
                got=", ".join(f"{path} {code!r}" for code in sorted(unknown)[:20]),
            )


def check_secrets(first: pa.RecordBatch, piece: Slice) -> None:
    """Step 3, on the first rows of a kind. Raises Refusal `extract/secret` naming the column and the reason, never a value."""
    for name, reading in piece.fields.items():
        if not pa.types.is_string(first.column(name).type):
            continue
        values = first.column(name).slice(0, 2000).drop_null().to_pylist()
        for column in reading.columns:
            if reason := looks_secret(column.name, values):
                table = piece.mapping.alias_table(column.alias)
                raise Refusal("extract/secret", where=f"{table}.{column.name}", got=reason)


class _Run:
    """One kind's rows on their way from the snapshot to their parts."""

    def __init__(
        self,
        *,
        plan: Plan,
        piece: Slice,
        sealer: Sealer,
        rejects: RejectVault,
        checksum: Checksum,
        salts: Salts,
        vocabulary: Vocabulary,
        lost: dict[str, set[str]],
        since: datetime | None,
        opener: DocumentOpener,
    ) -> None:
        self.opener, self.allowed = opener, Allowed.of(plan)
        self.plan, self.piece, self.sealer, self.rejects = plan, piece, sealer, rejects
        self.checksum, self.salts, self.vocabulary, self.lost, self.since = (
            checksum,
            salts,
            vocabulary,
            lost,
            since,
        )
        self.statement = KindStatement(fields=tuple(piece.fields))
        self.left: Counter[Group] = Counter()

    def through(self, snapshot: Snapshot, progress: Progress) -> KindStatement:
        """Steps 2 to 5 for this kind."""
        expected = self._census(snapshot)
        total = sum(expected.values())
        most = self.plan.max_patients
        if self.piece.kind == "patient" and most is not None and total > most:
            raise Refusal("extract/too-many-patients", got=total, expected=most)
        done = 0
        for batches in behind(self._seal, pieces_of(self._moved(snapshot))):
            done += sum(batch.num_rows for batch in batches)
            progress(self.piece.kind, done, total)
        if self.left != expected:  # step 5
            differing = sum(
                self.left[group] != expected[group] for group in self.left.keys() | expected.keys()
            )
            raise Refusal(
                "extract/count-differs",
                where=self.piece.kind,
                expected=total,
                got=self.left.total(),
                groups=differing,
            )
        return self.statement

    def _seal(self, batches: list[pa.RecordBatch]) -> None:
        rows = sum(batch.num_rows for batch in batches)
        self.sealer.seal(body_of(batches), role="records", kind=self.piece.kind, rows=rows)

    def _census(self, snapshot: Snapshot) -> Counter[Group]:
        """Step 2: what leaves, by group; the rest goes into the statement by rule."""
        counts = list(snapshot.census(self.plan, self.piece))
        sites = site_names(pa.array([count.site for count in counts], pa.string()), self.piece).to_pylist()
        leaves: Counter[Group] = Counter()
        for count, site in zip(counts, sites, strict=True):
            group = Group(site or NOWHERE, count.month or NOWHERE)
            if count.rule:
                self.statement.excluded[count.rule, group] += count.rows
            else:
                leaves[group] += count.rows
        return leaves

    def _moved(self, snapshot: Snapshot) -> Iterator[pa.RecordBatch]:
        """Step 4: converted rows, tallied; rejected ones sealed apart."""
        for number, raw in enumerate(snapshot.rows(self.plan, self.piece)):
            if number == 0:
                check_secrets(raw, self.piece)
            contents = open_contents(
                raw, self.piece, opener=self.opener, allowed=self.allowed, vocabulary=self.vocabulary
            )
            self.statement.opened.update(contents.counts)
            converted = canonical(
                raw, self.piece, vocabulary=self.vocabulary, lost=self.lost, contents=contents
            )
            moved, rejected = converted.moved, converted.rejected
            sums = self.checksum.sums(moved, salts=self.salts)
            for group, those in sums.items():
                self.left[Group(group.site or NOWHERE, group.month or NOWHERE)] += those.rows
            self.statement.sums.add(sums)
            self.statement.analytes.add(moved)
            self.statement.withheld.update(converted.withheld)
            if rejected.num_rows:
                self._reject(rejected)
            if CHANGED in moved.schema.names:
                if self.since is not None:
                    moved = moved.filter(_changed(moved.column(CHANGED), since=self.since))
                moved = moved.drop_columns([CHANGED])  # nobody named it
            yield moved

    def _reject(self, rejected: pa.RecordBatch) -> None:
        sites = site_names(rejected.column(SITE), self.piece).to_pylist()
        for site, month in zip(sites, rejected.column(MONTH).to_pylist(), strict=True):
            self.left[Group(site or NOWHERE, month or NOWHERE)] += 1
        for line in pc.value_counts(rejected.column("_reason")).to_pylist():
            self.statement.rejected[line["values"]] += line["counts"]
        self.rejects.put(self.piece.kind, rejected, place=f"{self.statement.rejected.total():09d}")
        # Documents refused for what they hold say nothing about the mapping.
        count = sum(
            rows for reason, rows in self.statement.rejected.items() if not reason.startswith(REFUSED)
        )
        if count > TOO_MANY and count * 10 > self.left.total():
            reasons = ", ".join(
                f"{reason} ({rows})" for reason, rows in self.statement.rejected.most_common(5)
            )
            raise Refusal("extract/too-many-rejected", where=self.piece.kind, got=count, reasons=reasons)


def _changed(texts: pa.Array, *, since: datetime) -> pa.Array:
    """The rows that may have changed since then. In doubt they have: a row sent twice is replaced by itself, one not sent is lost.

    A system writes its own civil time, or only the day: a day's margin covers every zone. What is absent or no ISO date may be any day.
    """
    margin = (since - timedelta(days=1)).date().isoformat()
    old = pc.and_(pc.match_substring_regex(texts, r"^\d{4}-\d{2}-\d{2}"), pc.less(texts, margin))
    return pc.invert(pc.fill_null(old, fill_value=False))
