"""Signing where nobody else can act: the laboratory's own page, on its own machine, and signatures that anyone verifies offline."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.bundle import write_bundle
from ecluse.passage.acts import INSTRUCTION_REVOKED, RECIPIENT_COMPARED, SAMPLE_COMPARED
from ecluse.passage.lock import current_instruction
from ecluse.passage.migration import MigrationState
from ecluse.passage.recipients import certify_recipient
from ecluse.proof.sign import payload_of
from ecluse.wiring.demonstration import PASSPHRASE
from ecluse.wiring.inspection import bundle_files, trust_of
from tests.browsers import authenticator, chromium
from tests.sittings import Browser, Desk, copied, sitting


@pytest.fixture
def desk(local_desk: Desk, tmp_path: Path) -> Desk:
    """A workspace of its own."""
    return copied(local_desk, tmp_path / "labo")


@pytest.fixture
def browser(desk: Desk) -> Iterator[Browser]:
    """A plain browser, in which the biologist sits."""
    with sitting(desk) as browser:
        browser.enter()
        browser.sit(desk.cast.ids["biologist"])
        yield browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    """A real browser."""
    with chromium() as browser:
        yield browser


def verified(desk: Desk, place: Path) -> tuple[int, str]:
    """What `ecluse-verify` says of the workspace's evidence, in a process of its own with nothing but the standard library and cryptography."""
    files = bundle_files(desk.workspace.settings)
    write_bundle(files, place / "bundle.zip")
    (place / "policy.json").write_bytes(trust_of(desk.workspace.settings).encode())
    words = [
        sys.executable,
        "-m",
        "ecluse.doors.verify",
        str(place / "bundle.zip"),
        "--policy",
        str(place / "policy.json"),
        "--language",
        "en",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_passkey_signs_in_a_real_browser_and_anyone_verifies_it_offline(
    chrome: Any, desk: Desk, tmp_path: Path
) -> None:
    """The biologist enrols a passkey, signs an agreement and accepts a migration with it; `ecluse-verify` holds every step OK, and none once the passkey's certificate is taken out."""
    with sitting(desk) as plain:
        page = chrome.new_page()
        authenticator(page)
        page.goto(plain.door.address)
        page.get_by_label("Camille Aubert").check()
        page.locator("button").click()
        base = f"http://{plain.door.host}/{plain.door.session.door}"
        page.goto(f"{base}/keys/new")
        page.get_by_label("Phrase de passe de la racine").fill(PASSPHRASE)
        page.locator("button").click()
        page.get_by_role("status").filter(has_text="enrôlée et certifiée").wait_for()
        for address, told in (
            (f"paper/{desk.agreement}", "Le document est en vigueur"),
            (f"accept/{desk.waiting}", "acceptée"),
        ):
            page.goto(f"{base}/{address}")
            page.locator("button").click()
            page.get_by_role("link", name="Signer avec une clé d'accès").click()
            page.locator("button").click()
            page.get_by_role("status").filter(has_text=told).wait_for()
        page.close()
    site = desk.workspace.site("target")
    assert site.migration(desk.waiting).state is MigrationState.RECONCILED
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    code, said = verified(desk, tmp_path / "with")
    assert (code, " KO " in said) == (0, False), said
    for file in (desk.home / "laboratory-old" / "passkeys").glob("*.cert"):
        file.unlink()
    code, said = verified(desk, tmp_path / "without")
    assert code == 9, said


def test_a_copied_passkey_signs_nothing(chrome: Any, desk: Desk) -> None:
    """A passkey whose counter did not go on since its last use signs nothing, and the page says that it may have been copied."""
    with sitting(desk) as plain:
        page = chrome.new_page()
        authenticator(page)
        page.goto(plain.door.address)
        page.get_by_label("Camille Aubert").check()
        page.locator("button").click()
        base = f"http://{plain.door.host}/{plain.door.session.door}"
        page.goto(f"{base}/keys/new")
        page.get_by_label("Phrase de passe de la racine").fill(PASSPHRASE)
        page.locator("button").click()
        page.get_by_role("status").wait_for()
        (kept,) = (desk.home / "laboratory-old" / "passkeys").glob("*.toml")
        kept.write_text(kept.read_text("utf-8").replace("counter = 1", "counter = 99"), "utf-8")
        page.goto(f"{base}/paper/{desk.agreement}")
        page.locator("button").click()
        page.get_by_role("link", name="Signer avec une clé d'accès").click()
        page.locator("button").click()
        page.get_by_role("alert").filter(has_text="passkey/counter-back").wait_for()
        page.close()
    assert "counter = 99" in kept.read_text("utf-8")


def test_everything_but_a_passkey_is_done_without_a_script(browser: Browser, desk: Desk) -> None:
    """In a browser that runs no script, the biologist reads and signs an agreement, looks at the sample, accepts, and reads the certificate."""
    assert "Votre signature est attendue" in browser.get().text
    assert "16" in browser.get(f"paper/{desk.agreement}").text
    browser.post(f"paper/{desk.agreement}")
    assert "Le document est en vigueur" in browser.sign().text
    browser.post(f"sample/{desk.waiting}")
    shown = browser.sign()
    assert 'id="p1"' in shown.text
    assert desk.workspace.site("target").bodies(SAMPLE_COMPARED, subject=desk.waiting)
    browser.post(f"accept/{desk.waiting}")
    assert "acceptée" in browser.sign().text
    assert desk.workspace.site("target").migration(desk.waiting).state is MigrationState.RECONCILED
    assert "Attestation d&#x27;effacement" in browser.get(f"certificate/{desk.erased}").text


def test_a_document_is_signed_octet_for_octet_as_it_was_brought(browser: Browser, desk: Desk) -> None:
    """A document brought as a file is signed by its exact bytes, line ends and accents as they were, and kept nowhere before it is signed."""
    payload = (desk.home / "codes.toml").read_bytes() + "# relu à Vannes\r\n".encode()
    documents = list((desk.home / "exchange" / "documents").iterdir())
    shown = browser.post("bring/codes", file=("codes été.toml", payload))
    assert "VIH" in shown.text
    assert list((desk.home / "exchange" / "documents").iterdir()) == documents
    digest = browser.at.rpartition("/")[2]
    browser.post(browser.at)
    assert "Le document est en vigueur" in browser.sign().text
    assert payload_of(desk.workspace.site("source").documents.get(f"sha256:{digest}")) == payload


def test_an_instruction_is_taken_back_for_a_reason(browser: Browser, desk: Desk) -> None:
    """The biologist takes the instruction back by a signed document that gives the reason; a reason too short is refused and what was typed stays."""
    site = desk.workspace.site("source")
    current = current_instruction(site).partition(":")[2]
    refused = browser.post(f"revoke/{current}", reason="court")
    assert (refused.status, 'value="court"' in refused.text) == (422, True)
    browser.post(f"revoke/{current}", reason="Le laboratoire garde son ancien logiciel.")
    assert desk.waiting in browser.sign().text
    assert site.bodies(INSTRUCTION_REVOKED)[-1]["instruction"] == f"sha256:{current}"
    assert site.migration(desk.waiting).state is MigrationState.REVOKED
    assert "Révoquée" in browser.get(f"paper/{current}").text


def test_a_key_is_compared_before_its_first_use(browser: Browser, desk: Desk) -> None:
    """A recipient's fingerprint is never shown where it is typed; digits that differ go no further, the right ones are noted under the person's signature."""
    target = desk.workspace.site("target")
    root = desk.workspace.folder("target").unlock_root(PASSPHRASE)
    made = certify_recipient(
        target, "second", root=root, until=target.clock().replace(year=target.clock().year + 1)
    )
    place, digits = f"recipient/{made.certificate.partition(':')[2]}", made.keycert.fingerprint()
    page = browser.get(place)
    assert digits not in page.text
    wrong = browser.post(place, digits=digits[:-1] + str((int(digits[-1]) + 1) % 10))
    assert "door/fingerprint-differs" in wrong.text
    noted = len(target.bodies(RECIPIENT_COMPARED))
    browser.post(place, digits=digits)
    assert len(desk.workspace.site("source").bodies(RECIPIENT_COMPARED)) == noted
    browser.sign()
    assert desk.workspace.site("source").bodies(RECIPIENT_COMPARED)[-1]["certificate"] == made.certificate


def test_another_laboratory_s_root_is_compared_before_it_is_trusted(browser: Browser, desk: Desk) -> None:
    """A peer's root is trusted once its eight groups were typed, and not before."""
    (desk.home / "laboratory-old" / "peers" / "laboratory-new.pub").unlink()
    folder = desk.workspace.folder("source")
    assert "laboratory-new" in browser.get().text
    digits = desk.workspace.folder("target").root.fingerprint()
    assert browser.post("peer/laboratory-old/laboratory-new", digits="0000 " * 8).status == 422
    assert "laboratory-new" not in folder.peers()
    browser.post("peer/laboratory-old/laboratory-new", digits=digits.replace(" ", ""))
    assert folder.peers()["laboratory-new"] == desk.workspace.folder("target").root


def test_nobody_signs_for_somebody_else(browser: Browser, desk: Desk) -> None:
    """A person without the permission is refused, one who sits down later cannot finish another's act, and another's passphrase opens nothing."""
    browser.post(f"paper/{desk.agreement}")
    begun = browser.at
    browser.sit(desk.cast.ids["engineer"])
    assert browser.get(begun).status == 422
    assert (
        "people/may-not" in browser.post(f"accept/{desk.waiting}").text
        or browser.get(f"accept/{desk.waiting}").status == 422
    )
    assert desk.workspace.site("target").migration(desk.waiting).state is MigrationState.LOADED
    browser.sit(desk.cast.ids["biologist"])
    assert "key/wrong-passphrase" in browser.post(begun, passphrase="une autre phrase de passe").text
    browser.sign()
    assert browser.get(begun).status == 422


def test_no_secret_is_in_an_address_a_page_or_a_log(desk: Desk) -> None:
    """The passphrase, the cookie and the address's secret appear in no page, no address but the first, no file of the workspace, and nothing that the program prints."""
    told = io.StringIO()
    with redirect_stdout(told), redirect_stderr(told), sitting(desk) as browser:
        token = browser.door.session.token
        browser.enter()
        browser.sit(desk.cast.ids["biologist"])
        browser.post(f"paper/{desk.agreement}")
        browser.sign()
        browser.post(f"sample/{desk.waiting}")
        browser.sign("une phrase mal tapée")
        cookie = browser.cookie.partition("=")[2]
        seen = [text for text in browser.seen if not text.startswith("ecluse=")]
    assert told.getvalue() == ""
    files = [file.read_bytes() for file in desk.home.rglob("*") if file.is_file()]
    for secret in (PASSPHRASE, "une phrase mal tapée", token, cookie):
        assert not [text for text in seen if secret in text], secret
        assert not [octets for octets in files if secret.encode() in octets], secret
    assert re.search(r"type=\"password\"[^>]*autocomplete=\"off\"", "".join(seen))
