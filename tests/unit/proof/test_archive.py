"""The archive's manifest and layout, its tar, and the classic recipient it may be sealed to."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ecluse.base.refusal import Refusal
from ecluse.proof import bech32
from ecluse.proof.archive import BOUND, NAMES, ArchiveManifest, File, check_layout, is_archive
from ecluse.proof.canonical import canonical_json
from ecluse.proof.classic import ClassicRecipient, archive_recipients
from ecluse.proof.seal import seal
from ecluse.proof.tar import Entry, Taken, entry, tarred, untarred
from ecluse.proof.unseal import ClassicIdentity, new_identity, unseal

MANIFEST = ArchiveManifest(
    migration="m-1",
    instruction="sha256:" + "1" * 64,
    reconciliation="sha256:" + "2" * 64,
    at="2026-11-23T10:00:00+00:00",
    by="p-1",
    tool="ecluse 1",
    format="fhir",
    sums="3" * 64,
    inside=4,
    documents=1,
    records={"result": 2},
    recipients=("age1x",),
    files={name: File(1, "4" * 64) for name in BOUND},
)


def code_of(call: Any) -> str:
    """The code of the refusal that a call raises."""
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.code


def test_a_manifest_reads_back_as_it_was_written() -> None:
    """What is decoded is what was encoded."""
    assert ArchiveManifest.decode(MANIFEST.encode()) == MANIFEST


@pytest.mark.parametrize(
    "change",
    [
        {"archive": 2}, {"more": 1}, {"at": 3}, {"inside": "4"}, {"records": {"result": -1}}, {"records": {"result": True}},
        {"recipients": [1]}, {"files": {}}, {"files": {name: {"octets": 1, "sha256": "short"} for name in BOUND}},
        {"files": {name: {"octets": 1, "sha256": "4" * 64, "x": 1} for name in BOUND}}, {"inside": True}, {"documents": -1},
    ],
)  # fmt: skip
def test_a_manifest_of_another_form_is_refused(change: dict[str, Any]) -> None:
    """A field more or less, a value of another kind, a digest that is none: refused."""
    content = json.loads(MANIFEST.encode()) | change
    assert code_of(lambda: ArchiveManifest.decode(canonical_json(content))) == "archive/manifest-malformed"


def test_the_layout_is_four_plain_files(tmp_path: Path) -> None:
    """All four and no other, none a link or a folder."""
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "absent")
    for name in NAMES:
        (tmp_path / name).write_bytes(b"")
    assert is_archive(tmp_path)
    check_layout(tmp_path)
    (tmp_path / "more").mkdir()
    assert code_of(lambda: check_layout(tmp_path)) == "archive/layout"
    (tmp_path / "more").rmdir()
    (tmp_path / BOUND[0]).unlink()
    (tmp_path / BOUND[0]).symlink_to(tmp_path / BOUND[1])
    assert code_of(lambda: check_layout(tmp_path)) == "archive/layout"


# --- the tar -----------------------------------------------------------------------------------------------------------


def packed(*entries: Entry, told: list[Taken] | None = None) -> bytes:
    """The octets of a tar of these."""
    taken: list[Taken] = [] if told is None else told
    return b"".join(tarred(entries, folder="archive", told=taken.append))


def read(octets: bytes) -> dict[str, bytes]:
    """The files of a tar, given in small pieces."""
    pieces = (octets[at : at + 700] for at in range(0, len(octets), 700))
    return {name: b"".join(content) for name, content in untarred(pieces, folder="archive")}


def test_what_is_put_in_a_tar_is_read_back_and_by_others() -> None:
    """Empty, odd and large files read back, by Python's own tar too, and each is told with its sum."""
    files = {"a.txt": b"", "b/c.bin": b"x" * 513, "d/e/f.bin": bytes(range(256)) * 700}
    told: list[Taken] = []
    octets = packed(*(entry(name, content) for name, content in files.items()), told=told)
    assert read(octets) == files
    with tarfile.open(fileobj=io.BytesIO(octets)) as opened:
        assert opened.getnames() == [f"archive/{name}" for name in files]
    assert [(it.name, it.size) for it in told] == [(name, len(content)) for name, content in files.items()]


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", ".hidden", "a/../b", "é", ""])
def test_a_name_that_could_lead_elsewhere_is_not_put_in(name: str) -> None:
    """Nothing but safe letters, below the folder."""
    assert code_of(lambda: packed(entry(name, b""))) == "archive/tar-malformed"


def test_a_file_of_another_length_than_announced_is_refused() -> None:
    """A file that grew or shrank while it was put in makes no tar."""
    assert code_of(lambda: packed(Entry("a", 3, lambda: (b"ab",)))) == "archive/file-changed"


def foreign(**about: Any) -> bytes:
    """A tar by other hands with one entry."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as made:
        head = tarfile.TarInfo(about.pop("name", "archive/a"))
        for what, value in about.items():
            setattr(head, what, value)
        made.addfile(head)
    return out.getvalue()


@pytest.mark.parametrize(
    "octets",
    [
        foreign(name="other/a"), foreign(name="archive/../a"), foreign(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        foreign(type=tarfile.DIRTYPE), b"x" * 2048, packed(entry("a", b"x" * 5000))[:3000], packed(entry("a", b"")) + b"x" * 512,
        packed(entry("a", b"")) + b"x" * 300_000,
    ],
)  # fmt: skip
def test_a_tar_that_is_not_ours_is_refused(octets: bytes) -> None:
    """Links, folders, other names, garbage, a cut and what follows the end: refused, whoever sealed it."""
    assert code_of(lambda: read(octets)) == "archive/tar-malformed"


def test_reading_a_tar_keeps_nothing_of_the_files_met() -> None:
    """Thousands of files pass one by one, and each is read when it is asked for."""

    def many() -> Iterator[Entry]:
        yield from (entry(f"{number:06d}", b"x") for number in range(2000))

    octets = tarred(many(), folder="archive", told=lambda _: None)
    assert sum(len(b"".join(content)) for _, content in untarred(octets, folder="archive")) == 2000


# --- the classic recipient -----------------------------------------------------------------------------------------------


def test_what_is_sealed_to_a_classic_recipient_opens_with_its_key() -> None:
    """Its text reads back, and the private half opens the file."""
    private = X25519PrivateKey.generate()
    recipient = ClassicRecipient(private.public_key().public_bytes_raw())
    (again,) = archive_recipients([str(recipient)])
    assert again == recipient
    out = io.BytesIO()
    seal([b"kept"], to=[again], out=out)
    out.seek(0)
    identity = ClassicIdentity(private.private_bytes_raw())
    assert b"".join(unseal(out, identities=[identity])) == b"kept"


@pytest.mark.parametrize("octets", [b"", bytes(31), bytes(32)])
def test_a_classic_recipient_that_is_no_point_is_refused(octets: bytes) -> None:
    """Too short, or of low order: refused before anything is sealed to it."""
    assert code_of(lambda: ClassicRecipient(octets)) == "seal/key-malformed"
    assert code_of(lambda: archive_recipients([bech32.encode("age", octets)])) == "seal/key-malformed"


def test_recipients_are_of_one_sort() -> None:
    """Hybrid ones go together; mixed with a classic one, or none at all, they are refused."""
    hybrid = [str(new_identity()[1]) for _ in range(2)]
    assert len(archive_recipients(hybrid)) == 2
    classic = str(ClassicRecipient(X25519PrivateKey.generate().public_key().public_bytes_raw()))
    assert code_of(lambda: archive_recipients([*hybrid, classic])) == "archive/recipients-mixed"
    assert code_of(lambda: archive_recipients([])) == "archive/no-recipient"
