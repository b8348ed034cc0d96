"""Files sealed by Écluse open with other people's programs, and theirs open here."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pyrage
import pytest

from ecluse.proof.seal import PassphraseRecipient, Recipient, seal
from ecluse.proof.unseal import Opener, PassphraseIdentity, new_identity, parse_identity, unseal
from tests.vectors import judges

AGE = shutil.which("age")
NODE = shutil.which("node")
TYPAGE = judges.MODULES / "age-encryption"
needs_age = pytest.mark.skipif(AGE is None, reason="the age program is absent: apt install age")
needs_typage = pytest.mark.skipif(
    NODE is None or not TYPAGE.exists(), reason=f"node or the module age-encryption is absent: {judges.HOW}"
)
SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]
_TYPAGE = """
import * as age from %(module)r
import { readFileSync, writeFileSync } from "node:fs"
const [verb, key, from, to] = process.argv.slice(1)
if (verb === "encrypt") {
  const encrypter = new age.Encrypter(); encrypter.addRecipient(key)
  writeFileSync(to, await encrypter.encrypt(readFileSync(from)))
} else {
  const decrypter = new age.Decrypter(); decrypter.addIdentity(key)
  writeFileSync(to, await decrypter.decrypt(readFileSync(from)))
}
"""


def sealed(plain: bytes, to: Sequence[Recipient | PassphraseRecipient]) -> bytes:
    """The sealed file of `plain`."""
    out = io.BytesIO()
    seal([plain], to=to, out=out)
    return out.getvalue()


def opened(octets: bytes, *identities: Opener) -> bytes:
    """The whole plaintext of `octets`."""
    return b"".join(unseal(io.BytesIO(octets), identities=identities))


def typage(*arguments: str) -> None:
    """Runs the second implementation of the hybrid recipient."""
    script = _TYPAGE % {"module": str(TYPAGE / "dist" / "index.js")}
    subprocess.run([str(NODE), "--input-type=module", "-e", script, *arguments], check=True, timeout=60)


@pytest.mark.parametrize("size", SIZES)
def test_passphrase_files_are_read_by_rage_both_ways(size: int) -> None:
    """A passphrase file of any size around a chunk's edge is opened by rage, and rage's file is opened here."""
    plain = b"\xa5" * size
    assert (
        pyrage.passphrase.decrypt(
            sealed(plain, [PassphraseRecipient("trois petits chats", 10)]), "trois petits chats"
        )
        == plain
    )
    if size < 2:  # rage measures the machine and asks for seconds of scrypt: twice is enough
        theirs = pyrage.passphrase.encrypt(plain, "trois petits chats")
        assert opened(theirs, PassphraseIdentity("trois petits chats")) == plain


@pytest.mark.parametrize("size", SIZES)
def test_classic_files_of_rage_are_read(size: int) -> None:
    """A file that rage made for an X25519 key opens here: what a laboratory kept elsewhere is not lost."""
    theirs = pyrage.x25519.Identity.generate()
    plain = b"\x5a" * size
    assert opened(pyrage.encrypt(plain, [theirs.to_public()]), parse_identity(str(theirs))) == plain


@needs_age
def test_classic_files_of_the_age_program_are_read(tmp_path: Path) -> None:
    """A file made by Debian's `age` opens here."""
    theirs = pyrage.x25519.Identity.generate()
    done = subprocess.run(
        [str(AGE), "-r", str(theirs.to_public())],
        input=b"resultat" * 20_000,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert opened(done.stdout, parse_identity(str(theirs))) == b"resultat" * 20_000


@needs_typage
@pytest.mark.parametrize("size", SIZES)
def test_hybrid_files_are_read_by_typage(size: int, tmp_path: Path) -> None:
    """A hybrid file sealed here opens with the age authors' own TypeScript implementation."""
    identity, recipient = new_identity()
    (tmp_path / "sealed").write_bytes(sealed(b"\xc3" * size, [recipient]))
    typage("decrypt", identity.secret_text(), str(tmp_path / "sealed"), str(tmp_path / "plain"))
    assert (tmp_path / "plain").read_bytes() == b"\xc3" * size


@needs_typage
@pytest.mark.parametrize("size", SIZES)
def test_hybrid_files_of_typage_are_read(size: int, tmp_path: Path) -> None:
    """A hybrid file made by the TypeScript implementation opens here."""
    identity, recipient = new_identity()
    (tmp_path / "plain").write_bytes(b"\x3c" * size)
    typage("encrypt", str(recipient), str(tmp_path / "plain"), str(tmp_path / "sealed"))
    assert opened((tmp_path / "sealed").read_bytes(), identity) == b"\x3c" * size
