"""The contract of a vault (`ecluse.passage.custody.Vault`): run by the disk, by an S3 server that keeps versions, by one that
keeps none, and by the memory fake alike; then what only a disk can do wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from ecluse.adapters.documents import DocumentFolder
from ecluse.adapters.objects.vault import ObjectVault
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault, carry, digest_of, size_of
from tests.object_servers import ObjectServer
from tests.sites import MemoryVault


@pytest.fixture(params=["disk", "memory", "versions", "objects"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    if request.param in ("versions", "objects"):
        server: ObjectServer = request.getfixturevalue("object_server")
        return ObjectVault(server.bucket(versioned=request.param == "versions"), prefix="labo-a")
    return DiskVault(tmp_path / "vault") if request.param == "disk" else MemoryVault()


def test_what_is_put_is_there(vault: Vault) -> None:
    """A file's octets come back as they were given, cut anywhere; its size is told; names and folders are sorted."""
    assert vault.put("m-1", "part-0002.age", [b"ab", b"", b"c"]) == 3
    assert vault.put("m-1", "part-0001.age", []) == 0
    assert vault.put("m-0", "part-0001.age", [bytes(range(256)) * 5000]) == 1_280_000
    assert vault.names("m-1") == ["part-0001.age", "part-0002.age"]
    assert vault.folders() == ["m-0", "m-1"]
    with vault.open("m-1", "part-0002.age") as file:
        assert file.read() == b"abc"
    with vault.open("m-0", "part-0001.age") as file:  # who was cut goes on where they were
        assert (file.seek(1_279_998), file.read(), file.seek(1), file.read(2)) == (
            1_279_998,
            b"\xfe\xff",
            1,
            b"\1\2",
        )
    assert size_of(vault, "m-0", "part-0001.age") == 1_280_000
    assert digest_of(vault, "m-1", "part-0001.age") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        0,
    )


def test_what_is_there_is_never_replaced(vault: Vault) -> None:
    """A second file of one name is refused, and the first one stays."""
    vault.put("m", "a.age", [b"first"])
    with pytest.raises(Refusal, match="vault/exists"):
        vault.put("m", "a.age", [b"second"])
    with vault.open("m", "a.age") as file:
        assert file.read() == b"first"


def test_what_is_not_there_is_said(vault: Vault) -> None:
    """A file or folder that is absent is a refusal to open, no names, and nothing to erase."""
    with pytest.raises(Refusal, match="vault/absent"):
        vault.open("m", "a.age")
    assert (vault.names("m"), vault.folders(), vault.erase("m")) == ([], [], 0)


def test_a_file_that_breaks_while_it_comes_is_not_kept(vault: Vault) -> None:
    """When its origin fails in the middle, nothing of the file is there, and it can be put again."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise Fault("vault/unreadable")

    with pytest.raises(Fault, match="vault/unreadable"):
        vault.put("m", "a.age", broken())
    assert vault.names("m") == []
    vault.put("m", "a.age", [b"whole"])
    assert vault.names("m") == ["a.age"]


def test_an_erased_folder_is_gone(vault: Vault) -> None:
    """All its files go, are counted, and the other folders stay."""
    for name in ("a", "b"):
        vault.put("m", name, [b"x"])
    vault.put("n", "a", [b"x"])
    assert vault.erase("m") == 2
    assert (vault.names("m"), vault.folders()) == ([], ["n"])
    assert vault.erase("m") == 0


def test_a_parcel_is_carried_once_whatever_interrupts(vault: Vault) -> None:
    """Carried again, what is there with the same content is left; with another content it is refused."""
    origin = MemoryVault()
    for name in ("a", "b", "c"):
        origin.put("m", name, [name.encode() * 10])
    vault.put("m", "a", [b"a" * 10])
    assert carry("m", names=["a", "b"], origin=origin, to=vault) == 10
    assert carry("m", names=["a", "b", "c"], origin=origin, to=vault) == 10
    assert carry("m", names=["a", "b", "c"], origin=origin, to=vault) == 0
    origin.held["m"]["b"] = b"another"
    with pytest.raises(Refusal, match="vault/exists"):
        carry("m", names=["b"], origin=origin, to=vault)
    with pytest.raises(Refusal, match="vault/absent"):
        carry("m", names=["d"], origin=origin, to=vault)


class Telling(MemoryVault):
    """A vault of another machine: it tells a file's digest, and is not asked for its octets."""

    def digest(self, folder: str, name: str) -> tuple[str, int]:
        return digest_of(super(), folder, name)  # type: ignore[arg-type]

    def open(self, folder: str, name: str) -> BinaryIO:
        raise AssertionError("asked for what it can tell")


def test_what_another_machine_holds_already_is_not_fetched_to_be_compared() -> None:
    """Carried again to a vault that tells digests, what is there with the same content is left, without one octet being read back."""
    origin, far = MemoryVault(), Telling()
    for name in ("a", "b"):
        origin.put("m", name, [name.encode() * 10])
    far.put("m", "a", [b"a" * 10])
    assert carry("m", names=["a", "b"], origin=origin, to=far) == 10
    far.held["m"]["b"] = b"another"
    with pytest.raises(Refusal, match="vault/exists"):
        carry("m", names=["b"], origin=origin, to=far)


# --- a disk ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "A",
        "a b",
        ".hidden",
        "-x",
        "a" * 81,
        "é",
        "a\x00",
        "a\n",
        "%2e%2e",
    ],
)
def test_a_name_that_is_not_ours_is_refused(tmp_path: Path, name: str) -> None:
    """Only Écluse's own names meet the file system: as a folder or as a file, all else is refused before any path is built."""
    disk = DiskVault(tmp_path / "vault")
    for folder, file in ((name, "a"), ("m", name)):
        with pytest.raises(Refusal, match="vault/name"):
            disk.put(folder, file, [b"x"])
        with pytest.raises(Refusal, match="vault/name"):
            disk.open(folder, file)
    with pytest.raises(Refusal, match="vault/name"):
        disk.names(name)
    with pytest.raises(Refusal, match="vault/name"):
        disk.erase(name)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600."""
    DiskVault(tmp_path / "vault").put("m", "a", [b"x"])
    modes = {
        path.name: path.stat().st_mode & 0o777
        for path in (tmp_path / "vault", tmp_path / "vault" / "m", tmp_path / "vault" / "m" / "a")
    }
    assert modes == {"vault": 0o700, "m": 0o700, "a": 0o600}


def test_no_link_is_followed(tmp_path: Path) -> None:
    """A link laid in a vault is neither read through nor written through, and erasing removes the link alone."""
    disk = DiskVault(tmp_path / "vault")
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    disk.put("m", "a", [b"x"])
    (tmp_path / "vault" / "m" / "b").symlink_to(secret)
    (tmp_path / "vault" / "m" / ".c.partial").symlink_to(secret)
    with pytest.raises(OSError, match="b"):
        disk.open("m", "b")
    with pytest.raises(Refusal, match="vault/exists"):
        disk.put("m", "b", [b"y"])
    disk.put("m", "c", [b"z"])
    disk.erase("m")
    assert secret.read_bytes() == b"secret"


def test_what_a_killed_write_left_is_not_a_file(tmp_path: Path) -> None:
    """A half-written file of a killed run is neither listed nor in the way, and goes with its folder."""
    disk = DiskVault(tmp_path / "vault")
    disk.put("m", "a", [b"x"])
    left = tmp_path / "vault" / "m" / ".b.partial"
    left.write_bytes(b"half")
    assert disk.names("m") == ["a"]
    assert disk.put("m", "b", [b"whole"]) == 5
    left.write_bytes(b"half")
    disk.erase("m")
    assert disk.folders() == []


def test_a_full_disk_is_a_fault_and_leaves_nothing(tmp_path: Path) -> None:
    """When there is no room for a file the fault says so, nothing of it is left, and the same command can be run again."""
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "vault")], capture_output=True, text=True, check=False
    )
    assert (told.stdout, told.stderr) == ("vault/disk-full True []\n", "")


def test_a_full_disk_under_the_documents_is_a_fault_too(tmp_path: Path) -> None:
    """When there is no room for a signed document the fault says so, what stood there stands, and nothing half written is left."""
    documents = DocumentFolder(tmp_path / "documents")
    digest = "sha256:" + "0" * 64
    documents.put(b"signed once", digest=digest)
    told = subprocess.run(
        [sys.executable, "-c", FULL_DOCUMENTS, str(tmp_path / "documents"), digest],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.stdout, told.stderr) == ("vault/disk-full True\n", "")
    assert documents.get(digest) == b"signed once"
    assert len(list((tmp_path / "documents").iterdir())) == 1


FULL_DOCUMENTS = """
import resource, signal, sys
from pathlib import Path
from ecluse.adapters.documents import DocumentFolder
from ecluse.base.refusal import Fault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
documents = DocumentFolder(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    documents.put(bytes(20_000), digest=sys.argv[2])
except Fault as fault:
    print(fault.code, fault.retry)
"""


FULL = """
import resource, signal, sys
from pathlib import Path
from typing import BinaryIO
from ecluse.adapters.objects.vault import ObjectVault
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
vault = DiskVault(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    vault.put("m", "a.age", [bytes(70_000)] * 3)
except Fault as fault:
    print(fault.code, fault.retry, [path.name for path in (Path(sys.argv[1]) / "m").iterdir()])
"""
