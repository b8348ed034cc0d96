"""OpenELIS Global 2 carried by whole passages, signed instruction to certificate of erasure, by its mapping file alone.

Its own test codes are classified by their names, so that what reveals HIV or another infection stays; what must arrive is counted by SQL of
this file's own, never by the product's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ecluse.adapters.connectors.sql.grants import grant_statements
from ecluse.adapters.invented import create_empty
from ecluse.base.refusal import Refusal
from ecluse.passage.drafts import seen_codes, seen_sites, shared_records
from ecluse.passage.migration import MigrationState
from ecluse.passage.outbound import begin, prepare
from ecluse.terms.codes import LocalCode
from ecluse.terms.instruction import Instruction
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.course import Course, privileges_needed
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of, source_of
from ecluse.wiring.settings import SystemSettings
from tests.real.openelis_fill import create, fill_openelis
from tests.servers import Server
from tests.stories.test_separate_machines import Passage
from tests.workspaces import Laboratory, start

PATIENTS: Final = 200
SCHEMAS: Final = ("clinlims", "public")
REVEALS: Final = {
    "HIV": re.compile(
        r"HIV|VIH|antir[eé]troviraux|\bCD4\b|p24|Western Blot|Genie|Vironostika|Murex|Determine|Stat-Pak|Bioline"
        r"|Innolia|Integral|Viral Load|charge virale|Génotypage|DNA PCR",
        re.IGNORECASE,
    ),
    "STI": re.compile(r"HBs|HEPATITIS", re.IGNORECASE),
    "PREG": re.compile(r"BHCG|grossesse", re.IGNORECASE),
}
"""What the names of OpenELIS's tests reveal: the kits of its HIV algorithm are there by their trade names."""

_MUST_ARRIVE: Final = """
    WITH asked AS (SELECT s.id, h.patient_id, h.provider_id FROM sample s LEFT JOIN sample_human h ON h.samp_id = s.id
                   WHERE s.domain = 'H' AND s.entered_date::date BETWEEN '2016-01-01' AND '2020-12-31')
    SELECT (SELECT count(*) FROM provider WHERE id IN (SELECT provider_id FROM asked)),
           (SELECT count(*) FROM patient WHERE NOT is_merged AND id IN (SELECT patient_id FROM asked)),
           (SELECT count(*) FROM asked),
           (SELECT count(*) FROM sample_item WHERE samp_id IN (SELECT id FROM asked)),
           (SELECT count(*) FROM result r JOIN analysis a ON a.id = r.analysis_id JOIN sample_item i ON i.id = a.sampitem_id
            JOIN test t ON t.id = a.test_id WHERE i.samp_id IN (SELECT id FROM asked) AND t.description <> ALL (%s))
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """An OpenELIS with a laboratory in it: its server, and its database as its owner reaches it."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """For a driver of this file's own."""
        return self.server.socket_url(self.name)

    @property
    def address(self) -> str:
        """For a workspace's settings."""
        return at_clinlims(self.url)


def at_clinlims(url: str) -> str:
    return f"{url}&schema={','.join(SCHEMAS)}"


def shipped(package: str, *path: str) -> bytes:
    return resources.files(package).joinpath(*path).read_bytes()


OPENELIS: Final = shipped("ecluse.invent", "mappings", "openelis-global2.toml")


class OpenElis(Laboratory):
    """A workspace whose source is an OpenELIS that is filled already; `target` is the target's mapping, `made` makes its tables."""

    def __init__(
        self, home: Path, *, source: str, target_url: str, target: bytes, made: Callable[[], object]
    ) -> None:
        super().__init__(home, patients=PATIENTS, seed=3, source_url=source, target_url=target_url)
        self.made = made
        (home / "old.toml").write_bytes(OPENELIS)
        (home / "new.toml").write_bytes(target)

    def invent(self) -> None:
        self.create_target()

    def create_target(self) -> None:
        self.made()

    def classified(self) -> list[LocalCode]:
        """Every code that OpenELIS holds, by its name."""
        system = self.settings.source
        with source_of(system).snapshot() as snapshot:
            seen = seen_codes(snapshot, mapping_of(system), vocabulary=vocabulary())
        return [LocalCode(it.system, it.code, it.label, revealed(it.code)) for it in seen]

    def records(self) -> dict[str, tuple[str, ...]]:
        """What `ecluse instruction draft` proposes."""
        old, new = mapping_of(self.settings.source), mapping_of(self.settings.target)
        return dict(shared_records(old, new, vocabulary=vocabulary()))

    def instruction(self, *, agreement: str, codes: str, certificate: str) -> Instruction:
        """The sites that the mapping gives: one."""
        system = self.settings.source
        with source_of(system).snapshot() as snapshot:
            sites = seen_sites(snapshot, mapping_of(system), vocabulary=vocabulary())
        ordered = super().instruction(agreement=agreement, codes=codes, certificate=certificate)
        return replace(ordered, sites=tuple(sites))


def revealed(code: str) -> tuple[str, ...]:
    """The special categories that a test's name tells."""
    return tuple(category for category, names in REVEALS.items() if names.search(code))


@pytest.fixture(scope="module")
def filled(postgresql: Server, shared_data: Path) -> Iterator[Filled]:
    """An OpenELIS with an invented laboratory in it; no passage changes it."""
    with postgresql.database() as url:
        create(url, shared_data)
        fill_openelis(url, patients=PATIENTS, seed=3)
        yield Filled(postgresql, url.rpartition("/")[2])


@pytest.fixture
def to_fhir(filled: Filled, tmp_path: Path) -> OpenElis:
    """A workspace from OpenELIS to a folder of FHIR resources."""
    folder, mapping = tmp_path / "fhir", shipped("ecluse.adapters.connectors.fhir", "fhir-r4.toml")
    return OpenElis(
        tmp_path, source=filled.address, target_url=f"fhir+file://{folder}", target=mapping, made=folder.mkdir
    )


@pytest.fixture
def to_new(filled: Filled, postgresql_url: str, tmp_path: Path) -> OpenElis:
    """A workspace from OpenELIS to the invented new system in PostgreSQL."""
    url = filled.server.socket_url(postgresql_url.rpartition("/")[2])
    mapping = shipped("ecluse.invent", "mappings", "invented-new.toml")
    return OpenElis(
        tmp_path, source=filled.address, target_url=url, target=mapping, made=lambda: create_roomy(url)
    )


def create_roomy(url: str) -> None:
    """The new system, with room for OpenELIS's codes: they are its tests' full names, and its own twenty characters would reject a third of them."""
    create_empty(url)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE observations ALTER COLUMN test_code TYPE varchar(120)")


@pytest.fixture
def to_openelis(filled: Filled, postgresql_url: str, shared_data: Path, tmp_path: Path) -> OpenElis:
    """A workspace from OpenELIS to a second one, which has its catalogue and no patient."""
    url = at_clinlims(filled.server.socket_url(postgresql_url.rpartition("/")[2]))
    return OpenElis(
        tmp_path,
        source=filled.address,
        target_url=url,
        target=OPENELIS,
        made=lambda: create(postgresql_url, shared_data),
    )


@pytest.fixture
def reader(filled: Filled) -> Iterator[str]:
    """An account that may connect to OpenELIS's server, and do nothing there yet."""
    name = "openelis_reader"
    filled.server.say(f"CREATE ROLE {name} LOGIN")
    yield name
    with psycopg.connect(filled.url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {name}".encode())
        connection.execute(f"DROP ROLE {name}".encode())


def granted(ready: Ready, name: str, filled: Filled, account: str) -> SystemSettings:
    """The source as seen by `account`, given what `ecluse plan --grants` prints, in a session that knows no schema."""
    system = ready.course.settings.source
    passage = prepare(ready.source, name, mapping=mapping_of(system))
    needed = privileges_needed(passage.plan, source_of(system))
    with psycopg.connect(filled.url, autocommit=True) as connection:
        connection.execute(f"REVOKE CREATE, TEMPORARY ON DATABASE {filled.name} FROM PUBLIC".encode())
        for statement in grant_statements(needed, account, "postgres", schemas=SCHEMAS):
            connection.execute(statement.encode())
    return replace(system, url=system.url.replace(f"//{filled.server.account}@", f"//{account}@"))


@pytest.mark.parametrize("destination", ["to_fhir", "to_new", "to_openelis"])
def test_openelis_is_carried_whole_and_what_reveals_an_infection_stays(
    filled: Filled, reader: str, destination: str, request: pytest.FixtureRequest
) -> None:
    """From OpenELIS to its certificate, read by an account that may read the plan alone: all that may leave arrives, nothing is unexplained."""
    lab: OpenElis = request.getfixturevalue(destination)
    ready = lab.ready()
    name, by = start(ready), ready.cast.ids["engineer"]
    with pytest.raises(Refusal) as refused:
        ready.course.extract(name, by=by)
    assert refused.value.code == "source/account-exceeds"
    few = granted(ready, name, filled, reader)
    course = Course(lab.settings, ready.course.held, lambda: source_of(few), ready.course.target_system)

    assert course.run(name, by=by) is MigrationState.LOADED
    result = course.reconcile(name, by=by)

    assert (result.unexplained, result.failed) == (0, ())
    rejected = {kind.kind: kind.rejected_at_source | kind.rejected_at_target for kind in result.kinds}
    assert {kind: why for kind, why in rejected.items() if why} == {}
    assert {kind.kind: kind.loaded for kind in result.kinds} == must_arrive(filled)
    stayed = next(kind.excluded for kind in result.kinds if kind.kind == "result")
    assert {"period", "category/HIV", "category/STI", "category/PREG"} == set(stayed)
    assert codes_held(lab.settings.target) == {code for code in codes_held(few) if not revealed(code)}
    assert {site for _, site, *_ in result.groups if site != "-"} == {"openelis"}

    if destination == "to_openelis":
        assert identities(lab.settings.target) == identities_told(filled)

    course.accept(name, by=ready.cast.ids["biologist"], key=ready.cast.keys["biologist"])
    course.erase(name, by=ready.cast.ids["biologist"])
    assert ready.source.migration(name).state is MigrationState.ERASED


def must_arrive(filled: Filled) -> dict[str, int]:
    """How many records of each kind the instruction names, asked of OpenELIS's own tables."""
    with psycopg.connect(filled.url) as connection:
        connection.execute("SET search_path = clinlims")
        named = [str(name) for (name,) in connection.execute("SELECT description FROM test")]
        held_back = [name for name in named if revealed(name)]
        (counts,) = connection.execute(_MUST_ARRIVE, (held_back,)).fetchall()
    return dict(zip(("prescriber", "patient", "request", "specimen", "result"), counts, strict=True))


_IDENTITIES: Final = """
    SELECT t.identity_type, count(*) FROM clinlims.patient_identity i JOIN clinlims.patient_identity_type t ON t.id = i.identity_type_id
"""


def identities(system: SystemSettings) -> dict[str, int]:
    """The rows of `patient_identity` in an OpenELIS, by type."""
    with psycopg.connect(system.url.partition("&schema")[0]) as connection:
        return dict(connection.execute(f"{_IDENTITIES} GROUP BY 1".encode()).fetchall())


def identities_told(filled: Filled) -> dict[str, int]:
    """What must stand there: used names and insured persons' numbers, and no row for a number or a note that the instruction does not name."""
    within = """
        JOIN clinlims.patient p ON p.id = i.patient_id WHERE t.identity_type IN ('AKA', 'INSURANCE') AND NOT p.is_merged AND p.id IN (
            SELECT patient_id FROM clinlims.sample_human h JOIN clinlims.sample s ON s.id = h.samp_id
            WHERE s.domain = 'H' AND s.entered_date::date BETWEEN '2016-01-01' AND '2020-12-31')"""
    with psycopg.connect(filled.url) as connection:
        return dict(connection.execute(f"{_IDENTITIES} {within} GROUP BY 1".encode()).fetchall())


def codes_held(system: SystemSettings) -> set[str]:
    """The codes of the results that a system holds."""
    with source_of(system).snapshot() as snapshot:
        return {it.code for it in seen_codes(snapshot, mapping_of(system), vocabulary=vocabulary())}


def test_openelis_is_carried_between_separate_machines(
    filled: Filled, reader: str, postgresql_url: str, tmp_path: Path
) -> None:
    """The database of OpenELIS goes from one machine to another through an exchange in a process of its own, the line cut on the way; nothing is unexplained."""
    url = filled.server.socket_url(postgresql_url.rpartition("/")[2])
    mapping = shipped("ecluse.invent", "mappings", "invented-new.toml")

    def story(old: Path, new: Path) -> OpenElis:
        return OpenElis(
            old, source=filled.address, target_url=url, target=mapping, made=lambda: create_roomy(url)
        )

    passage = Passage(tmp_path, story=story)
    passage.exchange.start()
    try:
        passage.enrol()
        instruction = passage.sign()
        source = passage.old.workspace.course()
        by, there = passage.cast.ids["engineer"], passage.there
        name = begin(source.source, by=by, instruction=instruction)
        ready = Ready(passage.cast, source.source, source.source, instruction, source)
        few = granted(ready, name, filled, reader)
        passage.proxy.cut_after, passage.proxy.cuts = 100_000, 2
        assert (
            replace(source, source_system=lambda: source_of(few)).run(name, by=by) is MigrationState.DEPOSITED
        )
        assert passage.proxy.dropped == 2
        target = passage.new.workspace.course()
        assert target.run(name, by=there["engineer"]) is MigrationState.LOADED
        result = target.reconcile(name, by=there["engineer"])
        assert (result.unexplained, result.failed) == (0, ())
        assert {kind.kind: kind.loaded for kind in result.kinds} == must_arrive(filled)
    finally:
        passage.exchange.kill()
        passage.proxy.close()
