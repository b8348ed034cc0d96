"""What the door's tests start from: a workspace in which everything is made and nothing is signed, and a way to type commands in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ecluse.doors.cli import app


@dataclass
class Desk:
    """One workspace at which commands are typed; `people` gives ids by part, `printed` all that was ever printed."""

    home: Path
    people: dict[str, str]
    printed: list[str] = field(default_factory=list)

    def type(self, *words: str, code: int = 0, language: str = "fr", told: str | None = None) -> Any:
        """Type one command and see its exit code; the result, with `stdout` and `stderr`."""
        result = CliRunner().invoke(
            app, ["--home", str(self.home), "--language", language, *words], input=told
        )
        self.printed += [result.stdout, result.stderr]
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return result

    def json(self, *words: str, code: int = 0) -> dict[str, Any]:
        """Type one command with --json; its object."""
        found: dict[str, Any] = json.loads(self.type(*words, "--json", code=code).stdout)
        return found

    def by(self, part: str) -> tuple[str, ...]:
        """The options by which a person acts."""
        return ("--as", self.people[part], "--passphrase-file", str(self.home / "passphrase.txt"))

    def file(self, name: str) -> str:
        """A file of the workspace, as it is typed."""
        return str(self.home / name)

    def sign_all(self) -> dict[str, Any]:
        """Everything up to four lit lamps; the recipient's certificate as `recipient new` told it."""
        for part in ("biologist", "representative"):
            self.type("agreement", "sign", self.file("agreement.toml"), *self.by(part))
        self.type("codes", "sign", self.file("codes.toml"), *self.by("biologist"))
        made = self.json("recipient", "new", "essai", "--passphrase-file", self.file("passphrase.txt"))
        self.type(
            "recipient",
            "compare",
            made["certificate"],
            "--fingerprint",
            made["fingerprint"],
            *self.by("biologist"),
        )
        self.draft()
        self.type("instruction", "sign", self.file("instruction.toml"), *self.by("biologist"))
        return made

    def draft(self) -> None:
        """An instruction over five of the six years."""
        self.type(
            "instruction", "draft", self.file("instruction.toml"), "--id", "essai-1", "--purpose", "Reprendre les dossiers avant l'arrêt.",
            "--from", "2016-01-01", "--to", "2020-12-31", "--person", "Noa Marchand", "--organisation", "Kalibio SAS",
        )  # fmt: skip


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The workspace as `ecluse demo --hands-on` leaves it, made once."""
    home = tmp_path_factory.mktemp("door") / "essai"
    result = CliRunner().invoke(
        app, ["demo", str(home), "--patients", "40", "--seed", "5", "--hands-on", "--json"]
    )
    assert result.exit_code == 0, result.stderr
    return Desk(home, json.loads(result.stdout)["kinds"])


@pytest.fixture
def desk(prepared: Desk, tmp_path: Path) -> Desk:
    """A copy of that workspace for one test."""
    home = tmp_path / "essai"
    shutil.copytree(prepared.home, home)
    settings = home / "ecluse.toml"
    settings.write_text(settings.read_text("utf-8").replace(str(prepared.home), str(home)), "utf-8")
    return Desk(home, prepared.people)
