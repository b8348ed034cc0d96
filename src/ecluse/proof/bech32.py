"""Bech32 text of keys: a name in clear, five-bit letters, and a checksum that catches a mistyped letter.

BIP 173 without its length limit, as C2SP age.md asks. This module decides whether a text is well formed; it does not know
what the bytes mean.
"""

from __future__ import annotations

from typing import Final

from ecluse.base.refusal import Refusal

__all__ = ["decode", "encode"]

_LETTERS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {letter: value for value, letter in enumerate(_LETTERS)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK: Final = 6


def encode(name: str, octets: bytes) -> str:
    """`octets` as lower-case bech32 under the human-readable `name`."""
    values = _regroup(list(octets), 8, 5, pad=True)
    remainder = _polymod([*_expand(name), *values, *[0] * _CHECK]) ^ 1
    check = [(remainder >> 5 * (_CHECK - 1 - place)) & 31 for place in range(_CHECK)]
    return f"{name}1" + "".join(_LETTERS[value] for value in (*values, *check))


def decode(text: str) -> tuple[str, bytes]:
    """The lower-case name and the bytes of `text`. Raises Refusal `seal/key-malformed`, whose message never shows the text."""
    if text != text.lower() and text != text.upper():
        raise _malformed("both cases in one text")
    name, mark, letters = text.lower().rpartition("1")
    if not mark or not name or len(letters) < _CHECK or not name.isascii() or not name.isprintable():
        raise _malformed("no name, or no checksum")
    try:
        values = [_VALUES[letter] for letter in letters]
    except KeyError:
        raise _malformed("a letter that bech32 does not have") from None
    if _polymod([*_expand(name), *values]) != 1:
        raise _malformed("wrong checksum")
    return name, bytes(_regroup(values[:-_CHECK], 5, 8, pad=False))


def _expand(name: str) -> list[int]:
    return [ord(letter) >> 5 for letter in name] + [0] + [ord(letter) & 31 for letter in name]


def _polymod(values: list[int]) -> int:
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for place, term in enumerate(_GENERATOR):
            remainder ^= term if (top >> place) & 1 else 0
    return remainder


def _regroup(values: list[int], width: int, into: int, *, pad: bool) -> list[int]:
    """The same bits in groups of `into`; without `pad`, leftover bits must be fewer than `width` and all zero."""
    held, bits = 0, 0
    out: list[int] = []
    for value in values:
        held, bits = held << width | value, bits + width
        while bits >= into:
            bits -= into
            out.append(held >> bits & (1 << into) - 1)
        held &= (1 << bits) - 1
    if pad:
        return [*out, held << into - bits] if bits else out
    if bits >= width or held:
        raise _malformed("leftover bits")
    return out


def _malformed(why: str) -> Refusal:
    return Refusal("seal/key-malformed", why=why)
