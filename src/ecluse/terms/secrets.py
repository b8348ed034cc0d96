"""Columns that look like secrets (« secrets d'authentification »), whatever they are called.

Decides, from a column's name and a sample of its values, whether it holds what opens a door: a password, its digest, a token, a secret
answer. Such a column is never mapped: the plan refuses it. Too careful is right here; a reason is always given, a value never.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

__all__ = ["compressed", "looks_secret", "words"]

SECRET_WORDS: Final = frozenset({
    "mdp", "mdps", "pwd", "pass", "passe", "passwd", "password", "passwords", "passphrase", "motpasse", "motdepasse", "secret", "secrets", "token",
    "tokens", "jeton", "jetons", "otp", "totp", "pin", "salt", "sel", "credential", "credentials", "cvv", "bcrypt", "passhash", "pwdhash", "mfa",
})  # fmt: skip
"""A word of a name that is enough."""

SECRET_PARTS: Final = (
    "password", "passwd", "motdepasse", "motpasse", "codeacc", "codacc", "cdacces", "accesscode", "apikey", "cleapi", "clefapi", "cleacces",
    "clefacces", "accesskey", "privatekey", "cleprivee", "clefprivee", "secretkey", "clesecrete", "encryptionkey", "reponsesecrete", "secretanswer",
    "securityanswer", "questionsecrete", "securityquestion", "refreshtoken", "accesstoken", "sessionid", "sessionkey", "codepin", "pincode",
)  # fmt: skip
"""A part of a name, without separators, that is enough."""

DIGESTS: Final = (
    ("bcrypt", re.compile(r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{20,}")),
    ("argon2", re.compile(r"\$argon2(?:id|i|d)\$\S+")),
    ("crypt", re.compile(r"\$(?:1|5|6|y|7|apr1)\$\S+")),
    ("scrypt", re.compile(r"(?:\$scrypt|scrypt:)\S+")),
    ("pbkdf2", re.compile(r"(?:\$?pbkdf2[_\-:$])\S+", re.IGNORECASE)),
    ("an LDAP password", re.compile(r"\{(?:S?SHA\d*|SMD5|MD5|CRYPT)\}\S+")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", re.DOTALL)),
    ("a signed token", re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*")),
    ("a digest", re.compile(r"(?:0x)?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}|[0-9A-F]{32}|[0-9A-F]{40}|[0-9A-F]{64}|[0-9A-F]{96}|[0-9A-F]{128})")),
)  # fmt: skip
"""Shapes of password digests and keys: one value in ten is enough, five at least, or all of them."""

LEAST: Final = 20
"""How many different values a judgement by disorder needs."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_=!@#$%&*.-]{6,128}")
_ORDERED: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[^@\s]+@[^@\s]+|\d[\d.,/:+-]*",
    re.IGNORECASE,
)


def looks_secret(name: str, values: Sequence[object]) -> str | None:
    """Why a column of this name with these values (a sample, absent ones left out) is taken for a secret; None if it is not.

    The reason says `name` or `content` and what was recognised. Values that are no text are judged by the name alone.
    """
    return _by_name(name) or _by_content([value for value in values if isinstance(value, str) and value])


def words(name: str) -> list[str]:
    """The words of a name: `lastName`, `LAST_NAME` and `last name` are last, name. Without accents, in lower case."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", plain)]


def compressed(name: str) -> str:
    """A name without separators, accents and case."""
    return "".join(words(name))


def _by_name(name: str) -> str | None:
    for word in words(name):
        if word in SECRET_WORDS:
            return f"name: {word}"
    whole = compressed(name)
    return next((f"name: {part}" for part in SECRET_PARTS if part in whole), None)


def _by_content(values: Sequence[str]) -> str | None:
    if not values:
        return None
    often = Counter(values)
    for what, shape in DIGESTS:
        found = sum(times for value, times in often.items() if shape.fullmatch(value.strip()))
        if found == len(values) or (found >= 5 and found * 10 >= len(values)):
            return f"content: {what}"
    return "content: disorder" if _disordered(set(often)) else None


def _disordered(values: set[str]) -> bool:
    """Whether most are short texts without blanks, of letters and digits mixed, and hardly two of the same shape.

    An identifier of a system repeats its shape (AA9999); a password chosen by a person or a machine does not.
    """
    if len(values) < LEAST:
        return False
    mixed = [
        value
        for value in values
        if _TOKEN.fullmatch(value) and not _ORDERED.fullmatch(value) and _mixed(value)
    ]
    shapes = Counter(
        "".join("9" if character.isdigit() else "A" if character.isupper() else "a" for character in value)
        for value in mixed
    )
    return len(mixed) * 10 >= len(values) * 7 and len(shapes) * 10 >= len(mixed) * 4


def _mixed(value: str) -> bool:
    """Letters and digits in one value, changing at least twice from one to the other, or once with both cases."""
    kinds = re.sub(r"[^a-zA-Z0-9]", "", value)
    if not re.search(r"\d", kinds) or not re.search(r"[a-zA-Z]", kinds):
        return False
    changes = len(re.findall(r"(?<=\d)(?=[a-zA-Z])|(?<=[a-zA-Z])(?=\d)", kinds))
    return changes >= 2 or bool(re.search(r"[a-z]", kinds) and re.search(r"[A-Z]", kinds))
