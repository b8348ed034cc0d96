"""Where a site keeps what is its own, and how it is made: root key, agent key, persons, peers, keys, vaults.

    laboratory-old/
      root.pub  root.age        the laboratory's root key: public half; private half under its passphrase
      confirmed                 present once the 24 words were typed back
      agent.cert agent.age      the machine's key, certified by the root, sealed to this site's keystore; agent-2.cert and on: renewals
      people/p-*.toml .cert .age  each person: who, certified key, private half under their own passphrase
      peers/<site>.pub          roots of other sites, each compared by voice or paper
      keys/  spool/  rejects/   keystore and vaults
      witness.sqlite            what this site saw of the ledger
      card.dsse.json            what it tells other sites of itself, signed by its root
      exchange.json  ledger-*.sqlite  noted.jsonl    of an exchange elsewhere: what was compared, a copy of its ledger, what did not verify

Certificates of persons and agents live ten and two years; parcel keys as long as the instruction. An agent's is renewed for the same key, from
its first day on, so that the newest covers all that the key ever signed.
"""

from __future__ import annotations

import hashlib
import secrets
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from ecluse.adapters.keystore import Keystore
from ecluse.adapters.noted import NotedFacts
from ecluse.base.refusal import Refusal
from ecluse.people.person import Person
from ecluse.people.role import Role
from ecluse.proof.keycert import Keycert, certify, read_keycert, verify_keycert
from ecluse.proof.keyfile import lock_key, unlock_key
from ecluse.proof.keys import SigningKey, VerifyKey
from ecluse.proof.seal import seal
from ecluse.proof.unseal import unseal

__all__ = ["WORK_FACTOR", "SiteFolder"]

WORK_FACTOR = 17
_AGENT = "agent"
_PERSONS = timedelta(days=3652)
_AGENTS = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """One site's folder. Verbs that need the root ask for its key, unlocked by whoever holds the passphrase."""

    path: Path

    @property
    def name(self) -> str:
        """The site's name: its folder's."""
        return self.path.name

    @property
    def keystore(self) -> Keystore:
        """This site's private keys."""
        return Keystore(self.path / "keys")

    def create(self, *, passphrase: str, at: datetime, work_factor: int = WORK_FACTOR) -> SigningKey:
        """Make the folder, its root key and its agent's key; the root, whose 24 words are to be printed. Raises Refusal `settings/exists`."""
        if self.path.exists():
            raise Refusal("settings/exists", where=str(self.path))
        for folder in (self.path, self.path / "people", self.path / "peers"):
            folder.mkdir(mode=0o700, parents=True)
        root = SigningKey.new()
        _write(self.path / "root.age", lock_key(root, passphrase, work_factor=work_factor))
        _write(self.path / "root.pub", root.public.encode().encode())
        self._keep_agent(root)
        _write(self.path / "agent.cert", self._certified(self.agent().public, root=root, start=at, at=at))
        return root

    def confirm(self) -> None:
        """The 24 words were typed back: the root is in use."""
        _write(self.path / "confirmed", b"")

    @property
    def confirmed(self) -> bool:
        """Whether the 24 words were typed back."""
        return (self.path / "confirmed").exists()

    @property
    def root(self) -> VerifyKey:
        """The public root. Raises Refusal `settings/site-absent`."""
        file = self.path / "root.pub"
        if not file.is_file():
            raise Refusal("settings/site-absent", where=self.name)
        return VerifyKey.parse(file.read_text("utf-8"))

    def unlock_root(self, passphrase: str) -> SigningKey:
        """The root, for certifying. Raises Refusal `key/wrong-passphrase`, `settings/words-not-typed-back`."""
        if not self.confirmed:
            raise Refusal("settings/words-not-typed-back", where=self.name)
        return unlock_key((self.path / "root.age").read_bytes(), passphrase)

    def restore_root(self, root: SigningKey, *, passphrase: str, work_factor: int = WORK_FACTOR) -> None:
        """Put a new passphrase on a root recovered from its words; the machine's key too, where a restored backup left it out.

        Raises Refusal `key/another-root`.
        """
        if root.public != self.root:
            raise Refusal("key/another-root", where=self.name)
        file = self.path / "root.age"
        file.unlink(missing_ok=True)
        _write(file, lock_key(root, passphrase, work_factor=work_factor))
        if not self.has_agent:
            self._keep_agent(root)

    def agent(self) -> SigningKey:
        """The machine's key, opened with the keystore. Raises Refusal `key/agent-absent` after a restore."""
        if not self.has_agent:
            raise Refusal("key/agent-absent", where=self.name)
        with (self.path / "agent.age").open("rb") as file:
            return SigningKey.from_seed(b"".join(unseal(file, identities=[self.keystore.identity(_AGENT)])))

    def _keep_agent(self, root: SigningKey) -> None:
        """The machine's key is the root's own for that purpose: the 24 words bring both back, and no backup needs to hold either."""
        self.keystore.destroy(_AGENT)
        sealed = BytesIO()
        seal((root.derived(_AGENT).seed,), to=(self.keystore.create(_AGENT),), out=sealed)
        _write(self.path / "agent.age", sealed.getvalue())

    @property
    def is_held(self) -> bool:
        """Whether this machine holds the site: its root was made here."""
        return (self.path / "root.pub").is_file()

    def noted(self, *, clock: Callable[[], datetime]) -> NotedFacts:
        """What this site noted of its exchange by itself."""
        return NotedFacts(self.path / "noted.jsonl", clock=clock)

    @property
    def has_agent(self) -> bool:
        """Whether the machine's key was made."""
        return (self.path / "agent.age").is_file()

    def secret_of_ids(self) -> bytes:
        """What keys the ids made for records that have none (`Manner.secret` of HL7): 32 octets, the same as long as the machine's key is.

        A deterministic signature (RFC 8032) over a text that is never published serves as the secret, as for the salts of checksums: there is no
        file of its own to lose, and whoever holds the ids but not the key cannot try every INS against them.
        """
        return hashlib.sha256(self.agent().sign(b"ecluse/ids/v1")).digest()

    def agent_key(self, *, root: VerifyKey, at: datetime) -> VerifyKey:
        """The agent's public key as its root certified it last. Raises Refusal `key/cert-expired`, `key/cert-early`, `settings/site-absent`."""
        newest, _ = self.agent_certificate(root=root)
        newest.check(at=at)
        return newest.verify_key()

    def agent_certificate(self, *, root: VerifyKey) -> tuple[Keycert, bytes]:
        """Of the certificates that the root gave the agent's key, the one that holds longest, and its envelope, whatever the time.

        Raises Refusal `settings/site-absent`, and those of `read_keycert`.
        """
        held = [file.read_bytes() for file in self.path.glob("agent*.cert")]
        if not held:
            raise Refusal("settings/site-absent", where=self.name)
        return max(
            ((read_keycert(envelope, root=root), envelope) for envelope in held),
            key=lambda both: both[0].not_after,
        )

    def renew_agent(self, *, root: SigningKey, at: datetime) -> Keycert:
        """Have the root certify the machine's key for two years more; what certified it before stays beside."""
        held, _ = self.agent_certificate(root=root.public)
        number = len(list(self.path.glob("agent*.cert"))) + 1
        envelope = self._certified(self.agent().public, root=root, start=held.not_before, at=at)
        _write(self.path / f"{_AGENT}-{number}.cert", envelope)
        return read_keycert(envelope, root=root.public)

    def _certified(self, key: VerifyKey, *, root: SigningKey, start: datetime, at: datetime) -> bytes:
        return certify(
            subject=self.name,
            role=_AGENT,
            purpose="sign",
            key=key.encode(),
            not_before=start,
            not_after=at + _AGENTS,
            root=root,
        )

    def add_person(
        self,
        *,
        name: str,
        professional_id: str,
        role: Role,
        passphrase: str,
        root: SigningKey,
        at: datetime,
        work_factor: int = WORK_FACTOR,
    ) -> Person:
        """A new person with their own key, certified by the root; nobody else can unlock it."""
        person = Person(id=f"p-{secrets.token_hex(3)}", name=name, professional_id=professional_id, role=role)
        key = SigningKey.new()
        stem = self.path / "people" / person.id
        lines = [
            f"name = {_quoted(name)}",
            f"professional_id = {_quoted(professional_id)}",
            f'role = "{role.value}"',
            "",
        ]
        _write(stem.with_suffix(".toml"), "\n".join(lines).encode())
        cert = certify(
            subject=person.id,
            role=role.value,
            purpose="sign",
            key=key.public.encode(),
            not_before=at,
            not_after=at + _PERSONS,
            root=root,
        )
        _write(stem.with_suffix(".cert"), cert)
        _write(stem.with_suffix(".age"), lock_key(key, passphrase, work_factor=work_factor))
        return person

    def people(self, *, at: datetime) -> dict[str, tuple[Person, VerifyKey]]:
        """Everyone this site's root certified, by id. Raises Refusal `key/...` when a certificate does not hold."""
        found = {}
        for file in sorted((self.path / "people").glob("p-*.toml")):
            table = tomllib.loads(file.read_text("utf-8"))
            person = Person(
                id=file.stem,
                name=table["name"],
                professional_id=table["professional_id"],
                role=Role(table["role"]),
            )
            cert = verify_keycert(file.with_suffix(".cert").read_bytes(), root=self.root, at=at)
            if (cert.subject, cert.role) != (person.id, person.role.value):
                raise Refusal("key/another-person", where=person.id)
            found[person.id] = (person, cert.verify_key())
        return found

    def unlock_person(self, person: str, passphrase: str) -> SigningKey:
        """A person's own key. Raises Refusal `key/wrong-passphrase`, `people/unknown`."""
        file = self.path / "people" / f"{person}.age"
        if not file.is_file():
            raise Refusal("people/unknown", where=self.name, got=person)
        return unlock_key(file.read_bytes(), passphrase)

    def compare(self, peer: str, root: VerifyKey) -> None:
        """Note another site's root as compared."""
        _write(self.path / "peers" / f"{peer}.pub", root.encode().encode())

    def peers(self) -> dict[str, VerifyKey]:
        """The roots this site trusts: its own, and those it compared."""
        compared = {
            file.stem: VerifyKey.parse(file.read_text("utf-8"))
            for file in sorted((self.path / "peers").glob("*.pub"))
        }
        return {self.name: self.root, **compared}


def _write(file: Path, octets: bytes) -> None:
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(octets)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
