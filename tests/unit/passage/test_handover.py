"""A parcel that is not whole, not ours or not now is refused before anything of it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from ecluse.base.refusal import Refusal
from ecluse.passage.handover import Part, check_parcel, open_part
from ecluse.passage.parcel import (
    LARGEST,
    MANIFEST,
    PADDING,
    Manifest,
    Sealer,
    fingerprint,
    part_name,
    read_header,
    read_manifest,
)
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import seal
from ecluse.proof.sign import sign_document
from ecluse.proof.unseal import Identity, new_identity, unseal
from tests.documents import AT
from tests.sites import MemoryVault

SENDER, STRANGER = SigningKey.from_seed(b"s" * 32), SigningKey.from_seed(b"x" * 32)
BODIES = (b"first body", b"second body", b"statement")


@dataclass
class Sent:
    vault: MemoryVault
    identity: Identity
    manifest: Manifest
    name: str = "m-1"

    @property
    def files(self) -> dict[str, bytes]:
        return self.vault.held[self.name]

    def check(self, **changes: Any) -> Manifest:
        said: dict[str, Any] = {
            "sender": SENDER.public, "instruction": "sha256:i", "recipient": fingerprint([self.identity.recipient()]), "sequence": 1, "previous": "",
            "at": AT,
        }  # fmt: skip
        return check_parcel(self.vault, changes.pop("migration", self.name), **(said | changes))

    def open(self, number: int, **changes: Any) -> Part:
        said: dict[str, Any] = {"sender": SENDER.public, "identities": [self.identity]}
        return open_part(self.vault, self.manifest, self.manifest.parts[number - 1], **(said | changes))


def parcel(name: str = "m-1", *, identity: Identity | None = None, key: SigningKey = SENDER) -> Sent:
    identity = identity or new_identity()[0]
    vault = MemoryVault()
    sealer = Sealer(
        vault,
        migration=name,
        instruction="sha256:i",
        agreement="sha256:a",
        recipients=[identity.recipient()],
        key=key,
    )
    for body in BODIES:
        sealer.seal(body, role="statement" if body == BODIES[-1] else "records", kind="patient", rows=1)
    return Sent(
        vault,
        identity,
        sealer.close(created=AT, expires=AT + timedelta(days=1), sequence=1, previous=""),
        name,
    )


@pytest.fixture
def sent() -> Sent:
    return parcel()


def test_a_whole_parcel_is_taken(sent: Sent) -> None:
    """What was sealed is what is opened, part by part, and says of itself what the manifest says."""
    assert sent.check() == sent.manifest
    assert [sent.open(number).body for number in (1, 2, 3)] == list(BODIES)
    assert [sent.open(number).header.role for number in (1, 2, 3)] == ["records", "records", "statement"]


def test_a_size_tells_little(sent: Sent) -> None:
    """Short bodies all make files of one size."""
    assert len({len(octets) for name, octets in sent.files.items() if name != MANIFEST}) == 1
    (plain,) = {len(b"".join(unseal(BytesIO(sent.files[part_name(1)]), identities=[sent.identity])))}
    assert plain == PADDING


def drop(files: dict[str, bytes]) -> None:
    del files[part_name(2)]


def add(files: dict[str, bytes]) -> None:
    files["part-0009.age"] = b"x"


def cut(files: dict[str, bytes]) -> None:
    files[part_name(2)] = files[part_name(2)][:-1]


def flip(files: dict[str, bytes]) -> None:
    octets = files[part_name(3)]
    files[part_name(3)] = octets[:-1] + bytes([octets[-1] ^ 1])


def swap(files: dict[str, bytes]) -> None:
    files[part_name(1)], files[part_name(2)] = files[part_name(2)], files[part_name(1)]


def double(files: dict[str, bytes]) -> None:
    files[part_name(2)] = files[part_name(1)]


def borrow(files: dict[str, bytes]) -> None:
    files[part_name(1)] = parcel("m-2").files[part_name(1)]


@pytest.mark.parametrize(
    ("harm", "code"),
    [(drop, "parcel/parts-differ"), (add, "parcel/parts-differ"), (cut, "parcel/part-altered"), (flip, "parcel/part-altered"), (swap, "parcel/part-altered"),
     (double, "parcel/part-altered"), (borrow, "parcel/part-altered")],
)  # fmt: skip
def test_a_parcel_that_was_touched_is_refused(
    sent: Sent, harm: Callable[[dict[str, bytes]], None], code: str
) -> None:
    """A part lacking, added, truncated, altered, moved, doubled or from another migration: refused before any part is opened."""
    harm(sent.files)
    with pytest.raises(Refusal, match=code):
        sent.check()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender": STRANGER.public}, "sign/not-enough-signatures"), ({"instruction": "sha256:other"}, "parcel/another"),
        ({"recipient": "another"}, "parcel/another"), ({"sequence": 2}, "parcel/another"), ({"previous": "sha256:p"}, "parcel/another"),
        ({"at": AT + timedelta(days=1)}, "parcel/expired"), ({"migration": "m-2"}, "vault/absent"),
    ],
)  # fmt: skip
def test_a_parcel_that_is_not_the_one_expected_is_refused(
    sent: Sent, changes: dict[str, Any], code: str
) -> None:
    """Another sender, instruction, recipient, place in the sequence or day: refused."""
    with pytest.raises(Refusal, match=code):
        sent.check(**changes)


def test_a_parcel_renamed_is_another(sent: Sent) -> None:
    """A whole parcel laid in another migration's folder is not that migration's."""
    sent.vault.held["m-2"] = sent.files
    with pytest.raises(Refusal, match="parcel/another"):
        sent.check(migration="m-2")


def content(sent: Sent, **changes: Any) -> bytes:
    told = {
        name: getattr(sent.manifest, name) for name in Manifest.__slots__ if name not in ("digest", "parts")
    }
    parts = [{"number": it.number, "sha256": it.sha256, "size": it.size} for it in sent.manifest.parts]
    return json.dumps({**told, "parts": parts, **changes}).encode()


@pytest.mark.parametrize(
    "changes",
    [{"parts": []}, {"parts": [{"number": 2, "sha256": "", "size": 0}]}, {"parts": 3}, {"parts": [3]}, {"parts": [{"number": 1}]}, {"more": 1}, {"digest": "x"}],
)  # fmt: skip
def test_a_malformed_manifest_is_refused(sent: Sent, changes: dict[str, Any]) -> None:
    """Signed or not, a manifest that lists nothing, or oddly, is no manifest."""
    with pytest.raises(Refusal, match="parcel/manifest-malformed"):
        read_manifest(
            sign_document(content(sent, **changes), type="manifest", keys=[SENDER]), sender=SENDER.public
        )
    with pytest.raises(Refusal, match="parcel/manifest-malformed"):
        read_manifest(sign_document(b"[]", type="manifest", keys=[SENDER]), sender=SENDER.public)


def test_a_forged_manifest_is_refused(sent: Sent) -> None:
    """A manifest signed by another, or a document of another kind signed by the sender, is refused."""
    for forged in (
        sign_document(content(sent), type="manifest", keys=[STRANGER]),
        sign_document(content(sent), type="part", keys=[SENDER]),
    ):
        sent.files[MANIFEST] = forged
        with pytest.raises(Refusal, match=r"sign/"):
            sent.check()


# --- inside the seal: whoever holds the recipient's public key can seal anything ------------------------------------------------------


def resealed(sent: Sent, number: int, change: Callable[[bytes], bytes]) -> None:
    """The part's plaintext changed and sealed again to the same recipient."""
    plain = b"".join(unseal(BytesIO(sent.files[part_name(number)]), identities=[sent.identity]))
    out = BytesIO()
    seal((change(plain),), to=(sent.identity.recipient(),), out=out)
    sent.files[part_name(number)] = out.getvalue()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda plain: plain.replace(b"first body", b"other body"), "parcel/part-altered"),
        (lambda plain: plain[:-1] + b"\x01", "parcel/part-altered"), (lambda plain: plain.rstrip(b"\0")[:-1], "parcel/part-altered"),
        (lambda plain: plain.partition(b"\n")[0], "parcel/another"), (lambda plain: b"", "sign/"), (lambda plain: b"\n" + plain, "sign/"),
        (lambda plain: plain.partition(b"\n")[2], "sign/"),
    ],
)  # fmt: skip
def test_a_part_altered_inside_its_seal_is_refused(
    sent: Sent, change: Callable[[bytes], bytes], code: str
) -> None:
    """A body, a header or a padding that is not what the source signed is refused, though it opens."""
    resealed(sent, 1, change)
    with pytest.raises(Refusal, match=code):
        sent.open(1)


def test_a_part_put_in_another_ones_place_is_refused(sent: Sent) -> None:
    """A part of the same parcel under another number, or of another parcel to the same recipient, is not the part listed."""
    other = parcel("m-2", identity=sent.identity)
    for octets in (sent.files[part_name(2)], other.files[part_name(1)]):
        sent.files[part_name(1)] = octets
        with pytest.raises(Refusal, match="parcel/another"):
            sent.open(1)


def test_a_part_of_another_sender_or_recipient_is_refused(sent: Sent) -> None:
    """What another signed is not the source's, and another's key opens nothing."""
    sent.files[part_name(1)] = parcel(identity=sent.identity, key=STRANGER).files[part_name(1)]
    with pytest.raises(Refusal, match="sign/not-enough-signatures"):
        sent.open(1)
    with pytest.raises(Refusal, match="seal/not-for-you"):
        sent.open(2, identities=[new_identity()[0]])
    sent.manifest = replace(sent.manifest, recipient="another")
    with pytest.raises(Refusal, match="parcel/another"):
        sent.open(2)


def test_a_header_that_says_too_much_is_refused() -> None:
    """A header has its fields and no other."""
    with pytest.raises(Refusal, match="parcel/header-malformed"):
        read_header(sign_document(b'{"more":1}', type="part", keys=[SENDER]), sender=SENDER.public)


def test_a_body_too_large_for_a_part_is_refused() -> None:
    """A part holds 256 MiB at most."""
    sealer = Sealer(
        MemoryVault(), migration="m", instruction="", agreement="", recipients=[new_identity()[1]], key=SENDER
    )

    class Long(bytes):
        def __len__(self) -> int:
            return LARGEST + 1

    with pytest.raises(Refusal, match="parcel/part-too-large"):
        sealer.seal(Long(), role="records", kind="document", rows=1)
