"""What a verb is given: the workspace, the person who acts, the secrets they hold, the document or migration they mean.

Decides that a secret comes from a file of its owner's or from a terminal, never from an argument or the environment, and that nothing is guessed where
two things could be meant. It opens folders through wiring; every rule it meets is theirs.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import typer

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.speak import Voice
from ecluse.wiring.settings import read_settings

if TYPE_CHECKING:
    from ecluse.passage.site import Site
    from ecluse.proof.keys import SigningKey
    from ecluse.wiring.workspace import Workspace

__all__ = [
    "Here",
    "here",
    "new_passphrase",
    "octets_of",
    "passphrase",
    "typed",
    "typed_line",
    "write_new",
    "write_private",
]

SHORTEST: Final = 12
"""Characters of a new passphrase."""


@dataclass(frozen=True, slots=True)
class Here:
    """Where a command runs and how it speaks. `dump`: the full dump given in place of the source system, "-" for standard input."""

    home: Path
    voice: Voice
    dump: Path | None = None

    @contextmanager
    def opened_dump(self) -> Iterator[BinaryIO | None]:
        """The dump, read once from a file or a pipe; None when the source system itself is read. Raises Refusal `door/file-absent`."""
        if self.dump is None:
            yield None
        elif str(self.dump) == "-":
            yield sys.stdin.buffer
        elif not self.dump.is_file():
            raise Refusal("door/file-absent", where=self.dump.name)
        else:
            with self.dump.open("rb") as file:
                yield file

    @property
    def workspace(self) -> Workspace:
        """The workspace. Raises Refusal `settings/absent`, `settings/malformed`."""
        from ecluse.wiring.workspace import Workspace

        return Workspace(read_settings(self.home))

    def acting(self, person: str, file: Path | None) -> SigningKey:
        """The person's own key, opened with their passphrase: so that no act is ever in another's name.

        Raises Refusal `people/unknown`, `key/wrong-passphrase`, `door/no-passphrase`.
        """
        workspace = self.workspace
        folders = [workspace.folder("source"), workspace.folder("target")]
        for folder in folders:
            if (folder.path / "people" / f"{person}.age").is_file():
                return folder.unlock_person(person, passphrase(self.voice, file, whose=person))
        raise Refusal("people/unknown", where=" / ".join(folder.name for folder in folders), got=person)

    def document(self, site: Site, given: str) -> str:
        """The digest of the instruction meant: by a file, its id, or its digest, whole or its first digits. Raises Refusal `door/which-document`."""
        from ecluse.passage.lock import instruction_named
        from ecluse.proof.sign import digest

        if Path(given).is_file():
            return digest(octets_of(Path(given)))
        if meant := instruction_named(site, given):
            return meant
        if len(given) == len(digest(b"")) and given.startswith("sha256:"):  # signed by some, not yet by all
            site.documents.get(given)
            return given
        raise Refusal("door/which-document", got=given)

    def migration(self, site: Site, given: str) -> str:
        """The migration that is meant: the one named, else the only one not over. Raises Refusal `migration/which`."""
        from ecluse.wiring.course import migration_of

        return migration_of(site, given)


def here(ctx: typer.Context, *, json: bool = False, dump: Path | None = None) -> Here:
    """Where this command runs, as the outer command noted it."""
    home, language = ctx.obj
    return Here(home, Voice(language=language, json=json), dump)


def passphrase(voice: Voice, file: Path | None, *, whose: str, option: str = "--passphrase-file") -> str:
    """A passphrase: the first line of a file that only its owner reads, else asked for on the terminal."""
    if file is not None:
        octets_of(file)
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Refusal("door/passphrase-file-open", where=file.name, got=f"{mode:04o}")
        return (file.read_text("utf-8").splitlines() or [""])[0]
    if not sys.stdin.isatty():
        raise Refusal("door/no-passphrase", option=option)
    return str(typer.prompt(voice.phrase("ask_passphrase", whose=whose), hide_input=True, err=True))


def new_passphrase(voice: Voice, file: Path | None, *, whose: str, option: str = "--passphrase-file") -> str:
    """A passphrase being chosen: long enough, and on a terminal typed twice."""
    chosen = passphrase(voice, file, whose=whose, option=option)
    if len(chosen) < SHORTEST:
        raise Refusal("door/passphrase-short", got=len(chosen), expected=SHORTEST)
    if file is None and typer.prompt(voice.phrase("ask_again"), hide_input=True, err=True) != chosen:
        raise Refusal("door/passphrases-differ")
    return chosen


def typed(voice: Voice, key: str, *, hidden: bool = False) -> str:
    """What a person types on the terminal, or what standard input holds where there is none."""
    if not sys.stdin.isatty():
        return sys.stdin.read()
    return str(typer.prompt(voice.phrase(key), hide_input=hidden, err=True))


def typed_line(voice: Voice, key: str) -> str:
    """One line that a person types, or the next line of standard input; nothing where it has ended."""
    if sys.stdin.isatty():
        return str(typer.prompt(voice.phrase(key), default="", show_default=False, err=True))
    return sys.stdin.readline()


def octets_of(file: Path) -> bytes:
    """A file's exact bytes. Raises Refusal `door/file-absent`."""
    try:
        return file.read_bytes()
    except OSError:
        raise Refusal("door/file-absent", where=file.name) from None


def write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet. Raises Refusal `door/file-exists`."""
    if file.exists():
        raise Refusal("door/file-exists", where=file.name)
    file.write_text(text, "utf-8")


def write_private(file: Path, text: str) -> None:
    """Write a new file that only its owner can read, from its first octet on. Raises Refusal `door/file-exists`."""
    if file.exists():
        raise Refusal("door/file-exists", where=file.name)
    file.touch(mode=0o600)
    file.write_text(text, "utf-8")
