#!/bin/sh
# Makes a virtual environment: `house/venv.sh PYTHON FOLDER`. Says what to install where Python or its venv is missing; installs nothing else.
set -eu
python=$1
folder=$2

stop() {
    printf '\n%s\n%s\n\n' "$1" "  do: $2" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 ||
    stop "Écluse needs Python 3.11 or later; '$python' was not found." "apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "Écluse needs Python 3.11 or later; '$python' is $("$python" -V 2>&1)." "make PYTHON=python3.12 ... (a later one, if installed)"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    stop "This Python has no venv: Debian keeps it apart." "apt-get install python3-venv"

echo "Making $folder"
if ! said=$("$python" -m venv --clear "$folder" 2>&1); then
    rm -rf "$folder"
    printf '%s\n' "$said" >&2
    stop "The virtual environment could not be made." "apt-get install python3-venv, then try again"
fi
