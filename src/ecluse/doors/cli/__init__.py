"""The command line: `ecluse`. Each verb parses, calls one verb below, and renders; it decides nothing.

app.py       the tree of verbs              door.py      language, help, and how a command ends
options.py   options that many verbs share  speak.py     everything that is printed
place.py     the workspace, the person, the secrets that a verb is given
sites.py contracts.py mappings.py recipients.py instructions.py lamps.py passage.py evidence.py machine.py    the verbs
"""

from __future__ import annotations

from ecluse.doors.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """The program's entry."""
    app()
