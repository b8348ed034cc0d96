"""A machine's session: it signs a challenge with its enrolled key and is given a token for fifteen minutes.

Decides who is speaking; what they may then do is the chamber's. Nothing is stored: challenge and token bear a mark that only this exchange can make,
so that several processes serve one machine, and a token is worth nothing the moment its account is ended. What is wrong is never said.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from ecluse.base.refusal import Refusal
from ecluse.people.machine import MachineAccount, Machines
from ecluse.proof.canonical import strict_json
from ecluse.proof.keys import VerifyKey
from ecluse.proof.sign import verify_document

__all__ = ["SESSION", "Sessions"]

SESSION: Final = timedelta(minutes=15)
CHALLENGE: Final = timedelta(minutes=1)


class Sessions:
    """The sessions of the exchange named `exchange`, whose marks `secret` makes."""

    def __init__(
        self, *, exchange: str, secret: bytes, machines: Machines, clock: Callable[[], datetime]
    ) -> None:
        self._exchange, self._machines, self._clock = exchange, machines, clock
        self._secret = hashlib.sha256(b"ecluse/sessions/v1\n" + secret).digest()
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    def challenge(self) -> str:
        """A challenge for a minute, which holds once in this process."""
        return self._marked(f"{secrets.token_hex(16)}.{self._until(CHALLENGE)}", "challenge")

    def open(self, envelope: bytes, *, key: str, chamber: str) -> tuple[str, datetime]:
        """A token and its end, for the machine whose `key` signed the challenge for this exchange and chamber. Raises Refusal `session/refused`."""
        try:
            signer = VerifyKey.parse(key)
            signed = strict_json(verify_document(envelope, type="session", keys={"machine": signer}).payload)
        except Refusal:
            raise Refusal("session/refused") from None
        found = self._machines.enrolled(key)
        match signed:
            case {"challenge": str(challenge), "chamber": str(named), "exchange": str(exchange), **more} if (
                not more
            ):
                asked = (named, exchange) == (chamber, self._exchange) and self._fresh(challenge)
            case _:
                asked = False
        if not asked or found is None or found.chamber != chamber:
            raise Refusal("session/refused")
        until = self._until(SESSION)
        token = self._marked(f"{signer.octets.hex()}.{until}", "token")
        return token, datetime.fromtimestamp(until, UTC)

    def admitted(self, token: str) -> MachineAccount:
        """Whose token it is, its account looked up anew at each call. Raises Refusal `session/needed`."""
        told = self._held(token, "token")
        found = self._machines.enrolled(VerifyKey(bytes.fromhex(told)).encode()) if told else None
        if found is None:
            raise Refusal("session/needed")
        return found

    def _fresh(self, challenge: str) -> bool:
        """Whether the challenge is ours, of this minute, and answered for the first time."""
        told, now = self._held(challenge, "challenge"), int(self._clock().timestamp())
        with self._lock:
            self._used = {name: until for name, until in self._used.items() if until > now}
            if not told or told in self._used:
                return False
            self._used[told] = now + int(CHALLENGE.total_seconds())
            return True

    def _until(self, length: timedelta) -> int:
        return int((self._clock() + length).timestamp())

    def _marked(self, text: str, kind: str) -> str:
        return f"{text}.{self._mark(text, kind)}"

    def _held(self, marked: str, kind: str) -> str:
        """What a mark of ours stands under, if its time is not over; else nothing."""
        text, _, mark = marked.rpartition(".")
        if not hmac.compare_digest(mark.encode(), self._mark(text, kind).encode()):
            return ""
        told, _, until = text.partition(".")
        return told if int(until) > self._clock().timestamp() else ""

    def _mark(self, text: str, kind: str) -> str:
        return hmac.new(self._secret, f"{kind}\n{text}".encode(), hashlib.sha256).hexdigest()
