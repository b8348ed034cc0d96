"""Whoever carries a bundle of evidence to the inspector alters it, rebuilds it or traps it; the verifier says KO or refuses, and never breaks."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecluse.adapters.bundle import write_bundle
from ecluse.base.refusal import Refusal
from ecluse.doors.verify import main
from ecluse.inspection.evidence import holds, verify_bundle
from ecluse.passage.migration import Act
from ecluse.proof.bundle import bundle_of, check_names, open_bundle
from ecluse.proof.trust import Trust
from tests.documents import BIOLOGIST, DPO
from tests.dossiers import NEW, OLD, Told, outcomes, whole

HONEST = whole()
FILES = HONEST.bundle()
TRUST = HONEST.trust()
OF_NO_MATTER = {"README.md"}
"""Written for people: nothing rests on it."""


def zipped() -> bytes:
    """The honest bundle as one ZIP file."""
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in FILES.items():
            opened.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return octets.getvalue()


ZIP = zipped()


def judged(files: dict[str, bytes], trust: Trust | None = TRUST) -> bool:
    """Whether the evidence holds; a refusal to read is a no."""
    try:
        return holds(verify_bundle(bundle_of(files), trust=trust))
    except Refusal:
        return False


def hints(octets: bytes) -> list[range]:
    """Where an envelope writes its key ids: hints, by the DSSE specification, which nobody believes."""
    places, start = [], 0
    while (at := octets.find(b'"keyid":"', start)) >= 0:
        places.append(range(at + 9, at + 9 + 64))
        start = at + 9
    return places


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(set(FILES) - OF_NO_MATTER)), st.integers(0, 1 << 30), st.integers(1, 255))
def test_every_altered_byte_is_seen(name: str, place: int, change: int) -> None:
    """One byte altered anywhere in a bundle makes it KO or refused, but for the key ids that the format calls hints; nothing breaks."""
    octets = bytearray(FILES[name])
    place %= len(octets)
    octets[place] ^= change
    holding = judged(FILES | {name: bytes(octets)})
    assert not holding or any(place in hint for hint in hints(FILES[name])) or name == "ledger/policy.json"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 255))
def test_the_bundle_s_own_policy_is_not_believed(place: int, change: int) -> None:
    """However the bundle's own policy is altered, the laboratory's is the one that judges; without it, an altered key is KO."""
    octets = bytearray(FILES["ledger/policy.json"])
    octets[place % len(octets)] ^= change
    files = FILES | {"ledger/policy.json": bytes(octets)}
    assert judged(files)
    judged(files, trust=None)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(FILES) - OF_NO_MATTER)), st.binary(max_size=80))
def test_a_file_of_anything_breaks_nothing(name: str, octets: bytes) -> None:
    """A file replaced by any octets is KO or refused, with a sentence and no traceback."""
    assert not judged(FILES | {name: octets}) or name == "ledger/policy.json"
    judged(FILES | {name: octets}, trust=None)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["places", "kinds", "checks", "unexplained", "seen", "site", "fr"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    )
)
def test_a_signed_document_of_any_shape_breaks_nothing(content: object) -> None:
    """A reconciliation, a certificate of erasure or a person's file of any shape, well signed, is judged without a traceback."""
    told = Told()
    told.terms()
    told.begin()
    told.read()
    told.extract()
    told.hand_over()
    told.load()
    payload = json.dumps(content).encode()
    document = told.keep("reconciliation", payload, NEW, BIOLOGIST.id)
    told.note("reconciliation.signed", document=document)
    told.accept(document)
    told.note(Act.ERASE.value, document=told.keep("erasure", payload, NEW, OLD), why="reconciled")
    said = outcomes(told.bundle() | {f"people/{DPO.id}.json": payload})
    assert said["people"] != "OK"
    said = told.judged()
    assert said["erasure"] != "OK"


def test_every_file_is_needed() -> None:
    """Whichever file is taken out, the bundle is KO, but for the page for people, the own policy and a key that no act of this passage used."""
    spared = {
        name for name in FILES if judged({other: octets for other, octets in FILES.items() if other != name})
    }
    unused = {"README.md", "ledger/policy.json", "people/p-81c2.json", "people/p-90dd.json"}
    assert spared == unused


def test_no_body_can_be_taken_out() -> None:
    """A carrier who takes out the body of any act, or all of them, and calls it forgotten, is told: it is too early to forget."""
    bodies = FILES["ledger/bodies.jsonl"].splitlines(keepends=True)
    for number in range(len(bodies)):
        less = b"".join(bodies[:number] + bodies[number + 1 :])
        assert outcomes(FILES | {"ledger/bodies.jsonl": less}, TRUST)["documents"] == "bundle/forgotten-early"
    assert outcomes(FILES | {"ledger/bodies.jsonl": b""}, TRUST)["documents"] == "bundle/forgotten-early"


def test_no_two_files_can_be_swapped() -> None:
    """Whichever two files of one folder change places, the bundle is KO."""
    for folder in ("documents", "people", "agents", "roots"):
        names = [name for name in sorted(FILES) if name.startswith(f"{folder}/")]
        for first in names:
            for second in names:
                if first < second:
                    assert not judged(FILES | {first: FILES[second], second: FILES[first]}), (first, second)


def test_a_second_ledger_is_seen() -> None:
    """A fork that the log's own key signed, but no witness saw, is KO by the laboratory's policy."""
    fork = whole()
    fork.note("watched", by=OLD, subject="s")
    files = fork.bundle()
    files["ledger/checkpoints"] = b"".join(
        line
        for line in files["ledger/checkpoints"].splitlines(keepends=True)
        if not line.startswith("— lab-".encode())
    )
    assert outcomes(files, TRUST)["witnesses"] == "ledger/evidence-unwitnessed"


def test_heads_of_two_histories_contradict_each_other() -> None:
    """A forked ledger shown with the true one's heads is KO."""
    fork = whole().bundle()
    files = fork | {"ledger/checkpoints": FILES["ledger/checkpoints"]}
    assert outcomes(files, TRUST)["heads against entries"] == "ledger/altered"


def revoked(told: Told) -> None:
    """Runs a revoked instruction."""
    told.revoke()
    told.begin("m-2")


def expired(told: Told) -> None:
    """Runs after the instruction's last instant."""
    told.at += timedelta(days=30)
    told.begin("m-2")


def unsigned_erasure(told: Told) -> None:
    """Certifies an erasure with one signature of two."""
    told.begin("m-2")
    told.note(Act.REVOKE.value, subject="m-2", by=DPO.id)
    told.erase("m-2", why="revoked", signers=(NEW,))


def both_gates(told: Told) -> None:
    """Opens a source while a target stands open."""
    told.begin("m-2")
    told.begin("m-3")
    told.read("m-2")
    told.extract("m-2")
    told.hand_over("m-2")
    told.note(Act.OPEN_TARGET.value, subject="m-2")
    told.note(Act.OPEN_SOURCE.value, subject="m-3")


def never_erased(told: Told) -> None:
    """Reads a source, and leaves it there for a month."""
    told.begin("m-2")
    told.read("m-2")
    told.note("watched", by=OLD, subject="s", after=timedelta(days=30))


@pytest.mark.parametrize(
    ("attack", "step", "code"),
    [
        (revoked, "instruction", "instruction/revoked"),
        (expired, "instruction", "instruction/expired"),
        (unsigned_erasure, "erasure", "sign/not-enough-signatures"),
        (both_gates, "order", "migration/gate-open"),
        (never_erased, "time to live", "bundle/kept-too-long"),
    ],
)
def test_a_rule_broken_by_whoever_writes_the_ledger_is_seen(
    attack: Callable[[Told], None], step: str, code: str
) -> None:
    """An operator who keeps the ledger's key and appends what the rules forbid is told by the step that guards the rule."""
    told = whole()
    attack(told)
    assert outcomes(told.bundle(), told.trust())[step] == code


def test_a_lone_signature_does_not_make_two() -> None:
    """The envelope of a document signed by two, with one signature struck out, is KO."""
    for kind, step in (
        ("agreement", "agreement"),
        ("erasure", "erasure"),
        ("reconciliation", "reconciliation"),
    ):
        name = next(name for name, octets in FILES.items() if f"ecluse.{kind}".encode() in octets)
        envelope = json.loads(FILES[name])
        for signature in envelope["signatures"]:
            less = json.dumps(envelope | {"signatures": [signature]}, separators=(",", ":")).encode()
            assert outcomes(FILES | {name: less}, TRUST)[step] != "OK"


# --- the file itself ---------------------------------------------------------------------------------------------------


def archive(place: Path, files: dict[str, bytes]) -> Path:
    """A ZIP file of these names, whatever they are."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, octets in files.items():
            opened.writestr(name, octets)
    return place


def refusal(place: Path) -> str:
    """The code by which a bundle is refused, read to its last octet; nothing when it is not."""
    try:
        with open_bundle(place) as bundle:
            steps = verify_bundle(bundle)
    except Refusal as refused:
        return refused.code
    return next((step.said.code for step in steps if isinstance(step.said, Refusal)), "")


def test_a_bundle_is_the_same_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    """Written as a folder or as a ZIP file, and read back, a bundle is the same and holds; it is never written over."""
    for place in (tmp_path / "b", tmp_path / "b.zip"):
        write_bundle(FILES, place)
        with open_bundle(place) as bundle:
            assert {name: bundle.read(name) for name in bundle.sizes} == FILES
            assert holds(verify_bundle(bundle, trust=TRUST))
        with pytest.raises(Refusal, match="bundle/exists"):
            write_bundle(FILES, place)
    write_bundle(FILES, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "documents/../../evil", "C:\\evil", "documents\\x", "people/p-1.json/x", "roots/.pub", "notes.txt", "roots/é.pub"],
)  # fmt: skip
def test_no_name_leads_elsewhere(tmp_path: Path, name: str) -> None:
    """A name that climbs out, is absolute, or is simply not a bundle's is refused before anything is read."""
    assert refusal(archive(tmp_path / "slip.zip", FILES | {name: b"x"})) == "bundle/unknown-name"


def test_a_name_ends_where_it_ends(tmp_path: Path) -> None:
    """A name that would be another's once cut at its NUL is refused as the same name twice."""
    place = archive(tmp_path / "nul.zip", FILES | {"README.md": b"x", "report.html": b"x"})
    place.write_bytes(place.read_bytes().replace(b"report.html", b"README.md\0x"))
    assert refusal(place) == "bundle/duplicate-name"


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    """A folder that holds a link, or a pipe, is refused: nothing outside it is read and nothing blocks."""
    write_bundle(FILES, tmp_path / "b")
    (tmp_path / "b" / "report.html").symlink_to("/etc/passwd")
    assert refusal(tmp_path / "b") == "bundle/unknown-name"
    (tmp_path / "b" / "report.html").unlink()
    os.mkfifo(tmp_path / "b" / "report.html")
    assert refusal(tmp_path / "b") == "bundle/unknown-name"


def test_a_name_is_there_once(tmp_path: Path) -> None:
    """A ZIP file that holds a name twice is refused: two readers would read two bundles."""
    place = archive(tmp_path / "twice.zip", FILES)
    with zipfile.ZipFile(place, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("README.md", b"another")
    assert refusal(place) == "bundle/duplicate-name"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A file that would unpack to hundreds of times its size is refused, and so is one that is merely too large, unread."""
    assert refusal(archive(tmp_path / "bomb.zip", FILES | {"report.html": bytes(8 << 20)})) == "bundle/bomb"
    assert (
        refusal(archive(tmp_path / "large.zip", FILES | {"README.md": os.urandom(3 << 20)}))
        == "bundle/too-large"
    )
    crowd = {f"documents/{number:064x}.dsse.json": 1 for number in range(100_001)}
    for sizes in (
        crowd,
        {"ledger/entries.jsonl": 1 << 34, "ledger/bodies.jsonl": 1 << 34, "ledger/checkpoints": 1},
    ):
        with pytest.raises(Refusal, match="too-large"):
            check_names(sizes)


def test_a_lie_about_a_size_is_not_believed(tmp_path: Path) -> None:
    """A ZIP file whose directory announces another size than a file has is refused when that file is read."""
    place = archive(tmp_path / "lie.zip", FILES)
    octets = bytearray(place.read_bytes())
    at = octets.rindex(b"ledger/entries.jsonl") - 46
    size = struct.unpack_from("<I", octets, at + 24)[0]
    for lie in (size - 7, size + 7):
        struct.pack_into("<I", octets, at + 24, lie)
        place.write_bytes(octets)
        assert refusal(place) == "bundle/unreadable"


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 1 << 30), change=st.integers(1, 255))
def test_a_damaged_zip_is_refused_or_ko(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    """One byte altered anywhere in the ZIP file is KO, refused, or changes nothing that is read; never a traceback."""
    target = tmp_path_factory.getbasetemp() / "damaged.zip"
    octets = bytearray(ZIP)
    octets[place % len(octets)] ^= change
    target.write_bytes(octets)
    try:
        with open_bundle(target) as bundle:
            whole_still = {name: bundle.read(name) for name in bundle.sizes if name != "README.md"}
            assert not holds(verify_bundle(bundle, trust=TRUST)) or whole_still.items() <= FILES.items()
    except Refusal as refused:
        code = refused.exit
    else:
        code = 9
    assert code == 9


def test_what_is_no_bundle_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, a file that is no ZIP, an encrypted or cut one, each is refused in words and by the exit code."""
    assert refusal(tmp_path / "nothing") == "bundle/absent"
    (tmp_path / "text.zip").write_bytes(b"not a bundle")
    assert refusal(tmp_path / "text.zip") == "bundle/unreadable"
    cut_short = archive(tmp_path / "cut.zip", FILES).read_bytes()[:-30]
    (tmp_path / "cut.zip").write_bytes(cut_short)
    assert refusal(tmp_path / "cut.zip") == "bundle/unreadable"
    assert main([str(tmp_path / "cut.zip"), "--language", "fr"]) == 9
    said = capsys.readouterr()
    assert (said.out, "illisible" in said.err) == ("", True)
    encrypted = bytearray(archive(tmp_path / "key.zip", FILES).read_bytes())
    at = encrypted.rindex(b"ledger/entries.jsonl") - 46
    encrypted[at + 8] |= 1
    (tmp_path / "key.zip").write_bytes(encrypted)
    assert refusal(tmp_path / "key.zip") == "bundle/unreadable"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A file of the folder that is cut or gone after it was listed is refused, not read as shorter."""
    write_bundle(FILES, tmp_path / "b")
    with open_bundle(tmp_path / "b") as bundle:
        (tmp_path / "b" / "ledger" / "entries.jsonl").write_bytes(b"")
        with pytest.raises(Refusal, match="unreadable"):
            bundle.read("ledger/entries.jsonl")
        (tmp_path / "b" / "README.md").unlink()
        with pytest.raises(Refusal, match="unreadable"):
            bundle.read("README.md")
        with pytest.raises(KeyError):
            bundle.open("report.html")


def test_a_policy_is_whole_or_refused() -> None:
    """A policy file without roots, with a root that is no key, or that is no policy, is refused."""
    good = json.loads(TRUST.encode())
    assert Trust.parse(TRUST.encode()) == TRUST
    for bad in (
        [],
        {**good, "roots": {}},
        {**good, "roots": []},
        {key: good[key] for key in ("log", "quorum", "witnesses")},
        {**good, "roots": {"x": 1}},
        {**good, "more": 1},
    ):
        with pytest.raises(Refusal):
            Trust.parse(json.dumps(bad).encode())
