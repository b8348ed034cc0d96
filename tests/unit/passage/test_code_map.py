"""The code map in a site: codes read from a source, a map signed and in force, and the target that is given it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.acts import CODE_MAP_SIGNED
from ecluse.passage.authority import signed_code_map
from ecluse.passage.code_map import code_map_in_force, seen_tests
from ecluse.passage.signing import sign
from ecluse.proof.sign import sign_document
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.code_map import CodeMap
from ecluse.terms.mapping import Mapping
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.demonstration import Ready
from ecluse.wiring.laboratory import mapping_of
from tests.ports.memory_target import MemoryTarget
from tests.workspaces import laboratory

MAP = """\
[code-map]
version = 1
catalogues = []
[[code]]
system = "test"
code = "CREA"
unit = "mg/L"
[code.decision]
target = "2160-0"
by = "p-7f3a"
why = "masse par volume"
"""


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    return laboratory(tmp_path_factory.mktemp("home") / "lab", patients=30)[1]


def without(mapping: Mapping, *paths: str) -> Mapping:
    """The mapping without these fields."""
    for path in paths:
        kind, _, name = path.partition(".")
        mapping.kinds[kind].fields.pop(name)
    return mapping


def test_a_source_shows_each_code_with_each_of_its_units(ready: Ready) -> None:
    """Tests and acts are counted by code and unit, with their label and kind of specimen; what the mapping does not describe is left out."""
    system = ready.course.settings.source
    with ready.course.source_system().snapshot() as snapshot:
        seen = seen_tests(snapshot, mapping_of(system), vocabulary=vocabulary())
        hemoglobin = [one for one in seen if one.code == "HB"]
        assert {one.unit for one in hemoglobin} == {"g/L", "g/dL"}
        assert {(one.label, one.specimen) for one in hemoglobin} == {("Hémoglobine", "Sang EDTA")}
        assert {one.system for one in seen} == {"test", "act"}
        assert all(one.code and one.rows > 0 for one in seen)
        bare = seen_tests(
            snapshot, without(mapping_of(system), "specimen.type", "invoice.act"), vocabulary=vocabulary()
        )
        assert {one.specimen for one in bare} == {""}
        assert {one.system for one in bare} == {"test"}
        none = mapping_of(system)
        none.kinds.pop("specimen")
        none.kinds.pop("result")
        assert {one.system for one in seen_tests(snapshot, none, vocabulary=vocabulary())} == {"act"}


def test_only_the_map_signed_last_is_in_force(ready: Ready) -> None:
    """Before a signature there is none; signed by a biologist it is in force, on both sites; signed again it stays; a later one takes its place."""
    site, cast = ready.source, ready.cast
    assert code_map_in_force(site) is None
    by, key = cast.ids["biologist"], cast.keys["biologist"]
    first, in_force = sign(site, "code-map", MAP.encode(), by=by, key=key)
    assert in_force
    assert sign(site, "code-map", MAP.encode(), by=by, key=key) == (first, True)
    assert len(site.bodies(CODE_MAP_SIGNED)) == 1
    found = code_map_in_force(ready.target)
    assert found is not None
    assert found.coding("test", "CREA", "mg/L") == ("loinc", "2160-0")
    sign(site, "code-map", MAP.replace('"2160-0"', '"none"').encode(), by=by, key=key)
    assert found.targets
    again = code_map_in_force(site)
    assert again is not None
    assert not again.targets


def test_an_unsigned_or_altered_map_maps_nothing(ready: Ready) -> None:
    """Another's signature, another document under the digest, one who may not sign: each is refused."""
    site, cast = ready.source, ready.cast
    with pytest.raises(Refusal) as caught:
        sign(site, "code-map", MAP.encode(), by=cast.ids["engineer"], key=cast.keys["engineer"])
    assert caught.value.code == "people/may-not"
    altered = MAP.replace("2160-0", "14682-9").encode()
    envelope = sign_document(altered, type="code-map", keys=[cast.keys["engineer"]])
    digest = "sha256:" + "7" * 64
    site.documents.put(envelope, digest=digest)
    with pytest.raises(Refusal):
        signed_code_map(site, digest)


class CodedTarget(MemoryTarget):
    """A target that can write codings."""

    def __init__(self) -> None:
        super().__init__(Catalogue("memory", {}))
        self.given: list[CodeMap] = []

    def use_code_map(self, known: CodeMap) -> None:
        self.given.append(known)


def test_a_target_that_can_write_codings_is_given_the_map(tmp_path: Path) -> None:
    """A load gives the map in force to a target that says it can use one, to no other, and gives none while none is signed."""
    ready = laboratory(tmp_path / "lab", patients=10)[1]
    plain, coded = MemoryTarget(Catalogue("memory", {})), CodedTarget()
    with replace(ready.course, target_system=lambda: coded).coded_target() as (given, digest):
        assert (given, digest) == (coded, "")
    assert coded.given == []
    sign(
        ready.source,
        "code-map",
        MAP.encode(),
        by=ready.cast.ids["biologist"],
        key=ready.cast.keys["biologist"],
    )
    with replace(ready.course, target_system=lambda: coded).coded_target() as (given, digest):
        assert given is coded
        assert digest == code_map_in_force(ready.target).digest  # type: ignore[union-attr]
    assert [known.targets for known in coded.given] == [{("test", "CREA", "mg/L"): ("loinc", "2160-0")}]
    with replace(ready.course, target_system=lambda: plain).coded_target() as (given, digest):
        assert (given, digest) == (plain, "")
