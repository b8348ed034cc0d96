"""Any order of SFTP verbs, on any names: what the door shows and keeps is what a small model says, and nothing is ever on the disk beside it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ecluse.doors.sftp.admitted import Admitted
from ecluse.doors.sftp.files import Files
from ecluse.doors.sftp.tree import Tree
from ecluse.passage.blind import final_name
from tests.chambers import MIGRATION, SENT, awaiting

OWN = ["part-0001.age", "part-0002.age"]
NAMES = [*OWN, *(f"{name}.filepart" for name in OWN)]
STRANGE = [
    "",
    ".",
    "..",
    "../..",
    "part-0003.exe",
    "/",
    "a/b/c",
    "\0",
    "part-0001.age/x",
    "..part-0001.age",
    "é",
    "x" * 300,
]
FLAGS = [
    FXF_WRITE,
    FXF_WRITE | FXF_CREAT,
    FXF_WRITE | FXF_CREAT | FXF_TRUNC,
    FXF_WRITE | FXF_CREAT | FXF_APPEND,
    FXF_WRITE | FXF_CREAT | FXF_EXCL,
]
paths = st.sampled_from([f"/{MIGRATION}/{name}" for name in NAMES])
strange = st.sampled_from(
    [f"{before}{name}" for before in ("", "/", f"/{MIGRATION}/", f"/m-x/../{MIGRATION}/") for name in STRANGE]
)


class Channel:
    """As much of a channel as a session asks for."""

    def is_closing(self) -> bool:
        return False


class Sessions(RuleBasedStateMachine):
    """One account that sends. The model: unfinished octets by name, kept octets by name, and what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.TemporaryDirectory(prefix="ecluse-")
        self.waiting = awaiting(Path(self.home.name))
        tree = Tree(Admitted("p-00e1", ("labo-a",), sends=True), lambda _: self.waiting.intake)
        self.files: Any = Files(
            Channel(), tree, said=SENT, wait=lambda _: 0.0, over=lambda _: None, language="en"
        )  # type: ignore[arg-type]
        self.going: dict[str, bytes] = {}
        self.kept: dict[str, bytes] = {}
        self.handle: Any = None
        self.name = ""
        self.at_end = False
        self.loop = asyncio.new_event_loop()

    def teardown(self) -> None:
        if self.handle is not None:
            self._do(self.files.close(self.handle))
        self.loop.close()
        self.home.cleanup()

    def _do(self, verb: Any) -> Any:
        """What the verb gives, or the error that a client would be told."""
        try:
            return self.loop.run_until_complete(verb)
        except asyncssh.SFTPError as error:
            return error

    @rule(path=paths, flags=st.sampled_from(FLAGS))
    def open(self, path: str, flags: int) -> None:
        name = path.rpartition("/")[2]
        known = name in self.going or name in self.kept
        busy = self.handle is not None and final_name(self.name) == final_name(name)
        got = self._do(self.files.open(path.encode(), flags, asyncssh.SFTPAttrs()))
        if (not known and not flags & FXF_CREAT) or (known and flags & FXF_EXCL) or busy:
            assert isinstance(got, asyncssh.SFTPError)
            return
        if flags & FXF_TRUNC:
            self.going[name] = b""
        self.going.setdefault(name, b"")
        if self.handle is not None:  # this client holds one file; another is let go as it was
            self._do(self.files.close(self.handle))
            self._closed()
        self.handle, self.name, self.at_end = got, name, bool(flags & FXF_APPEND)

    @precondition(lambda self: self.handle is not None)
    @rule(size=st.sampled_from([1, 30_000, 10**9]))
    def write(self, size: int) -> None:
        """The next octets of the true file."""
        whole, came = self.waiting.files[final_name(self.name)], self.going[self.name]
        octets = whole[len(came) : len(came) + size]
        if octets:
            assert self._do(self.files.write(self.handle, len(came), octets)) == len(octets)
            self.going[self.name] = came + octets

    @precondition(lambda self: self.handle is not None)
    @rule(offset=st.integers(0, 1 << 40))
    def write_elsewhere(self, offset: int) -> None:
        """Octets before its end change nothing; octets far beyond it wait for those between, which never come."""
        came = self.going[self.name]
        if offset < len(came) and not self.at_end:
            assert isinstance(self._do(self.files.write(self.handle, offset, b"x")), asyncssh.SFTPError)
            self._do(self.files.close(self.handle))
            self.handle = None

    @precondition(lambda self: self.handle is not None)
    @rule()
    def close(self) -> None:
        self._do(self.files.close(self.handle))
        self._closed()

    def _closed(self) -> None:
        self.handle = None
        if self.name in OWN and self.going[self.name] == self.waiting.files[self.name]:
            self.kept[self.name] = self.going.pop(self.name)

    @rule(old=paths, new=paths)
    def rename(self, old: str, new: str) -> None:
        source, target = old.rpartition("/")[2], new.rpartition("/")[2]
        got = self._do(self.files.rename(old.encode(), new.encode()))
        held = self.handle is not None and final_name(self.name) == target
        if source in self.going and source not in OWN and final_name(source) == target and not held:
            whole = self.going[source] == self.waiting.files[target]
            assert (got is None) == whole
            if whole:
                self.kept[target] = self.going.pop(source)
        elif (
            source not in self.going
            and source not in OWN
            and final_name(source) == target
            and target in self.kept
        ):
            assert got is None  # as if the exchange had finished it meanwhile
        else:
            assert isinstance(got, asyncssh.SFTPError)

    @rule(path=paths)
    def remove(self, path: str) -> None:
        name = path.rpartition("/")[2]
        got = self._do(self.files.remove(path.encode()))
        if name in self.going and not (self.handle is not None and final_name(self.name) == final_name(name)):
            assert got is None
            del self.going[name]
        else:
            assert isinstance(got, asyncssh.SFTPError)

    @rule(
        path=strange, verb=st.sampled_from(["open", "read", "remove", "rename", "stat", "mkdir", "symlink"])
    )
    def strange(self, path: str, verb: str) -> None:
        """Names that are none: nothing is made, nothing is given."""
        octets, part = path.encode(), f"/{MIGRATION}/{OWN[0]}".encode()
        said = {
            "open": lambda: self.files.open(octets, FXF_WRITE | FXF_CREAT, asyncssh.SFTPAttrs()),
            "read": lambda: self.files.open(octets, FXF_READ, asyncssh.SFTPAttrs()),
            "remove": lambda: self.files.remove(octets),
            "rename": lambda: self.files.rename(octets, part),
            "stat": lambda: self.files.stat(octets),
            "mkdir": lambda: self.files.mkdir(octets, asyncssh.SFTPAttrs()),
            "symlink": lambda: self.files.symlink(part, octets),
        }
        got = self._do(said[verb]())
        folder = (
            isinstance(got, asyncssh.SFTPAttrs) and got.permissions is not None and got.permissions & 0o040000
        )
        assert isinstance(got, asyncssh.SFTPError) or folder or (verb == "mkdir" and got is None)

    @invariant()
    def what_is_shown_is_what_is_there(self) -> None:
        async def listed(path: bytes) -> dict[str, int]:
            return {
                it.filename.decode(): it.attrs.size
                async for it in self.files.scandir(path)
                if it.filename not in (b".", b"..")
            }

        shown = self.loop.run_until_complete(listed(f"/{MIGRATION}".encode()))
        sizes = {name: len(octets) for name, octets in self.going.items()} | {
            name: len(octets) for name, octets in self.kept.items()
        }
        assert shown == sizes
        assert self.loop.run_until_complete(listed(b"/..//.")) == {MIGRATION: 0}
        held = {file.name for file in Path(self.home.name).rglob("*") if file.is_file()}
        assert held == {*self.kept, *(f"{name}~" for name in self.going)}


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
