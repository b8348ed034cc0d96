"""The strict reading of documents."""

from __future__ import annotations

import re

import pytest

from ecluse.base.refusal import Refusal
from ecluse.proof.sign import digest as signed_digest
from ecluse.terms.document import LARGEST, Table, digest_of, quoted, read


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"#" * (LARGEST + 1), "document/oversize"),
        (b"a = '\xff'", "document/not-utf8"),
        (b"a = '\xed\xa0\x80'", "document/not-utf8"),
        (b"a = 'x\x00'", "document/control-character"),
        (b"a = 'x\x07'", "document/control-character"),
        ("\ufeffa = 1".encode(), "document/control-character"),
        ("a = 'x\u202ey'".encode(), "document/control-character"),
        ("a = 'x\u200by'".encode(), "document/control-character"),
        ("a = 1 # x\u2066y".encode(), "document/control-character"),
        ("a = 'x\u2028y'".encode(), "document/control-character"),
        (b"a = 1\rb = 2", "document/control-character"),
        (b'a = "\\u0000"', "document/control-character"),
        (b'a = [{ b = ["\\u202e"] }]', "document/control-character"),
        (b'"\\u200b" = 1', "document/control-character"),
        (b"a = ", "document/not-toml"),
        (b"a = 2026-02-30", "document/not-toml"),
        (b'a = "\\ud800"', "document/not-toml"),
        (b"a = " + b"9" * 5000, "document/not-toml"),
        (b"a = " + b"[" * 100_000, "document/not-toml"),
        (b".".join([b"a"] * 20) + b" = 1", "document/not-toml"),
        (b"a = { " + b" . ".join([b'"b"'] * 20) + b" = 1 }", "document/not-toml"),
        (b"a = 1\na = 2", "document/duplicate-key"),
        (b"[a]\nb = 1\n[a]\nc = 1", "document/duplicate-key"),
        (b"a = { b = 1, b = 2 }", "document/duplicate-key"),
        (b"a = { b = 1 }\n[a]\nc = 1", "document/duplicate-key"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_document(document: bytes, code: str) -> None:
    """Each kind of bytes that is no document is refused under its own code, in both languages, without repeating a value."""
    with pytest.raises(Refusal) as caught:
        read(document, where="instruction")
    assert caught.value.code == code
    assert caught.value.message("fr") != caught.value.message("en")
    assert caught.value.__cause__ is None


def test_a_document_at_the_limit_is_read() -> None:
    """Exactly one mebibyte is read, with either line ending, accents and narrow spaces."""
    text = 'a = "é\u202f«\u00a0»\t"\r\n'.encode()
    assert read(text + b"#" * (LARGEST - len(text)), where="x").text("a") == "é\u202f«\u00a0»"


def test_long_words_do_not_take_long() -> None:
    """A document of one enormous word, or of many dots in prose, is read at once."""
    assert read(b"a = '" + b"x" * (LARGEST - 6) + b"'", where="x").has("a")
    assert read(b"a = 'et cetera " + b". . . " * 1000 + b"'", where="x").has("a")


def test_every_key_is_accounted_for() -> None:
    """A key that nobody asks for is refused, long names cut; those asked for are listed."""
    table = read(b"a = 1\n" + b"k" * 99 + b" = 2", where="x")
    assert table.integer("a", least=0, most=1) == 1
    with pytest.raises(Refusal, match="document/unknown-key") as caught:
        table.end()
    assert caught.value.values["got"] == "k" * 57 + "..."
    assert quoted("short") == "short"


def test_tables_that_are_not_there() -> None:
    """An absent list of tables is an empty one; an absent table is missing."""
    table = Table({}, where="x")
    assert table.tables("a") == ()
    with pytest.raises(Refusal, match="document/missing-key"):
        table.table("a")


def test_a_text_keeps_its_shape() -> None:
    """A shaped text matches whole, line ends included."""
    assert Table({"a": "ab"}, where="x").shaped("a", re.compile("a.")) == "ab"
    with pytest.raises(Refusal, match="document/bad-value"):
        Table({"a": "ab\n"}, where="x").shaped("a", re.compile("a."))


def test_a_digest_names_its_function() -> None:
    """The digest of exact bytes is written with the name of its function."""
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_digest_is_the_one_that_was_signed() -> None:
    """What is read is named by the same digest as what was signed, so that either names the other."""
    assert digest_of(b"an instruction") == signed_digest(b"an instruction")
