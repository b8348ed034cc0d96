"""The account of a source of files: what it refuses, what it adds to a statement and to a reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.account import Account, Accounting, Facts, accounted
from ecluse.passage.load import publish
from ecluse.passage.reconcile import Reconciliation, reconcile
from ecluse.passage.rejects import RejectVault
from ecluse.passage.statement import Statement
from ecluse.passage.tally import Salts
from ecluse.proof.unseal import new_identity
from ecluse.terms.mapping import Where
from ecluse.terms.plan import Plan
from tests.ports.sources import plan
from tests.sites import MemoryVault, Tripwire

UNITS = {"OBX": {"carried": 7, "unread:cut": 2}, "MSH": {"structure": 3}, "ZZZ": {"not-in-vocabulary": 1}}
ACCOUNT = Account(
    files=2,
    left={"witness": 2},
    units=UNITS,
    facts={"RESULT": Facts(told=9, records=5, superseded=2, gone=2, never_told=1)},
    orphans={"result.request": 1},
    kept={"RESULT": ("NUMRES",)},
    dropped={"RESULT": ("VALRES",)},
    decided={"RESULT": {"encoding": "cp1252 (letters)", "separator": "semicolon"}},
)


@dataclass
class Files:
    """Implements `Accounting` with this account and these unread octets."""

    told: Account
    octets: tuple[bytes, ...] = ()

    def account(self, plan: Plan) -> Account:
        return self.told

    def unread(self, plan: Plan) -> Iterator[pa.RecordBatch]:
        for number, raw in enumerate(self.octets):
            yield pa.RecordBatch.from_pydict(
                {"place": [str(number)], "units": ["{}"], "raw": [raw], "_reason": ["cut"]}
            )


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault(Tripwire())


def run(snapshot: object, vault: MemoryVault, *, wanted: Plan | None = None, **seen: int) -> Account | None:
    rejects = RejectVault(vault, "r", to=new_identity()[1])
    counted = {piece.kind: 0 for piece in plan().slices} | {"result": 5} | seen
    return accounted(snapshot, wanted or plan(), seen=counted, rejects=rejects)


def test_only_files_have_an_account(vault: MemoryVault) -> None:
    """A base, live or dumped, has rows and no messages."""
    assert run(object(), vault) is None


def test_units_are_told_by_fate(vault: MemoryVault) -> None:
    """All units, those of each fate, and those unread by reason; their sum is the whole."""
    assert isinstance(Files(ACCOUNT), Accounting)
    account = run(Files(ACCOUNT), vault)
    assert account is not None
    assert account.fates == {"carried": 7, "structure": 3, "not-in-vocabulary": 1, "unread": 2}
    assert account.unread == {"cut": 2}
    assert account.seen == sum(account.fates.values()) == 13
    assert (account.counted, account.unexplained) == ({"RESULT": 5}, 0)


def test_what_could_not_be_read_is_sealed(vault: MemoryVault) -> None:
    """Each batch of octets under a name of its own, sealed to the laboratory's key."""
    run(Files(ACCOUNT, (b"OBX|secret", b"x")), vault)
    assert vault.names("r") == ["unread.000000001.age", "unread.000000002.age"]
    with vault.open("r", "unread.000000001.age") as file:
        assert b"secret" not in file.read()


@pytest.mark.parametrize(
    ("facts", "records"),
    [(Facts(told=9, records=5, superseded=2, gone=1), 5), (Facts(told=9, records=5, superseded=4), 4)],
)
def test_a_fact_or_a_record_that_nothing_explains_is_refused(
    vault: MemoryVault, facts: Facts, records: int
) -> None:
    """Facts that became nothing, and records that the census did not count, stop the run: the parcel is not closed."""
    with pytest.raises(Refusal, match="extract/units-unexplained") as refused:
        run(Files(replace(ACCOUNT, facts={"RESULT": facts})), vault, result=records)
    assert refused.value.values["got"] == 1


@pytest.mark.parametrize(("name", "units"), [("*", 14), ("MSH", 2), ("PID", 1)])
def test_units_that_the_separators_do_not_show_are_refused(vault: MemoryVault, name: str, units: int) -> None:
    """A count by the files' separators alone, of all units or of one name's, that differs from what was read stops the run with exit code 4."""
    told = replace(ACCOUNT, measured={name: units})
    assert told.mismeasured == told.unexplained == 1
    with pytest.raises(Refusal, match="extract/units-differ") as refused:
        run(Files(told), vault)
    assert refused.value.exit == 4
    assert replace(ACCOUNT, measured={"*": 13, "MSH": 3}).unexplained == 0


def test_an_account_sealed_before_there_was_a_second_count_is_read() -> None:
    """A parcel outlives the program that made it: an account without that count is read as one that was not measured."""
    content = ACCOUNT.content()
    del content["measured"]
    assert Account.of(content) == ACCOUNT


def test_kinds_that_share_a_table_are_not_held_to_its_records(vault: MemoryVault) -> None:
    """Where a mapping takes some of a table's rows only, the table's records are not the kind's."""
    wanted = plan()
    results = wanted.slice("result")
    assert results is not None
    column = results.fields["id"].columns[0]
    some = replace(results.mapping, where=(Where(column, ("A1",)),))
    pieces = tuple(
        replace(it, mapping=some) if it.kind == "result" else it
        for it in wanted.slices
        if it.kind == "result"
    )
    account = run(Files(ACCOUNT), vault, wanted=replace(wanted, slices=pieces), result=1)
    assert account is not None
    assert account.counted == {}


@pytest.mark.parametrize(
    ("unread", "others", "stops"), [(1001, 5000, True), (1000, 0, False), (1001, 20_000, False)]
)
def test_too_much_unread_stops_the_run(vault: MemoryVault, unread: int, others: int, stops: bool) -> None:
    """More than a thousand units, and more than a tenth of all: the format is another one."""
    told = replace(ACCOUNT, units={"OBX": {"unread:cut": unread, "carried": others}})
    if not stops:
        assert run(Files(told), vault) is not None
        return
    with pytest.raises(Refusal, match="extract/too-many-unread") as refused:
        run(Files(told), vault)
    assert (refused.value.values["got"], refused.value.values["reasons"]) == (1001, "cut (1001)")


def test_a_statement_and_a_reconciliation_carry_the_account() -> None:
    """Sealed with the parcel and read back; in the reconciliation, what nothing explains of the files counts as unexplained."""
    whole = replace(ACCOUNT, counted={"RESULT": 4})
    statement = Statement(at="", method="m", salts=Salts(1, 2), since="", kinds={}, account=whole)
    read = Statement.decode(statement.encode())
    assert read.account == whole
    result = reconcile(read, target={}, before={}, rejected={}, reasons={}, method="m")
    assert (result.unexplained, Reconciliation((), ()).unexplained) == (1, 0)
    assert b'"account"' in result.encode()
    assert b'"account"' not in Reconciliation((), ()).encode()
    bare = replace(statement, account=None)
    assert Statement.decode(bare.encode()).account is None


def test_a_target_that_publishes_is_asked_to() -> None:
    """Files show before the gate closes; a database shows each batch as it commits, and is asked nothing."""
    asked: list[str] = []

    class Shows:
        def publish(self) -> None:
            asked.append("publish")

    silent: Any = object()
    shows: Any = Shows()
    publish(silent)
    publish(shows)
    assert asked == ["publish"]


@pytest.mark.parametrize(
    "changes",
    [{"files": None}, {"left": 1}, {"units": {"a": 1}}, {"facts": {"x": {"odd": 1}}}, {"kept": {"t": 1}}],
)
def test_an_account_that_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    """An account of another form than ours, though sealed and signed, is no account."""
    content = {**ACCOUNT.content(), **changes}
    if changes == {"files": None}:
        del content["files"]
    with pytest.raises(Refusal, match="parcel/statement-malformed"):
        Account.of(content)
