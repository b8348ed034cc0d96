"""Numbers, dates, sizes and lengths of time as people of each language write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ecluse.base.words import (
    LANGUAGES,
    Sentence,
    day,
    duration,
    filled,
    instant,
    number,
    say,
    sentences,
    size,
)

THIN = "\u202f"


def test_numbers_are_grouped_by_three() -> None:
    """A narrow space in French, a comma in English."""
    assert (number(491840, "fr"), number(491840, "en")) == (f"491{THIN}840", "491,840")


def test_days_and_instants_say_their_zone() -> None:
    """Dates as each language writes them; an instant says that it is UTC."""
    at = datetime(2026, 11, 23, 18, 5, tzinfo=UTC)
    assert (day(date(2026, 11, 23), "fr"), day(date(2026, 11, 23), "en")) == ("23/11/2026", "2026-11-23")
    assert (instant(at, "fr"), instant(at, "en")) == ("23/11/2026 à 18:05 UTC", "2026-11-23 18:05 UTC")


@pytest.mark.parametrize(
    ("octets", "fr", "en"),
    [(0, f"0{THIN}o", "0 B"), (999, f"999{THIN}o", "999 B"), (1400, f"1,4{THIN}ko", "1.4 kB"), (1_400_000, f"1,4{THIN}Mo", "1.4 MB"), (2 * 10**15, f"2000,0{THIN}To", "2000.0 TB")],
)  # fmt: skip
def test_sizes_have_decimal_multiples(octets: int, fr: str, en: str) -> None:
    """From bytes to terabytes, which nothing passes."""
    assert (size(octets, "fr"), size(octets, "en")) == (fr, en)


@pytest.mark.parametrize(
    ("seconds", "fr", "en"),
    [
        (0.84, "0,8 s", "0.8 s"),
        (42, "42 s", "42 s"),
        (185, "3 min 05 s", "3 min 05 s"),
        (3725, "1 h 02 min", "1 h 02 min"),
    ],
)
def test_lengths_of_time_are_short(seconds: float, fr: str, en: str) -> None:
    """Tenths under ten seconds, then seconds, minutes, hours."""
    assert (duration(seconds, "fr"), duration(seconds, "en")) == (fr, en)


def test_sentences_are_said_in_both_languages() -> None:
    """Every sentence has its French and its English; one that is not there is a bug."""
    assert all(set(both) == set(LANGUAGES) for both in sentences().values())
    key = next(iter(key for key, both in sentences().items() if "{" not in both["fr"]))
    assert say(key, "fr") == sentences()[key]["fr"]
    with pytest.raises(KeyError):
        say("nothing.like_this", "fr")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("essai", "la clé d'essai"),
        ("Évry", "la clé d'Évry"),
        ("laboratoire", "la clé de laboratoire"),
        ("hopital", "la clé de hopital"),
        (8, "la clé de 8"),
        ("", "la clé de "),
    ],
)
def test_french_elides_before_a_vowel(value: object, told: str) -> None:
    """`de` and `que` lose their vowel before a value that begins with one, and before no other; English keeps its words."""
    assert filled("la clé de {where}", "fr", {"where": value}) == told
    assert filled("Que {where}", "fr", {"where": "ici"}) == "Qu'ici"
    assert filled("de {where}", "en", {"where": "ici"}) == "de ici"
    assert filled("code {where}", "fr", {"where": "ici"}) == "code ici"


def test_a_sentence_given_as_a_value_is_said_in_the_language_of_the_other() -> None:
    """Several things found are told in one refusal, each in the reader's own language."""
    found = (
        Sentence("console.unsafe_absent", {"where": "a"}),
        Sentence("console.unsafe_absent", {"where": "b"}),
    )
    assert filled("{got}.", "fr", {"got": found}) == "a est absent ; b est absent."
    assert filled("{got}.", "en", {"got": found[0]}) == "a is not there."
    assert filled("{got}", "en", {"got": (1, 2)}) == "(1, 2)"
