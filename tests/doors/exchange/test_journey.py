"""People in a real browser: invited, enrolled with a passkey, at work in the console, and out at once when their account ends."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import authenticator, axe, chromium
from tests.exchanges import Running, running

PASSWORD = "agrafe cheval pile correct"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("host")) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def desk(browser: Any, **options: object) -> Any:
    """A person's own browser, with an authenticator that holds their passkeys."""
    context = browser.new_context(ignore_https_errors=True, **options)
    page = context.new_page()
    authenticator(page)
    return page


def join(page: Any, link: str) -> None:
    """Open a one-time link, choose a password, add a passkey."""
    page.goto(link)
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_label("Le même").fill(PASSWORD)
    page.get_by_role("button", name="Créer mon compte").click()
    page.wait_for_url("**/account/factors/")
    page.get_by_role("link", name="Ajouter").click()
    if "again" in page.url:
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main button[type=submit]").first.click()
    page.locator("input[name=passwordless]").check()
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(re.compile("factors/(webauthn/$|recovery-codes/)"))
    page.wait_for_load_state("networkidle")


def test_a_laboratory_comes_in_works_and_a_person_leaves(served: Running, browser: Any) -> None:
    """From the host's first link to the end of an account, with passkeys, in a real browser: nobody gets further than their part."""
    host = desk(browser)
    join(host, served.link)
    host.goto(served.url)
    assert "Mes reprises" in host.title()
    served.type("exchange", "chamber", "labo-du-lac", "--laboratory", "Laboratoire du Lac")
    told = served.type(
        "exchange", "invite", "labo-du-lac", "--person", "Camille Roche", "--professional-id", "10001234567",
        "--email", "camille@example.org", "--role", "biologist", "--organisation", "Laboratoire du Lac",
    )  # fmt: skip
    biologist = desk(browser)
    join(biologist, told["link"])

    biologist.goto(f"{served.url}chamber/labo-du-lac/people/")
    biologist.get_by_role("link", name="Inviter une personne").click()
    if "again" in biologist.url:
        biologist.locator("input[type=password]").fill(PASSWORD)
        biologist.locator("main button[type=submit]").first.click()
    biologist.get_by_label("Nom").first.fill("Dominique Meunier")
    biologist.get_by_label("RPPS").fill("DPO-17")
    biologist.get_by_label("Adresse électronique").fill("dominique@example.org")
    biologist.get_by_label("Rôle").select_option("dpo")
    biologist.get_by_role("button", name="Inviter une personne").click()
    link = biologist.locator("main code").inner_text()

    officer = desk(browser, viewport=PHONE)
    join(officer, link)
    officer.goto(f"{served.url}chamber/labo-du-lac/")
    assert officer.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    officer.get_by_role("button", name="Se déconnecter").click()
    officer.locator("main button[type=submit], main button").first.wait_for()
    if "logout" in officer.url:
        officer.locator("main button[type=submit]").first.click()
    officer.goto(f"{served.url}account/login/")
    officer.get_by_role("button", name="Utiliser une clé d'accès").click()
    officer.wait_for_url(served.url)

    biologist.goto(f"{served.url}chamber/labo-du-lac/people/")
    biologist.get_by_text("Mettre fin à ce compte").first.click()
    biologist.get_by_label("Motif").first.fill("départ")
    biologist.get_by_role("button", name=re.compile("Mettre fin au compte de Dominique")).click()
    assert "terminé" in biologist.locator("main").inner_text()
    officer.goto(f"{served.url}chamber/labo-du-lac/")
    assert "/account/login/" in officer.url


def test_an_engineer_comes_in_by_sftp_for_eight_hours(served: Running, browser: Any, tmp_path: Path) -> None:
    """A certificate given in the console after a second factor opens the SFTP door to OpenSSH's own client; ended there, it opens nothing."""
    if not shutil.which("sftp"):
        pytest.skip("sftp: not installed (apt-get install openssh-client)")
    served.type("exchange", "chamber", "labo-sftp", "--laboratory", "Laboratoire des écluses")
    told = served.type(
        "exchange", "invite", "labo-sftp", "--person", "Noa Marchand", "--professional-id", "K-7",
        "--email", "noa@example.org", "--role", "engineer", "--organisation", "Kalibio SAS",
    )  # fmt: skip
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    page = desk(browser)
    join(page, told["link"])
    page.goto(f"{served.url}sftp/")
    page.locator("textarea").fill(key.with_suffix(".pub").read_text())
    page.get_by_role("button", name="Obtenir un certificat").click()
    if "again" in page.url:
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main button[type=submit]").first.click()
        page.goto(f"{served.url}sftp/")
        page.locator("textarea").fill(key.with_suffix(".pub").read_text())
        page.get_by_role("button", name="Obtenir un certificat").click()
    certificate, known, command = page.locator("main pre").all_inner_texts()
    (tmp_path / "id_ed25519-cert.pub").write_text(certificate + "\n")
    (tmp_path / "known_hosts").write_text(known + "\n")
    port, where = re.findall(r"-P (\d+) (\S+)$", command)[0]

    def listed() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "sftp", "-q", "-b", "-", "-i", str(key), "-P", port, "-F", "none",
                "-o", f"UserKnownHostsFile={tmp_path / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes", where,
            ],
            input="ls -1\n", capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    assert listed().returncode == 0, listed().stderr
    page.get_by_role("button", name="Y mettre fin").click()
    page.get_by_text("Aucun.").wait_for()
    assert listed().returncode != 0


def test_axe_finds_nothing(served: Running, browser: Any) -> None:
    """WCAG 2.1 A and AA, as axe-core judges them: nothing on the log-in, the home page, a chamber's pages and the second factors."""
    served.type("exchange", "chamber", "labo-axe", "--laboratory", "Laboratoire d'axe")
    told = served.type(
        "exchange", "invite", "labo-axe", "--person", "Alex Vidal", "--professional-id", "10009876543",
        "--email", "alex@example.org", "--role", "biologist", "--organisation", "Laboratoire d'axe",
    )  # fmt: skip
    page = desk(browser)
    found = {"join": judged(page, told["link"]), "login": judged(page, f"{served.url}account/login/")}
    join(page, told["link"])
    for path in (
        "", "account/factors/", "account/sessions/", "chamber/labo-axe/", "chamber/labo-axe/people/",
        "chamber/labo-axe/machines/", "chamber/labo-axe/register/", "chamber/labo-axe/measures/",
    ):  # fmt: skip
        found[path] = judged(page, served.url + path)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def judged(page: Any, url: str) -> list[str]:
    page.goto(url)
    return axe(page)
