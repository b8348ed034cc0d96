"""What the door says where a reader could go astray: the source's account, which instruction, what comes next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecluse.adapters.clock import SystemClock
from ecluse.doors.cli.shown import SHOWN
from ecluse.proof.keycert import certify
from ecluse.wiring.folders import SiteFolder
from tests.doors.conftest import Desk


def following(printed: str) -> str:
    """The command on the last line."""
    return printed.strip().splitlines()[-1].partition("ecluse ")[2]


def test_the_lock_says_what_the_sources_account_may_do(desk: Desk) -> None:
    """Dark lamps: the account was not looked at. Lit: it is; one that may do too much closes the lock, with the exit code a run would have."""
    told = desk.json("lock", "status", code=5)
    assert set(told) == set(SHOWN["lock status"])
    assert told["account"] == {"looked": False, "code": "", "message": "", "hint": ""}
    assert "- compte du système d'origine : pas encore regardé" in desk.type("lock", "status", code=5).stdout
    desk.sign_all()
    assert desk.json("lock", "status")["account"]["looked"] is True
    assert "✓ compte du système d'origine" in desk.type("lock", "status").stdout
    (desk.home / "old.sqlite").chmod(0o666)
    told = desk.json("lock", "status", code=8)
    assert (told["open"], told["account"]["code"]) == (False, "source/account-exceeds")
    assert all(lamp["lit"] for lamp in told["lamps"])
    closed = desk.type("lock", "status", code=8)
    assert "Rien ne peut partir." in closed.stdout
    assert following(closed.stderr) == "plan --grants ACCOUNT"
    assert "[source/account-exceeds]" in desk.type("run", *desk.by("engineer"), code=8).stderr


def test_a_source_out_of_reach_is_said_not_to_have_been_looked_at(desk: Desk) -> None:
    """Where the source does not answer, the lock says that its account was not looked at, and not that it is well."""
    desk.sign_all()
    (desk.home / "old.sqlite").rename(desk.home / "elsewhere.sqlite")
    assert desk.json("lock", "status")["account"]["looked"] is False


def test_the_doctor_names_what_mends_the_first_thing(desk: Desk) -> None:
    """All well, the doctor points to the lock; an account with too much power, to the rights it should have; words that were not typed back, to that."""
    desk.sign_all()
    assert following(desk.type("doctor").stderr) == "lock status"
    (desk.home / "old.sqlite").chmod(0o666)
    assert following(desk.type("doctor", code=1).stderr) == "plan --grants ACCOUNT"
    (desk.home / "laboratory-new" / "confirmed").unlink()
    assert following(desk.type("doctor", code=1).stderr) == "site confirm target"


def test_an_instruction_is_meant_by_its_id_or_the_first_digits_of_its_digest(desk: Desk) -> None:
    """Its id, its digest or six digits of it name the one instruction; fewer, or an id that nobody signed, name none."""
    desk.sign_all()
    digest = desk.json("instruction", "show")["digest"]
    digits = digest.removeprefix("sha256:")
    for given in ("essai-1", digest, digest[:20], digits[:6]):
        assert desk.json("instruction", "show", given)["digest"] == digest
        assert desk.json("plan", given)["instruction"] == digest
    for given in ("essai-2", digits[:5], "sha256:", f"sha256:{'0' * 64}"):
        desk.type("instruction", "show", given, code=2 if len(given) < 64 else 5)


def test_what_comes_next_is_what_can_be_done(desk: Desk) -> None:
    """After the rights, the doctor that looks at them; after rejects of the source, or none, the migration's own next step."""
    desk.sign_all()
    assert following(desk.type("plan", "--grants", "reader").stderr) == "doctor"
    assert following(desk.type("plan", "--sql").stderr) == "lock status"
    name = desk.json("run", *desk.by("engineer"))["migration"]
    assert following(desk.type("rejects", "list").stderr) == f"accept {name} --as PERSON"
    going = desk.type("run", *desk.by("engineer"))
    assert going.stdout.startswith(f"Reprise {name}, là où elle en était")


@pytest.mark.parametrize("days", [30, -30])
def test_a_machines_certificate_near_its_end_is_renewed(desk: Desk, days: int) -> None:
    """Near its end, or past it, the doctor shows the certificate in red and names the verb that renews it; renewed, all is well again."""
    secret = desk.home / "passphrase.txt"
    folder = SiteFolder(desk.home / "laboratory-old")
    root = folder.unlock_root(secret.read_text("utf-8").strip())
    now = SystemClock().now()
    (folder.path / "agent.cert").write_bytes(
        certify(
            subject=folder.name, role="agent", purpose="sign", key=folder.agent().public.encode(),
            not_before=now - timedelta(days=700), not_after=now + timedelta(days=days), root=root,
        )
    )  # fmt: skip
    ill = desk.type("doctor", code=1)
    assert following(ill.stderr) == "site renew source"
    desk.type("site", "renew", "source", "--passphrase-file", str(secret), "--dry-run")
    assert not list(folder.path.glob("agent-*.cert"))
    told = desk.json("site", "renew", "source", "--passphrase-file", str(secret))
    assert set(told) == set(SHOWN["site renew"])
    assert told["until"][:10] == (now + timedelta(days=730)).date().isoformat()
    assert following(desk.type("doctor").stderr) == "lock status"
