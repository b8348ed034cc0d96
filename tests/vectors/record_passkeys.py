"""Record passkeys.json: envelopes signed in Chromium by its virtual authenticator, and each made wrong in one way.

    .venv/bin/python -m tests.vectors.record_passkeys

Another Chromium, or another day, gives other octets and the same outcomes. What is recorded stays as it is: it is what a browser gave once.
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ecluse.proof.canonical import canonical_json
from ecluse.proof.enrolment import ALGORITHMS, Enrolled, enrolled
from ecluse.proof.passkey import Assertion, challenge_of
from ecluse.proof.sign import DOCUMENT_TYPES, pae
from tests.browsers import authenticator, chromium

VECTORS = Path(__file__).with_name("passkeys.json")
KIND = "application/vnd.ecluse.webauthn+json"
PAYLOAD = b'id = "essai-1"\nversion = 1\n'
CREATE = """async ([challenge, alg]) => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)), text = octets => btoa(String.fromCharCode(...new Uint8Array(octets)));
  const made = await navigator.credentials.create({publicKey: {challenge: bytes(challenge), rp: {id: 'localhost', name: 'Écluse'},
    user: {id: bytes('cC0xYTJi'), name: 'p-1a2b', displayName: 'p-1a2b'}, pubKeyCredParams: [{type: 'public-key', alg}],
    authenticatorSelection: {userVerification: 'preferred'}}});
  return [text(made.response.getAuthenticatorData()), text(made.response.clientDataJSON)];
}"""
GET = """async ([challenge, id, userVerification]) => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)), text = octets => btoa(String.fromCharCode(...new Uint8Array(octets)));
  const given = await navigator.credentials.get({publicKey: {challenge: bytes(challenge), rpId: 'localhost', userVerification,
    allowCredentials: [{type: 'public-key', id: bytes(id)}]}});
  return [text(given.response.authenticatorData), text(given.response.clientDataJSON), text(given.response.signature)];
}"""


def given(page: Any, new: Enrolled, over: bytes, *, verified: str = "required") -> Assertion:
    """What the browser gives for a document."""
    challenge, credential = b64encode(challenge_of(over)).decode(), b64encode(new.credential).decode()
    return Assertion(*map(b64decode, page.evaluate(GET, [challenge, credential, verified])))


def vector(
    name: str,
    key: str,
    assertion: Assertion,
    outcome: str,
    *,
    type: str = "instruction",
    payload: bytes = PAYLOAD,
) -> dict[str, Any]:
    """One vector: an envelope as it would be read from a file, and what verifying its one signature by `key` says."""
    extension = {
        "kind": KIND,
        "ext": {
            "authenticatorData": b64encode(assertion.authenticator).decode(),
            "clientDataJSON": b64encode(assertion.client).decode(),
        },
    }
    envelope = {
        "payload": b64encode(payload).decode(),
        "payloadType": DOCUMENT_TYPES[type],
        "signatures": [{"keyid": "", "sig": b64encode(assertion.signature).decode(), "extension": extension}],
    }
    return {
        "name": name,
        "key": key,
        "type": type,
        "envelope": canonical_json(envelope).decode(),
        "outcome": outcome,
    }


def flipped(octets: bytes, place: int) -> bytes:
    """The octets with one bit of one of them changed."""
    return octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :]


def made(page: Any, algorithm: int, name: str) -> Iterator[dict[str, Any]]:
    """The vectors of one kind of key."""
    new = enrolled_in(page, algorithm)
    other = enrolled_in(page, algorithm)
    over = pae(DOCUMENT_TYPES["instruction"], PAYLOAD)
    key, good = new.key.encode(), given(page, new, over)
    yield vector(f"{name}, as signed", key, good, "holds")
    yield vector(f"{name}, another key", other.key.encode(), good, "passkey/signature-differs")
    yield vector(f"{name}, another document", key, good, "passkey/other-challenge", payload=PAYLOAD + b"\n")
    yield vector(f"{name}, another type of document", key, good, "passkey/other-challenge", type="agreement")
    for field, place, code in (
        ("authenticator", 0, "passkey/other-site"),
        ("authenticator", 32, "passkey/not-verified"),
        ("authenticator", 36, "passkey/signature-differs"),
        ("client", 2, "passkey/malformed"),
        ("signature", 10, "passkey/signature-differs"),
    ):
        changed = replace(good, **{field: flipped(getattr(good, field), place)})
        yield vector(f"{name}, one bit of octet {place} of {field} changed", key, changed, code)
    for before, after, code in (
        (b'"webauthn.get"', b'"webauthn.create"', "passkey/other-type"),
        (b"http://localhost:", b"https://exchange.example:", "passkey/other-origin"),
        (b'"crossOrigin":false', b'"crossOrigin":true', "passkey/other-origin"),
        (b'{"type":', b'{"type":"webauthn.get","type":', "sign/json-malformed"),
        (b'"crossOrigin":false', b'"crossOrigin":false ', "passkey/signature-differs"),
    ):
        changed = replace(good, client=good.client.replace(before, after, 1))
        yield vector(f"{name}, {before.decode()} made {after.decode()}", key, changed, code)
    yield vector(
        f"{name}, the person not verified",
        key,
        given(page, new, over, verified="discouraged"),
        "passkey/not-verified",
    )


def enrolled_in(page: Any, algorithm: int) -> Enrolled:
    """A new passkey of the browser's."""
    octets = page.evaluate(CREATE, [b64encode(bytes(32)).decode(), algorithm])
    authenticator_, client = map(b64decode, octets)
    return enrolled(authenticator=authenticator_, client=client, challenge=bytes(32))


@contextmanager
def empty_page() -> Iterator[str]:
    """The address of an empty page on this machine."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>-</title>")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def record() -> None:
    """Write passkeys.json."""
    with empty_page() as address, chromium() as browser:
        page = browser.new_page()
        authenticator(page)
        page.goto(address)
        vectors = [
            one
            for algorithm, name in zip(ALGORITHMS, ("ES256", "Ed25519"), strict=True)
            for one in made(page, algorithm, name)
        ]
        content = {"made": f"Chromium {browser.version}, virtual authenticator", "vectors": vectors}
    VECTORS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    record()
