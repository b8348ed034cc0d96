"""The contract of unfinished uploads (`ecluse.passage.uploads.Uploads`): run by the disk and by the memory fake alike; then what only a disk can do wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ecluse.adapters.uploads import DiskUploads
from ecluse.adapters.vaults import DiskVault
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.custody import Vault
from ecluse.passage.uploads import Progress, Uploads
from tests.ports.memory_uploads import MemoryUploads
from tests.sites import MemoryVault


@pytest.fixture(params=["disk", "memory"])
def uploads(request: pytest.FixtureRequest, tmp_path: Path) -> Uploads:
    return DiskUploads(tmp_path / "uploads") if request.param == "disk" else MemoryUploads()


@pytest.fixture(params=["disk", "memory"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    return DiskVault(tmp_path / "vault") if request.param == "disk" else MemoryVault()


def test_an_upload_goes_on_where_it_was_let_go(uploads: Uploads) -> None:
    """What was written before it was let go is there when it is opened again, with the length that was declared first."""
    assert (uploads.found("m", "a"), uploads.names("m"), uploads.folders()) == (None, [], [])
    upload = uploads.open("m", "a", length=7, fresh=False)
    upload.write(b"one")
    assert (upload.size, upload.length) == (3, 7)
    upload.close()
    assert uploads.found("m", "a") == Progress(3, 7)
    again = uploads.open("m", "a", length=None, fresh=False)
    assert (again.size, again.length) == (3, 7)
    again.write(b"")
    again.write(b"more")
    with again.read() as file:
        assert file.read() == b"onemore"
    again.close()
    assert (uploads.names("m"), uploads.folders()) == (["a"], ["m"])


def test_one_name_is_written_by_one_at_a_time(uploads: Uploads) -> None:
    """While an upload is open, another opening is a fault that says to wait; once let go it can be opened."""
    upload = uploads.open("m", "a", length=None, fresh=False)
    with pytest.raises(Fault, match="intake/busy") as caught:
        uploads.open("m", "a", length=None, fresh=True)
    assert caught.value.retry
    other = uploads.open("m", "b", length=None, fresh=False)
    other.close()
    upload.close()
    uploads.open("m", "a", length=None, fresh=False).close()


def test_another_length_is_another_file(uploads: Uploads) -> None:
    """A length that contradicts the one declared is refused; begun again from its start, the new one counts and the octets are gone."""
    upload = uploads.open("m", "a", length=7, fresh=False)
    upload.write(b"one")
    upload.close()
    with pytest.raises(Refusal, match="intake/length"):
        uploads.open("m", "a", length=8, fresh=False)
    fresh = uploads.open("m", "a", length=8, fresh=True)
    assert (fresh.size, fresh.length) == (0, 8)
    fresh.write(b"x")
    fresh.close()
    assert uploads.found("m", "a") == Progress(1, 8)
    assert uploads.names("m") == ["a"]


def test_what_is_whole_moves_into_the_vault(uploads: Uploads, vault: Vault) -> None:
    """Moved, it is in the vault with all its octets and is no upload any more; what stands there is never replaced."""
    for octets, name in ((b"first", "a.age"), (b"second", "b.age")):
        upload = uploads.open("m", name, length=None, fresh=False)
        upload.write(octets)
        upload.move("a.age" if name == "a.age" else "c.age", to=vault)
        upload.close()
    assert (uploads.names("m"), vault.names("m")) == ([], ["a.age", "c.age"])
    with vault.open("m", "c.age") as file:
        assert file.read() == b"second"
    upload = uploads.open("m", "a.age", length=None, fresh=False)
    upload.write(b"other")
    with pytest.raises(Refusal, match="vault/exists"):
        upload.move("a.age", to=vault)
    upload.close()
    assert uploads.names("m") == ["a.age"]
    with vault.open("m", "a.age") as file:
        assert file.read() == b"first"


def test_what_is_dropped_or_erased_is_gone(uploads: Uploads) -> None:
    """A dropped upload is gone and begins anew; erasing a folder takes all its uploads and no other's."""
    for folder, name in (("m", "a"), ("m", "b"), ("n", "a")):
        upload = uploads.open(folder, name, length=None, fresh=False)
        upload.write(b"x")
        upload.close()
    upload = uploads.open("m", "a", length=None, fresh=False)
    upload.drop()
    upload.close()
    assert uploads.names("m") == ["b"]
    assert uploads.open("m", "a", length=None, fresh=False).size == 0
    assert uploads.erase("m") == 2
    assert (uploads.folders(), uploads.erase("m")) == (["n"], 0)


# --- a disk ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", ".a", "a~1", "a" * 81, "a\n"])
def test_a_name_that_is_not_ours_is_refused(tmp_path: Path, name: str) -> None:
    """Only short names of our alphabet meet the file system, as a folder or as a file."""
    disk = DiskUploads(tmp_path / "uploads")
    for folder, file in ((name, "a"), ("m", name)):
        with pytest.raises(Refusal, match="vault/name"):
            disk.open(folder, file, length=None, fresh=False)
    for call in (disk.names, disk.erase):
        with pytest.raises(Refusal, match="vault/name"):
            call(name)


def test_nobody_else_can_read_it_and_no_link_is_followed(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600; a link laid in an upload's place is not written through, nor into the vault."""
    disk = DiskUploads(tmp_path / "uploads")
    disk.open("m", "a", length=None, fresh=False).close()
    places = [tmp_path / "uploads", tmp_path / "uploads" / "m", tmp_path / "uploads" / "m" / "a~"]
    assert [place.stat().st_mode & 0o777 for place in places] == [0o700, 0o700, 0o600]
    (tmp_path / "uploads" / "m" / "b~").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="b~"):
        disk.open("m", "b", length=None, fresh=False)
    assert not (tmp_path / "secret").exists()


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    """The lock is the system's: another process is told to wait, and a killed one leaves nothing locked."""
    disk = DiskUploads(tmp_path / "uploads")
    code = (
        "import sys,time; from pathlib import Path; from ecluse.adapters.uploads import DiskUploads\n"
        "upload = DiskUploads(Path(sys.argv[1])).open('m', 'a', length=None, fresh=False); upload.write(b'abc')\n"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "uploads")], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Fault, match="intake/busy"):
            disk.open("m", "a", length=None, fresh=False)
        other.kill()
    upload = disk.open("m", "a", length=None, fresh=False)
    assert upload.size == 3
    upload.close()


def test_what_was_dropped_while_held_is_begun_anew(tmp_path: Path) -> None:
    """A dropped file that is still open elsewhere is not written into: its octets would be nowhere."""
    disk = DiskUploads(tmp_path / "uploads")
    held = disk.open("m", "a", length=None, fresh=False)
    held.drop()
    again = disk.open("m", "a", length=None, fresh=False)
    again.write(b"x")
    held.close()
    again.close()
    assert disk.found("m", "a") == Progress(1, None)


def test_a_full_disk_is_a_fault_and_loses_nothing(tmp_path: Path) -> None:
    """When there is no room the fault says so, what came before is there, and the upload goes on once there is room."""
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (told.stdout, told.stderr) == ("vault/disk-full True 100000\n", "")
    upload = DiskUploads(tmp_path).open("m", "a", length=None, fresh=False)
    assert upload.size == 100_000
    upload.close()


FULL = """
import resource, signal, sys
from pathlib import Path
from ecluse.adapters.uploads import DiskUploads
from ecluse.base.refusal import Fault
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
upload = DiskUploads(Path(sys.argv[1])).open("m", "a", length=None, fresh=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    for _ in range(3):
        upload.write(bytes(70_000))
except Fault as fault:
    print(fault.code, fault.retry, upload.size)
"""


def test_uploads_of_another_disk_are_copied(tmp_path: Path) -> None:
    """Where a link cannot reach the vault, the file is carried there as from anywhere else."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("a second file system: /dev/shm is absent")
    disk, vault = DiskUploads(other / f"ecluse-{os.getpid()}"), DiskVault(tmp_path / "vault")
    upload = disk.open("m", "a", length=None, fresh=False)
    upload.write(b"whole")
    upload.move("a", to=vault)
    upload.close()
    disk.erase("m")
    (other / f"ecluse-{os.getpid()}").rmdir()
    assert vault.names("m") == ["a"]
