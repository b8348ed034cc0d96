"""A machine's token: this exchange's mark on a key and an end, and worth what the account is worth now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ecluse.base.refusal import Refusal
from ecluse.doors.api.session import SESSION, Sessions
from ecluse.people.machine import MachineAccount
from ecluse.proof.canonical import canonical_json
from ecluse.proof.keys import SigningKey
from ecluse.proof.sign import sign_document

NAME = "sas.example"


class Book:
    """Machine accounts, in memory."""

    def __init__(self, *accounts: MachineAccount) -> None:
        self.accounts = {one.key.encode(): one for one in accounts}

    def enrolled(self, key: str) -> MachineAccount | None:
        """See `Machines`."""
        return self.accounts.get(key)


class Now:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 28, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


KEY = SigningKey.new()
ACCOUNT = MachineAccount(KEY.public, "laboratory-old", "labo-a")


def sessions(now: Now, secret: bytes = b"secret") -> Sessions:
    return Sessions(exchange=NAME, secret=secret, machines=Book(ACCOUNT), clock=now)


def opened(book: Sessions, now: Now) -> str:
    asked = {"challenge": book.challenge(), "chamber": "labo-a", "exchange": NAME}
    envelope = sign_document(canonical_json(asked), type="session", keys=[KEY])
    token, until = book.open(envelope, key=KEY.public.encode(), chamber="labo-a")
    assert until == now.at + SESSION
    return token


def test_a_token_is_for_its_time_and_its_exchange() -> None:
    """The token holds for a quarter of an hour, under the secret of the exchange that gave it and no other."""
    now = Now()
    token = opened(sessions(now), now)
    assert sessions(now).admitted(token) == ACCOUNT
    with pytest.raises(Refusal, match="session/needed"):
        sessions(now, b"another").admitted(token)
    now.at += SESSION - timedelta(seconds=1)
    assert sessions(now).admitted(token) == ACCOUNT
    now.at += timedelta(seconds=1)
    with pytest.raises(Refusal, match="session/needed"):
        sessions(now).admitted(token)


def test_a_token_is_not_made_by_whoever_bears_it() -> None:
    """One letter changed anywhere, no mark, a mark cut short, or a challenge given for a token: none is believed."""
    now = Now()
    book = sessions(now)
    token = opened(book, now)
    changed = [token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :] for at in range(len(token))]
    text = token.rpartition(".")[0]
    for said in (*changed, "", text, f"{text}.", token[:-1], f"{text}.none", "é", book.challenge()):
        with pytest.raises(Refusal, match="session/needed"):
            book.admitted(said)
