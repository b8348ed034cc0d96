"""A folder of FHIR resources given a code map: the mapped code stands beside the local one, and what is read back is what was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ecluse.adapters.connectors.fhir.address import parse_folder
from ecluse.adapters.connectors.fhir.exact import row_of
from ecluse.adapters.connectors.fhir.write import FhirTarget
from ecluse.passage.code_map import Coded
from ecluse.passage.load import Mark
from ecluse.terms.code_map import CodeMap
from tests.unit.connectors.fhir_rows import ROWS, whole

MAP = CodeMap(
    {
        ("test", "NA", "mmol/L"): ("loinc", "2951-2"),
        ("test", "CRP", "µg/L"): ("loinc", "1988-5"),
        ("test", "HIV 1", ""): ("loinc", "56888-1"),
        ("act", "0552", ""): ("nabm", "0552"),
    }
)


def written(folder: Path, known: CodeMap | None) -> dict[str, dict[str, Any]]:
    """The small patient in a folder, by kind and id; with a code map, or without."""
    target = FhirTarget(parse_folder(f"fhir+file://{folder}"))
    assert isinstance(target, Coded)
    if known is not None:
        target.use_code_map(known)
    for part, kind in enumerate(ROWS, start=1):
        target.write([whole(kind)], mark=Mark("m", part, kind, len(ROWS[kind])))
    found: dict[str, dict[str, Any]] = {}
    for kind in ("result", "invoice"):
        for file in folder.glob(f"*.{kind}.*.ndjson"):
            for line in file.read_text("utf-8").splitlines():
                resource = json.loads(line)
                found[str(row_of(kind, resource)["id"])] = resource
    return found


def codes(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["system"].rpartition("/")[2], one["code"]) for one in resource["code"].get("coding", [])]


def test_the_mapped_code_stands_after_the_local_one(tmp_path: Path) -> None:
    """A result has LOINC beside its local code, in its own unit only; an act already of the NABM is not said twice; without a map, nothing is added."""
    found = written(tmp_path / "coded", MAP)
    assert codes(found["R1"]) == [("local-test", "NA"), ("loinc.org", "2951-2")]
    assert codes(found["R2"]) == [("local-test", "CRP")]
    assert [code for _, code in codes(found["F1"])] == ["0552"]
    plain = written(tmp_path / "plain", None)
    assert codes(plain["R1"]) == [("local-test", "NA")]


def test_what_is_read_back_is_the_local_code(tmp_path: Path) -> None:
    """With or without codings the same record is read back, even where the local code is one that FHIR cannot say."""
    coded, plain = written(tmp_path / "coded", MAP), written(tmp_path / "plain", None)
    assert coded.keys() == plain.keys()
    for name in ("R1", "R2", "R3", "R4", "R5"):
        assert row_of("result", coded[name]) == row_of("result", plain[name])
    assert row_of("result", coded["R3"])["code"] == "HIV 1"
    assert ("loinc.org", "56888-1") in codes(coded["R3"])
    assert row_of("invoice", coded["F1"]) == row_of("invoice", plain["F1"])
