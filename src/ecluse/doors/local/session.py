"""One sitting at the local page: the address given once, the cookie it was changed for, who sits there, and what they are about to sign.

Nothing of it is ever written: it ends with the process. Decides how long an act waits for its signature, and how many wrong passphrases are borne.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ecluse.base.refusal import Refusal

if TYPE_CHECKING:
    from ecluse.doors.local.desk import Answer, Desk
    from ecluse.proof.sign import Signer

__all__ = ["IDLE", "Act", "Paper", "Session"]

IDLE: Final = 30 * 60
"""Seconds without a request after which the page closes itself."""
PATIENCE: Final = 10 * 60
"""Seconds for which an act waits to be signed."""
MOST: Final = 32
"""Papers and acts that one sitting holds at once; the oldest goes."""
TRIES: Final = 5
"""Wrong passphrases in a row before the page closes itself."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document that was brought, read and not signed yet: its kind, as `passage.signing` names it, its file's name, its bytes."""

    kind: str
    name: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Act:
    """What a person is about to do, and signs: `type` and `payload` as an envelope holds them; `done` does it with the signer.

    `what` is the sentence that says it, in the language of the sitting; `back` the page to go back to.
    """

    what: str
    type: str
    payload: bytes = field(repr=False)
    person: str
    back: str
    done: Callable[[Desk, Signer], Answer] = field(repr=False)


@dataclass(slots=True)
class Session:
    """The sitting. `door` is the first part of every address, so that the cookie is never sent to another page of this machine."""

    language: str
    clock: Callable[[], float]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    door: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    cookie: str = field(default="", repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    person: str = ""
    papers: dict[str, Paper] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    challenge: bytes = field(default=b"", repr=False)
    _acts: dict[str, tuple[float, Act]] = field(default_factory=dict, repr=False)
    _used: float = 0.0
    _wrong: int = 0

    def __post_init__(self) -> None:
        self._used = self.clock()

    def entered(self) -> str:
        """The address was opened: it is worth nothing any more; the cookie it is changed for."""
        self.token, self.cookie = "", secrets.token_urlsafe(32)
        return self.cookie

    def use(self) -> None:
        """Somebody is there."""
        self._used = self.clock()

    @property
    def closed(self) -> bool:
        """Whether nobody was there for too long, or too many passphrases were wrong."""
        return self.clock() - self._used > IDLE or self._wrong >= TRIES

    def keep(self, digest: str, paper: Paper) -> None:
        """Keep a paper that was brought."""
        self.papers[digest] = paper
        while len(self.papers) > MOST:
            del self.papers[next(iter(self.papers))]

    def begin(self, act: Act) -> str:
        """Keep an act until it is signed; the name it has in an address."""
        name = secrets.token_urlsafe(12)
        self._acts[name] = self.clock(), act
        while len(self._acts) > MOST:
            del self._acts[next(iter(self._acts))]
        return name

    def act(self, name: str) -> Act:
        """An act that waits for its signature. Raises Refusal `page/act-over` when it was signed, or waited too long, or is another person's."""
        since, act = self._acts.get(name, (0.0, None))
        if act is None or self.clock() - since > PATIENCE or act.person != self.person:
            raise Refusal("page/act-over")
        return act

    def end(self, name: str) -> None:
        """An act was done: it is not done twice."""
        self._acts.pop(name, None)
        self._wrong = 0

    def wrong(self) -> None:
        """A passphrase did not open its key."""
        self._wrong += 1
