"""What comes into a chamber: a parcel's own sealed files, whole, once, for a migration that awaits them; all else is refused and noted."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.acts import CUSTODY_RECEIVED, CUSTODY_REFUSED
from ecluse.passage.blind import LONGEST_HEADER, check_begins_sealed, final_name, largest
from ecluse.passage.migration import Act
from ecluse.passage.parcel import MANIFEST
from ecluse.proof.keys import SigningKey
from ecluse.proof.seal import PassphraseRecipient, seal
from ecluse.proof.sign import sign_document
from tests.chambers import AT, INSTRUCTION, MIGRATION, SENT, Awaiting, awaiting, parcel
from tests.ports.memory_uploads import MemoryUploads

PART = "part-0001.age"


@pytest.fixture
def await_parcel(tmp_path: Path) -> Awaiting:
    return awaiting(tmp_path / "exchange")


def begin(waiting: Awaiting, name: str = PART, **said: object):  # type: ignore[no-untyped-def]
    return waiting.intake.begin(MIGRATION, name, sent=SENT, **said)  # type: ignore[arg-type]


def codes(waiting: Awaiting) -> list[str]:
    return [str(body["code"]) for act, body in waiting.acts() if act == CUSTODY_REFUSED]


# --- what comes in -----------------------------------------------------------------------------------------------------------------------


def test_a_parcel_comes_in_whole_in_any_order(tmp_path: Path) -> None:
    """Sent manifest first or last, every file is in custody with its octets, each is an entry, and no upload is left."""
    for name, order in (("first", 1), ("last", -1)):
        waiting = awaiting(tmp_path / name, signed=True)
        names = [MANIFEST, *waiting.parts][::order]
        kept = [waiting.send(each) for each in names]
        assert [one.name for one in kept] == names
        for each in names:
            with waiting.chamber.custody.open(MIGRATION, each) as file:
                assert file.read() == waiting.files[each]
        assert [(act, body["file"], body["size"]) for act, body in waiting.acts()] == [
            (CUSTODY_RECEIVED, each, len(waiting.files[each])) for each in names
        ]
        assert (waiting.acts()[0][1]["door"], waiting.acts()[0][1]["from"]) == ("test", "192.0.2.7")
        assert waiting.intake.uploads.folders() in ([], [MIGRATION])
        assert waiting.intake.uploads.names(MIGRATION) == []


def test_an_upload_cut_goes_on_from_what_was_kept(await_parcel: Awaiting) -> None:
    """Cut twice, the upload tells its size each time and is whole in the end; another offset changes nothing and is told the right one."""
    octets = await_parcel.files[PART]
    with begin(await_parcel, length=len(octets)) as coming:
        assert coming.append(0, [octets[:10], octets[10:90_000]]) == 90_000
    progress = await_parcel.intake.progress(MIGRATION, PART)
    assert progress is not None
    assert (progress.size, progress.length) == (90_000, len(octets))
    assert (await_parcel.intake.unfinished(MIGRATION), await_parcel.intake.kept(MIGRATION)) == (
        {PART: 90_000},
        {},
    )
    with begin(await_parcel) as coming:
        for wrong in (0, 89_999, 90_001):
            with pytest.raises(Refusal, match="intake/offset"):
                coming.append(wrong, [b"x"])
        assert not coming.is_whole()
        with pytest.raises(Refusal, match="intake/incomplete"):
            coming.finish()
    with begin(await_parcel) as coming:
        coming.append(coming.size, [octets[90_000:]])
        assert coming.is_whole()
        assert coming.finish().size == len(octets)
    assert await_parcel.intake.progress(MIGRATION, PART) is None
    assert codes(await_parcel) == []


def test_the_same_file_again_is_there_already_and_another_is_refused(await_parcel: Awaiting) -> None:
    """Sent again with the same octets it is accepted and noted once; with others it is refused, and what was kept stays."""
    await_parcel.send(PART)
    assert await_parcel.send(PART).again
    assert [act for act, _ in await_parcel.acts()] == [CUSTODY_RECEIVED]
    other = parcel((b"another" * 30_000,))[0][PART]
    with pytest.raises(Refusal, match="vault/exists"):
        await_parcel.send(PART, other)
    with pytest.raises(Refusal, match="vault/exists"):
        begin(await_parcel, length=len(other))
    with await_parcel.chamber.custody.open(MIGRATION, PART) as file:
        assert file.read() == await_parcel.files[PART]
    assert codes(await_parcel) == ["vault/exists"] * 2
    await_parcel.send(MANIFEST)
    assert await_parcel.send(MANIFEST).again


def test_one_file_is_sent_by_one_at_a_time(await_parcel: Awaiting) -> None:
    """While a file comes, a second upload of it waits, under whatever name its client gives it; other files may come meanwhile."""
    with begin(await_parcel) as first:
        for name in (PART, PART + ".filepart"):
            with pytest.raises(Fault, match="intake/busy"):
                begin(await_parcel, name)
        with pytest.raises(Fault, match="intake/busy"):
            await_parcel.intake.drop(MIGRATION, PART, sent=SENT)
        await_parcel.send("part-0002.age")
        first.close()
        begin(await_parcel).close()


def test_a_place_that_cannot_open_the_upload_lets_it_go(tmp_path: Path) -> None:
    """When opening fails, the name is free again for the next who sends it."""
    uploads = MemoryUploads()
    waiting = awaiting(tmp_path / "exchange", uploads=uploads)
    held = uploads.open(MIGRATION, PART, length=None, fresh=False)
    with pytest.raises(Fault, match="intake/busy"):
        begin(waiting)
    held.close()
    begin(waiting).close()


def test_clients_may_give_a_file_another_name_until_it_is_whole(await_parcel: Awaiting) -> None:
    """WinSCP's and rclone's names for what is unfinished are taken, and the file is kept under its own."""
    for suffix, name in ((".filepart", PART), (".a1b2c3d4.partial", "part-0002.age")):
        octets = await_parcel.files[name]
        with begin(await_parcel, name + suffix) as coming:
            coming.append(0, [octets])
            assert coming.finish().name == name
    assert await_parcel.chamber.custody.names(MIGRATION) == await_parcel.parts


def test_an_upload_begun_again_from_its_start_or_given_up(await_parcel: Awaiting) -> None:
    """Fresh, it is empty; given up, it is gone; there is nothing to give up twice."""
    with begin(await_parcel) as coming:
        coming.append(0, [await_parcel.files[PART][:5000]])
    with begin(await_parcel, fresh=True) as coming:
        assert coming.size == 0
    assert await_parcel.intake.drop(MIGRATION, PART, sent=SENT)
    assert not await_parcel.intake.drop(MIGRATION, PART, sent=SENT)


def test_what_is_left_of_uploads_goes_with_the_parcel(await_parcel: Awaiting) -> None:
    """Erasing takes kept files and unfinished ones, whoever sent them and under whatever name; sent again, the files are judged afresh."""
    await_parcel.send(PART)
    for name in ("part-0002.age", "part-0002.age.filepart"):
        with begin(await_parcel, name) as coming:
            coming.append(0, [await_parcel.files["part-0002.age"][:5000]])
    begin(await_parcel, PART).close()
    assert await_parcel.intake.erase(MIGRATION) == 4
    assert (await_parcel.intake.uploads.folders(), await_parcel.chamber.custody.folders()) == ([], [])
    await_parcel.send(PART)
    assert [act for act, _ in await_parcel.acts()] == [CUSTODY_RECEIVED, CUSTODY_RECEIVED]


# --- what does not -----------------------------------------------------------------------------------------------------------------------

SEALED_TO_A_PHRASE = io.BytesIO()
seal([b"x" * 70_000], to=[PassphraseRecipient("phrase", 1)], out=SEALED_TO_A_PHRASE)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"DUPONT;Jeanne;1980-02-01\n" * 9_000, "intake/not-sealed"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "intake/not-sealed"),
        (b"age-encryption.org/v2\n", "intake/not-sealed"),
        (b"age-encryption.org/v1\n" + b"DUPONT;Jeanne\n" * 9_000, "seal/header-malformed"),
        (b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n", "intake/other-recipient"),
        (b"age-encryption.org/v1\n-> mlkem768x25519 AAAA\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n", "intake/other-recipient"),
        (b"age-encryption.org/v1\n-> mlkem768x25519 A=\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n", "intake/other-recipient"),
        (SEALED_TO_A_PHRASE.getvalue(), "intake/other-recipient"),
    ],
)  # fmt: skip
def test_what_is_not_sealed_to_a_hybrid_recipient_is_refused(
    await_parcel: Awaiting, octets: bytes, code: str
) -> None:
    """Plain text, the text form, another version, a classic recipient, a passphrase: refused as early as it shows, noted without a name, and gone."""
    with pytest.raises(Refusal, match=code):
        await_parcel.send(PART, octets)
    assert codes(await_parcel) == [code]
    assert set(await_parcel.acts()[0][1]) == {"code", "size", "door", "from"}
    assert await_parcel.intake.uploads.names(MIGRATION) == []
    assert await_parcel.chamber.custody.names(MIGRATION) == []


def test_plain_text_is_refused_at_its_first_octets(await_parcel: Awaiting) -> None:
    """Not one octet of a file that does not begin as a sealed one is written."""
    with begin(await_parcel) as coming, pytest.raises(Refusal, match="intake/not-sealed"):
        coming.append(0, [b"PK\x03\x04"])
    assert await_parcel.acts()[0][1]["size"] == 0
    check_begins_sealed(b"age-enc")


def test_a_false_header_is_refused_before_the_file_is_all_there(await_parcel: Awaiting) -> None:
    """Once as many octets came as the longest header has, the header is read: the rest need not come."""
    with begin(await_parcel) as coming:
        coming.append(0, [b"age-encryption.org/v1\n-> a\n"])
        with pytest.raises(Refusal, match="seal/header-malformed"):
            coming.append(coming.size, [b"z" * 40_000, b"z" * 40_000])
    assert codes(await_parcel) == ["seal/header-malformed"]


def test_a_true_header_is_read_once(await_parcel: Awaiting) -> None:
    """A sealed part passes, whatever the blocks it comes in."""
    octets = await_parcel.files[PART]
    with begin(await_parcel) as coming:
        for start in range(0, len(octets), LONGEST_HEADER // 2):
            coming.append(coming.size, [octets[start : start + LONGEST_HEADER // 2]])
        coming.finish()


def test_a_part_that_ends_early_is_not_whole(await_parcel: Awaiting) -> None:
    """Cut anywhere but between two chunks a part is told to be unfinished, and stays to be gone on with."""
    octets = await_parcel.files[PART]
    for end in (0, 10, 100, 1000, 1700, 65_000, 66_000, len(octets) - 1):
        with begin(await_parcel, fresh=True) as coming:
            coming.append(0, [octets[:end]])
            assert not coming.is_whole()
            with pytest.raises(Refusal, match="intake/incomplete"):
                coming.finish()
    assert codes(await_parcel) == []
    assert await_parcel.intake.progress(MIGRATION, PART) is not None


def test_a_part_cut_between_two_chunks_contradicts_the_manifest(await_parcel: Awaiting) -> None:
    """Sent before the manifest it looks whole; the manifest then names it. Sent after, it is unfinished, and the rest is awaited."""
    octets = await_parcel.files[PART]
    cut = octets[: -(64 * 1024 + 16)]
    await_parcel.send(PART, cut)
    with pytest.raises(Refusal, match="intake/contradicted") as caught:
        await_parcel.send(MANIFEST)
    assert (caught.value.values["where"], caught.value.values["expected"]) == (PART, len(octets))
    await_parcel.intake.erase(MIGRATION)
    await_parcel.send(MANIFEST)
    with pytest.raises(Refusal, match="intake/incomplete"):
        await_parcel.send(PART, cut)
    with begin(await_parcel) as coming:
        coming.append(coming.size, [octets[len(cut) :]])
        coming.finish()


def test_a_part_that_the_manifest_contradicts_is_refused_by_name(await_parcel: Awaiting) -> None:
    """Another digest, another size or a part that is not listed: refused, naming the part."""
    await_parcel.send(MANIFEST)
    altered = bytearray(await_parcel.files[PART])
    altered[-1] ^= 1
    longer = parcel((b"x" * 300_000,))[0][PART]
    for name, octets in ((PART, bytes(altered)), (PART, longer), ("part-0003.age", longer)):
        with pytest.raises(Refusal, match="intake/contradicted") as caught:
            await_parcel.send(name, octets)
        assert caught.value.values["where"] == name
    assert codes(await_parcel) == ["intake/contradicted"] * 3
    assert await_parcel.chamber.custody.names(MIGRATION) == [MANIFEST]


def test_a_manifest_that_kept_parts_contradict_is_refused(await_parcel: Awaiting) -> None:
    """Where a part of another digest or number was kept before, the manifest is refused and names it; nothing is replaced."""
    altered = bytearray(await_parcel.files[PART])
    altered[-1] ^= 1
    await_parcel.send(PART, bytes(altered))
    with pytest.raises(Refusal, match="intake/contradicted") as caught:
        await_parcel.send(MANIFEST)
    assert caught.value.values["where"] == PART
    await_parcel.intake.erase(MIGRATION)
    await_parcel.send("part-0007.age", await_parcel.files[PART])
    with pytest.raises(Refusal, match="intake/contradicted") as caught:
        await_parcel.send(MANIFEST)
    assert caught.value.values["where"] == "part-0007.age"


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"migration": "m-20261128-ffffff"}, "migration"),
        ({"instruction": "sha256:" + "9" * 64}, "instruction"),
        ({"agreement": "sha256:" + "9" * 64}, "digest"),
    ],
)
def test_another_parcels_manifest_is_refused(await_parcel: Awaiting, said: dict[str, str], what: str) -> None:
    """The manifest is the one whose digest the ledger states at the extraction: another migration's, instruction's or text is refused."""
    files, _ = parcel((b"one",), **said)  # type: ignore[arg-type]
    with pytest.raises(Refusal, match="parcel/another") as caught:
        await_parcel.send(MANIFEST, files[MANIFEST])
    assert caught.value.values["what"] == what


def test_a_parcel_out_of_time_is_refused(tmp_path: Path) -> None:
    """A manifest whose time to live is over does not come in."""
    waiting = awaiting(tmp_path, clock=lambda: AT.replace(year=2027))
    with pytest.raises(Refusal, match="parcel/expired"):
        waiting.send(MANIFEST)


def test_a_signature_is_judged_by_the_keys_that_were_told(tmp_path: Path) -> None:
    """An exchange that was told the senders' keys refuses another's signature; one that was told none judges what the ledger states."""
    forged = parcel((b"one",), key=SigningKey.from_seed(bytes([9]) * 32))[0][MANIFEST]
    waiting = awaiting(tmp_path, signed=True)
    with pytest.raises(Refusal, match="sign/not-enough-signatures"):
        waiting.send(MANIFEST, forged)
    waiting.send(MANIFEST)


def test_what_is_no_manifest_is_refused(await_parcel: Awaiting) -> None:
    """Another document, an envelope cut short, fields of other types: refused, and not whole before."""
    content = {
        "migration": MIGRATION, "instruction": INSTRUCTION, "agreement": "a", "recipient": "r", "created": AT.isoformat(),
        "expires": AT.isoformat(), "sequence": 1, "previous": "", "parts": [{"number": 1, "sha256": "0" * 64, "size": 1}],
    }  # fmt: skip
    wrong = (
        {"migration": 1},
        {"sequence": True},
        {"expires": "soon"},
        {"expires": "2026-01-01"},
        {"parts": [{"number": 1, "sha256": "0", "size": 1}]},
        {"parts": [{"number": 1, "sha256": "0" * 64, "size": -1}]},
        {"parts": [{"number": 2, "sha256": "0" * 64, "size": 1}]},
        {"parts": []},
        {"parts": 7},
    )
    key = SigningKey.new()
    envelopes = [
        sign_document(json.dumps({**content, **each}).encode(), type="manifest", keys=[key]) for each in wrong
    ]
    codes_of = {"parcel/manifest-malformed"}
    for envelope in envelopes:
        with begin(await_parcel, MANIFEST) as coming:
            coming.append(0, [envelope])
            assert not coming.is_whole()
            with pytest.raises(Refusal, match="parcel/manifest-malformed"):
                coming.finish()
    other = sign_document(b"{}", type="receipt", keys=[key])
    for octets, code in (
        (other, "sign/other-type"),
        (await_parcel.files[MANIFEST][:-5], "sign/json-malformed"),
    ):
        with pytest.raises(Refusal, match=code):
            await_parcel.send(MANIFEST, octets)
    assert set(codes(await_parcel)) == codes_of | {"sign/other-type", "sign/json-malformed"}


def test_a_name_that_is_no_parcels_is_refused_and_not_repeated(await_parcel: Awaiting) -> None:
    """Only a parcel's own names come in; a refused one is noted without being written anywhere, for it may name a patient."""
    names = [
        "patients.csv", "part-1.age", "part-0000.age", "part-00001.age", "part-0001.age.exe", "PART-0001.age", "../part-0001.age",
        "part-0001.age\n", "", "manifest.json", "part-0001.age.zip", ".in.part-0001.age", "part-0001.age\0",
    ]  # fmt: skip
    for name in names:
        with pytest.raises(Refusal, match="intake/name") as caught:
            begin(await_parcel, name)
        assert not caught.value.values
        with pytest.raises(Refusal, match="intake/name"):
            await_parcel.intake.progress(MIGRATION, name)
    assert codes(await_parcel) == ["intake/name"] * len(names)
    assert final_name("part-10000.age") == "part-10000.age"


def test_what_is_too_large_is_refused_at_once(await_parcel: Awaiting) -> None:
    """A declared length beyond the largest part is refused before an octet; octets beyond the declared length as they come."""
    for name in (PART, MANIFEST):
        with pytest.raises(Refusal, match="intake/too-large"):
            begin(await_parcel, name, length=largest(name) + 1)
        begin(await_parcel, name, length=largest(name)).close()
    too_large = pytest.raises(Refusal, match="intake/too-large")
    with begin(await_parcel, "part-0002.age", length=100) as coming, too_large:
        coming.append(0, [await_parcel.files[PART][:101]])
    with begin(await_parcel, MANIFEST, fresh=True) as coming, too_large:
        coming.append(0, [bytes(1 << 20), b"x"])
    assert codes(await_parcel) == ["intake/too-large"] * 4


def test_what_is_declared_is_awaited(await_parcel: Awaiting) -> None:
    """A file shorter than its declared length is unfinished even where it could end."""
    octets = await_parcel.files[PART]
    with begin(await_parcel, length=len(octets) + 1) as coming:
        coming.append(0, [octets])
        assert not coming.is_whole()
        with pytest.raises(Refusal, match="intake/incomplete"):
            coming.finish()


def test_a_full_chamber_takes_no_more(tmp_path: Path) -> None:
    """Kept files, unfinished ones and what these declared count; the quota refuses at the beginning where it can, and while it comes."""
    waiting = awaiting(tmp_path, quota=400_000)
    waiting.send(PART)  # 198 KB
    begin(waiting, "part-0003.age", length=100_000).close()
    with begin(waiting, "part-0004.age") as coming:
        coming.append(0, [waiting.files[PART][:60_000]])
    with pytest.raises(Refusal, match="intake/quota"):
        begin(waiting, "part-0002.age", length=100_000)
    with begin(waiting, "part-0002.age") as coming, pytest.raises(Refusal, match="intake/quota"):
        coming.append(0, [waiting.files["part-0002.age"]])
    assert codes(waiting) == ["intake/quota"] * 2


def test_a_migration_that_awaits_nothing_is_sent_nothing(await_parcel: Awaiting) -> None:
    """A name nobody drafted is noted under the chamber's; revoked while it comes, the file is refused at its end and gone."""
    with pytest.raises(Refusal, match="migration/unknown"):
        await_parcel.intake.begin("m-20260101-dddddd", PART, sent=SENT)
    with begin(await_parcel) as coming:
        coming.append(0, [await_parcel.files[PART]])
        await_parcel.chamber.record(Act.REVOKE.value, by="p-00d0", subject=MIGRATION, body={})
        with pytest.raises(Refusal, match="chamber/takes-none"):
            coming.finish()
    with pytest.raises(Refusal, match="chamber/takes-none"):
        begin(await_parcel)
    subjects = [event.subject for event in await_parcel.chamber.events() if event.act == CUSTODY_REFUSED]
    assert subjects == ["labo-a", MIGRATION, MIGRATION]
    assert await_parcel.intake.uploads.names(MIGRATION) == []


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The fault says to try again, what came is there, and once there is room the upload goes on to its end."""
    uploads = MemoryUploads(room=100_000)
    waiting = awaiting(tmp_path, uploads=uploads)
    octets = waiting.files[PART]
    with begin(waiting) as coming:
        coming.append(0, [octets[:90_000]])
        with pytest.raises(Fault, match="vault/disk-full"):
            coming.append(coming.size, [octets[90_000:]])
    uploads.room *= 10
    with begin(waiting) as coming:
        coming.append(90_000, [octets[90_000:]])
        coming.finish()
    assert codes(waiting) == []


# --- at every start ----------------------------------------------------------------------------------------------------------------------


def test_what_was_whole_when_the_exchange_stopped_is_finished_at_its_start(await_parcel: Awaiting) -> None:
    """Whole files are moved and noted, unfinished ones stay, what is refused is refused, and what was moved but not noted is noted."""
    await_parcel.chamber.custody.put(MIGRATION, "part-0002.age", [await_parcel.files["part-0002.age"]])
    for name, octets in (
        (PART, await_parcel.files[PART]),
        ("part-0003.age", await_parcel.files[PART][:9_000]),
    ):
        with begin(await_parcel, name) as coming:
            coming.append(0, [octets])
    assert [kept.name for kept in await_parcel.intake.settle()] == [PART]
    assert await_parcel.intake.uploads.names(MIGRATION) == ["part-0003.age"]
    assert [(act, body["file"], body["door"]) for act, body in await_parcel.acts()] == [
        (CUSTODY_RECEIVED, PART, "start"),
        (CUSTODY_RECEIVED, "part-0002.age", "start"),
    ]
    assert await_parcel.intake.settle() == []
    assert len(await_parcel.acts()) == 2


def test_uploads_of_a_migration_that_ended_wait_for_its_erasure(await_parcel: Awaiting) -> None:
    """At a start, what was unfinished of a revoked migration is not moved."""
    with begin(await_parcel) as coming:
        coming.append(0, [await_parcel.files[PART]])
    await_parcel.chamber.record(Act.REVOKE.value, by="p-00d0", subject=MIGRATION, body={})
    assert await_parcel.intake.settle() == []
    assert await_parcel.chamber.custody.names(MIGRATION) == []
    assert codes(await_parcel) == []


def test_one_upload_in_trouble_does_not_hold_the_others(await_parcel: Awaiting) -> None:
    """While one file comes, those that were whole are finished."""
    for name in await_parcel.parts:
        with begin(await_parcel, name) as coming:
            coming.append(0, [await_parcel.files[name]])
    with begin(await_parcel):
        assert [kept.name for kept in await_parcel.intake.settle()] == ["part-0002.age"]
