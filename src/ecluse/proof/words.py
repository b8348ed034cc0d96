"""The sheet for the safe: a key's seed as 24 French words, and back.

BIP 39, French list: the last word carries a checksum, so that a wrong or misplaced word is told. Setup is done only when the words have been
typed back. Kept apart because it alone needs `mnemonic`: the verifier runs without it.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from ecluse.base.refusal import Refusal

__all__ = ["COUNT", "seed_to_words", "typed_back", "words_to_seed"]

COUNT: Final = 24
_SEED: Final = 32


def seed_to_words(seed: bytes) -> tuple[str, ...]:
    """The 24 words of a seed of 32 octets. Raises Refusal `key/malformed` for another length."""
    if len(seed) != _SEED:
        raise Refusal("key/malformed")
    from mnemonic import Mnemonic

    return tuple(unicodedata.normalize("NFC", word) for word in Mnemonic("french").to_mnemonic(seed).split())


def words_to_seed(text: str) -> bytes:
    """The seed of 24 words, whatever their accents, case and spacing.

    Raises Refusal `key/words-count`, `key/word-unknown` with the word's place (never the word), `key/words-checksum`.
    """
    from mnemonic import Mnemonic

    seed = Mnemonic("french").to_entropy
    words = text.split()
    if len(words) != COUNT:
        raise Refusal("key/words-count", got=len(words), expected=COUNT)
    known = _by_bare_letters()
    for place, word in enumerate(words, start=1):
        if _bare(word) not in known:
            raise Refusal("key/word-unknown", where=place)
    try:
        return bytes(seed([known[_bare(word)] for word in words]))
    except ValueError:
        raise Refusal("key/words-checksum") from None


def typed_back(expected: tuple[str, ...], typed: str) -> None:
    """Returns only when `typed` holds the `expected` words, in order. Raises Refusal `key/words-count` or `key/word-different`."""
    words = typed.split()
    if len(words) != len(expected):
        raise Refusal("key/words-count", got=len(words), expected=len(expected))
    for place, (wanted, word) in enumerate(zip(expected, words, strict=True), start=1):
        if _bare(wanted) != _bare(word):
            raise Refusal("key/word-different", where=place)


@cache
def _by_bare_letters() -> dict[str, str]:
    """The list's words by their letters without accents: no two words of the French list share them."""
    from mnemonic import Mnemonic

    return {_bare(word): word for word in Mnemonic("french").wordlist}


def _bare(word: str) -> str:
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(letter)
    )
