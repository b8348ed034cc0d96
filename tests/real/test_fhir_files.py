"""FHIR files of others, all of them: the specification's own examples, and what three converters of HL7 v2 make; each read, or refused with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ecluse.adapters.connectors.fhir.format import TELLERS, FhirFormat
from ecluse.adapters.connectors.files.format import CARRIED, UNKNOWN, Fact, Seen, Unread


@dataclass
class Account:
    """What became of many files."""

    facts: Counter[str] = field(default_factory=Counter)
    resources: dict[str, Counter[str]] = field(default_factory=dict)
    unread: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    def add(self, path: Path) -> None:
        with path.open("rb") as stream:
            for told in FhirFormat().read(stream, name=path.name):
                if isinstance(told, Fact):
                    self.facts[told.kind] += 1
                elif isinstance(told, Unread):
                    self.unread.append((told.reason, dict(told.units)))
                elif "." not in told.unit and told.unit not in ("Bundle", "document"):
                    self.resources.setdefault(told.fate, Counter())[told.unit] += told.times

    @property
    def seen(self) -> Counter[str]:
        """Every resource, under whatever fate."""
        units = Counter({unit: 1 for _, units in self.unread for unit in units if unit != "element"})
        return sum(self.resources.values(), units)


def account(paths: list[Path]) -> Account:
    made = Account()
    for path in paths:
        made.add(path)
    return made


def resources(paths: list[Path]) -> Counter[str]:
    """Every resource but Bundles, counted by another road."""

    def within(resource: dict[str, object]) -> Iterator[str]:
        entries = resource.get("entry") if resource["resourceType"] == "Bundle" else resource.get("contained")
        if resource["resourceType"] != "Bundle":
            yield str(resource["resourceType"])
        for entry in entries or []:  # type: ignore[attr-defined]
            inside = entry.get("resource") if resource["resourceType"] == "Bundle" else entry
            if inside:
                yield from within(inside)

    return Counter(name for path in paths for name in within(json.loads(path.read_bytes())))


def test_every_example_of_the_specification_is_accounted_for(shared_data: Path) -> None:
    """Of the 78 R4 examples, every resource is told or counted; one report is refused, whose octets have not the hash it tells."""
    paths = sorted((shared_data / "fhir-r4-examples").glob("*.json"))
    told = account(paths)
    assert len(paths) == 78
    assert told.seen == resources(paths)
    assert told.unread == [("hash-differs", {"DiagnosticReport": 1, "element": 12})]
    assert dict(told.resources[CARRIED]) == {
        "Patient": 256, "Observation": 96, "ServiceRequest": 15, "Specimen": 10, "DiagnosticReport": 6,
    }  # fmt: skip
    assert dict(told.resources[UNKNOWN]) == {
        "ServiceRequest": 6, "Observation": 1, "Patient": 1, "Provenance": 1, "Condition": 1, "Substance": 1,
    }  # fmt: skip
    assert told.facts["patient"] == 256


def test_every_bundle_expected_of_hl7_converters_is_accounted_for(shared_data: Path) -> None:
    """Of 291 Bundles that others make of HL7 v2 messages, every resource of a kind that a laboratory keeps is told, and nothing is unread."""
    folder = shared_data / "hl7v2"
    paths = sorted([*folder.rglob("*.fhir"), *folder.rglob("*.json")])
    told = account(paths)
    assert (len(paths), told.unread) == (291, [])
    assert told.seen == resources(paths)
    left = {name: times for name, times in told.resources[UNKNOWN].items() if name in TELLERS}
    assert left == {"Patient": 4, "DiagnosticReport": 3}, "animals, and reports of other departments"
    assert dict(told.resources[CARRIED]) == {
        "Practitioner": 457, "Observation": 325, "Patient": 243, "Specimen": 225, "DiagnosticReport": 177, "ServiceRequest": 172,
        "PractitionerRole": 156, "ChargeItem": 9, "DocumentReference": 9,
    }  # fmt: skip


def test_a_result_of_the_specification_is_told_as_it_stands(shared_data: Path) -> None:
    """The glucose of the specification's example f001 keeps its digits, unit, range, flag and time, in the laboratory's civil time."""
    path = shared_data / "fhir-r4-examples" / "observation-example-f001-glucose.json"
    with path.open("rb") as stream:
        told = list(FhirFormat().read(stream, name="1"))
    (row,) = [it.row for it in told if isinstance(it, Fact) and it.kind == "result"]
    shown = {name: row[name] for name in ("id", "code", "value", "unit", "range_low", "range_high", "flag", "status", "validated_at")}  # fmt: skip
    assert shown == {
        "id": "f001", "code": "15074-8", "value": "6.3", "unit": "mmol/l", "range_low": "3.1", "range_high": "6.2", "flag": "H",
        "status": "validated", "validated_at": "2013-04-03 16:30:10",
    }  # fmt: skip
    assert any(isinstance(it, Seen) for it in told)
