"""Two laboratories and one exchange, each in a process and a folder of its own: the passage through HTTPS, whatever is cut or killed on the way."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.clock import SystemClock
from ecluse.base.refusal import Refusal
from ecluse.passage.lock import current_instruction
from ecluse.passage.migration import MigrationState
from ecluse.passage.outbound import begin
from ecluse.passage.recipients import certify_recipient, note_compared
from ecluse.people.role import Role
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import payload_of, sign_document
from ecluse.wiring.cards import write_card
from ecluse.wiring.demonstration import PASSPHRASE, PEOPLE, WORK_FACTOR, Cast
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.settings import FILE, read_settings, write_settings
from ecluse.wiring.workspace import Workspace
from tests.exchange_process import ECLUSE, Served
from tests.network import Cutting
from tests.workspaces import Laboratory

NOW = SystemClock().now


class Machine:
    """One laboratory's machine: its folder, and the command line there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.secret = home / "passphrase"
        home.mkdir(mode=0o700, exist_ok=True)
        self.secret.touch(mode=0o600)
        self.secret.write_text(PASSPHRASE + "\n", "utf-8")

    @property
    def workspace(self) -> Workspace:
        return Workspace(read_settings(self.home))

    def ecluse(self, *words: str, code: int = 0) -> dict[str, Any]:
        """One command, in a process of its own; what it says as JSON."""
        ended = subprocess.run(
            [*ECLUSE, "--home", str(self.home), "--language", "en", *words, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return said

    def acts(self, *words: str, by: str, code: int = 0) -> dict[str, Any]:
        return self.ecluse(*words, "--as", by, "--passphrase-file", str(self.secret), code=code)


class Passage:
    """Everything up to a signed instruction, on three machines."""

    def __init__(self, base: Path, *, story: Callable[[Path, Path], Laboratory]) -> None:
        """`story`: what is carried, given the folders of the old machine and of the new one."""
        self.exchange = Served(base / "exchange")
        self.exchange.make()
        self.old, self.new = Machine(base / "old"), Machine(base / "new")
        self.proxy = Cutting(self.exchange.port)
        self.story = story(self.old.home, self.new.home)
        self.story.invent()
        self._apart()
        self.cast, self.there = self._people()

    def _apart(self) -> None:
        """Each machine's settings name its own system alone, and the exchange by its address."""
        both = self.story.settings
        for machine, source, target in ((self.old, both.source.url, ""), (self.new, "", both.target.url)):
            for name in ("old.toml", "new.toml"):
                (machine.home / name).write_bytes((self.old.home / name).read_bytes())
            (machine.home / FILE).unlink(missing_ok=True)
            write_settings(
                machine.home, language="en", source_url=source, target_url=target, source_mapping="old.toml", target_mapping="new.toml", exchange=self.exchange.url
            )  # fmt: skip
            with (machine.home / FILE).open("r+", encoding="utf-8") as file:
                text = file.read()
                file.seek(0)
                file.write(f'proxy = "{self.proxy.url}"\n{text}')
        self.story.settings = replace(read_settings(self.old.home), target=both.target)

    def _people(self) -> tuple[Cast, dict[str, str]]:
        """Both sites with their people, each root compared by the other, each card signed."""
        folders = (SiteFolder(self.old.home / "laboratory-old"), SiteFolder(self.new.home / "laboratory-new"))
        roots = [
            folder.create(passphrase=PASSPHRASE, at=NOW(), work_factor=WORK_FACTOR) for folder in folders
        ]
        ids: list[dict[str, str]] = [{}, {}]
        keys: dict[str, SigningKey] = {}
        for place, (folder, root) in enumerate(zip(folders, roots, strict=True)):
            folder.confirm()
            folder.compare(folders[1 - place].name, roots[1 - place].public)
            for part, name, number, role in PEOPLE if place == 0 else (PEOPLE[0], PEOPLE[3]):
                person = folder.add_person(
                    name=name, professional_id=number, role=Role(role), passphrase=PASSPHRASE, root=root, at=NOW(), work_factor=WORK_FACTOR
                )  # fmt: skip
                ids[place][part] = person.id
                if place == 0:
                    keys[part] = folder.unlock_person(person.id, PASSPHRASE)
            write_card(folder, root=root, at=NOW())
        self.exchange.enrol(**{folder.name: folder.agent().public.encode() for folder in folders})
        return Cast(ids[0], keys), ids[1]

    def enrol(self) -> None:
        """Both machines hold to the exchange, by what its host read to them."""
        for machine in (self.old, self.new):
            machine.ecluse(
                "agent",
                "enrol",
                "--certificate",
                self.exchange.certificate_fingerprint,
                "--ledger",
                self.exchange.ledger_fingerprint,
            )

    def sign(self) -> str:
        """Agreement, recipient's key and instruction, each signed where its signer is; the instruction's digest."""
        target = self.new.workspace.site("target")
        self.new.workspace.tell_target(target)
        root = SiteFolder(self.new.home / "laboratory-new").unlock_root(PASSPHRASE)
        made = certify_recipient(target, "demo-2026", root=root, until=NOW() + timedelta(days=90))
        source = self.old.workspace.site("source")
        note_compared(source, made.certificate, by=self.cast.ids["biologist"], subject="laboratory-new")
        agreement = self.story.sign_agreement(source, self.cast)
        return self.story.sign_instruction(
            source, self.cast, agreement=agreement, certificate=made.certificate
        )

    def verified(self, machine: Machine) -> dict[str, Any]:
        """The bundle that a machine makes, judged under the policy that it hands out."""
        for file in ("bundle.zip", "policy.json"):
            (machine.home / file).unlink(missing_ok=True)
        machine.ecluse(
            "bundle", str(machine.home / "bundle.zip"), "--policy", str(machine.home / "policy.json")
        )
        return machine.ecluse(
            "verify", str(machine.home / "bundle.zip"), "--policy", str(machine.home / "policy.json")
        )


def invented(old: Path, new: Path) -> Laboratory:
    """Forty invented patients, from one SQLite file to another."""
    urls = {"source_url": f"sqlite:///{old}/old.sqlite", "target_url": f"sqlite:///{new}/new.sqlite"}
    return Laboratory(old, patients=40, seed=3, **urls)


@pytest.fixture
def passage(tmp_path: Path) -> Iterator[Passage]:
    made = Passage(tmp_path, story=invented)
    made.exchange.start()
    yield made
    made.exchange.kill()
    made.proxy.close()


def test_a_passage_between_separate_machines_whatever_is_cut_or_killed(passage: Passage) -> None:
    """A laboratory's records go from one machine to another through an exchange that is cut, killed and started again, and both ends prove the same passage."""
    old, new = passage.old, passage.new
    old.ecluse("agent", "enrol", "--certificate", "00:11", "--ledger", "1", code=7)
    passage.enrol()
    passage.sign()
    engineer, there = passage.cast.ids["engineer"], passage.there
    passage.proxy.cut_after, passage.proxy.cuts = 60_000, 2
    done = old.acts("run", by=engineer)
    assert (done["done"], done["state"]) == (["extract", "deposit"], "deposited")
    assert passage.proxy.dropped == 2
    name = done["migration"]
    passage.exchange.kill()
    threading.Timer(1.0, passage.exchange.start).start()
    passage.proxy.cuts = 1
    for _ in range(5):  # a fault of the world: the same command again
        ended = subprocess.run(
            [*ECLUSE, "--home", str(new.home), "run", "--as", there["engineer"], "--passphrase-file", str(new.secret), "--json"], capture_output=True, text=True, check=False
        )  # fmt: skip
        if ended.returncode != 1:
            break
        time.sleep(1)
    assert json.loads(ended.stdout.splitlines()[-1])["state"] == "loaded", ended.stdout + ended.stderr
    old.acts("accept", by=passage.cast.ids["biologist"], code=2)  # what is here was not compared here
    new.acts("accept", by=there["biologist"])
    assert new.acts("erase", by=there["biologist"], code=5)["refusal"]["code"] == "erase/waiting"
    assert [it["word"] for it in old.ecluse("agent", "run", "--once")["done"]] == ["witnessed", "cleared"]
    assert [it["word"] for it in new.ecluse("agent", "run", "--once")["done"]] == ["witnessed", "certified"]
    assert [it["word"] for it in old.ecluse("agent", "run", "--once")["done"]] == [
        "witnessed",
        "countersigned",
    ]
    for machine in (old, new):
        assert machine.ecluse("agent", "status")["noted"] == []
        judged = passage.verified(machine)
        assert (judged["holds"], judged["trusted"]) == (True, True), judged
    assert not any((passage.exchange.home / "chambers" / "labo-a" / "custody").iterdir())
    state = old.workspace.site("source").migration(name).state
    assert state.value == "erased"


def test_a_step_of_the_other_machine_is_refused_by_its_place(passage: Passage) -> None:
    """What the other machine holds is neither looked for nor made up here: the refusal says where the step is taken."""
    passage.enrol()
    course = passage.old.workspace.course()
    with pytest.raises(Refusal, match="settings/elsewhere"):
        course.load("m-1", by="p-1")
    with pytest.raises(Refusal, match="settings/elsewhere"):
        course.target_system()


def test_a_site_elsewhere_is_compared_by_its_card(passage: Passage) -> None:
    """A site on another machine is compared by the root that its card claims: what was read by telephone decides, and until then none of its people is known."""
    from ecluse.doors.cli.sites import check_digits

    passage.enrol()
    new = SiteFolder(passage.new.home / "laboratory-new")
    passage.new.workspace.site("target")  # puts its card at the exchange
    (passage.old.home / "laboratory-old" / "peers" / "laboratory-new.pub").unlink()
    before = passage.old.workspace.site("source")
    assert "laboratory-new" not in before.agents
    assert not set(passage.there.values()) & set(before.people)
    claimed = passage.old.workspace.root_told("laboratory-new")
    check_digits(new.root.fingerprint(), claimed.fingerprint(), where="laboratory-new")
    passage.old.ecluse("site", "compare", "laboratory-new", "--fingerprint", "0000", code=7)
    passage.old.ecluse("site", "compare", "laboratory-new", "--fingerprint", new.root.fingerprint())
    after = passage.old.workspace.site("source")
    assert after.agents["laboratory-new"] == new.agent().public
    assert set(passage.there.values()) <= set(after.people)


def test_a_workspace_for_one_site_names_its_exchange(tmp_path: Path) -> None:
    """A workspace for one site alone is made with the exchange's address, and an address without TLS is refused before anything is written."""
    machine = Machine(tmp_path / "new")
    for url in ("http://sas.example/labo-a", "https://sas.example/", "https://a:b@sas.example/labo-a"):
        assert (
            machine.ecluse("init", "--exchange", url, "--source", "sqlite:///old.sqlite", code=2)["refusal"][
                "code"
            ]
            == "link/address"
        )
    machine.ecluse(
        "init", "--exchange", "https://sas.example:8443/labo-a", "--source", "sqlite:///old.sqlite"
    )
    settings = machine.workspace.settings
    assert (settings.chamber, settings.target.url, settings.source.url) == (
        "https://sas.example:8443/labo-a",
        "",
        "sqlite:///old.sqlite",
    )
    machine.ecluse("agent", "status", code=2)


def test_what_a_compromised_exchange_does_to_a_parcel_is_refused_and_noted(passage: Passage) -> None:
    """A part dropped, cut, swapped, altered or another's: the target's site takes none of it, notes it at home, and loads the true parcel once it is back."""
    passage.enrol()
    passage.sign()
    source = passage.old.workspace.course()
    by = passage.cast.ids["engineer"]
    name = begin(source.source, by=by, instruction=current_instruction(source.source))
    assert source.run(name, by=by) is MigrationState.DEPOSITED
    custody = passage.exchange.home / "chambers" / "labo-a" / "custody" / name
    kept = {file.name: file.read_bytes() for file in custody.iterdir()}
    first, second = sorted(kept)[1:3]
    target = passage.new.workspace.course()
    attacks: dict[str, dict[str, bytes | None]] = {
        "drops": {first: None},
        "truncates": {first: kept[first][:-70_000]},
        "swaps": {first: kept[second], second: kept[first]},
        "alters": {first: kept[first][:-1] + bytes([kept[first][-1] ^ 1])},
        "signs anew": {"manifest.dsse.json": sign_document(payload_of(kept["manifest.dsse.json"]), type="manifest", keys=[SigningKey.new()])},
    }  # fmt: skip
    codes = []
    for changed in attacks.values():
        for file, octets in changed.items():
            (custody / file).unlink()
            if octets is not None:
                (custody / file).write_bytes(octets)
        with pytest.raises(Refusal) as refused:
            target.hand_over(name, by=passage.there["engineer"])
        codes.append(refused.value.code)
        for file in changed:
            (custody / file).write_bytes(kept[file])
    assert codes == [
        "vault/absent",
        "parcel/part-altered",
        "parcel/part-altered",
        "parcel/part-altered",
        "sign/not-enough-signatures",
    ]
    noted = [fact["code"] for fact in passage.new.ecluse("agent", "status")["noted"]]
    assert list(dict.fromkeys(noted)) == list(dict.fromkeys(codes))
    assert target.target.migration(name).state is MigrationState.DEPOSITED
    assert target.run(name, by=passage.there["engineer"]) is MigrationState.LOADED
