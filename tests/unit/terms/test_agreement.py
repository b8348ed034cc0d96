"""The agreement, rule by rule: forms of values, rules between mentions, what the template and the check give."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime

import pytest

from ecluse.base.law import CITATIONS
from ecluse.base.refusal import Refusal
from ecluse.terms.agreement import GROUPS, MENTIONS, Finding, check, parse, template
from ecluse.terms.agreement.judgement import quote_of
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT, AT


def found(text: str, key: str, *, at: datetime = AT) -> Finding:
    """The finding on one mention."""
    judged = check(text.encode(), at=at, vocabulary=vocabulary())
    return next(finding for finding in judged.findings if finding.mention.key == key)


def changed(old: str, new: str) -> str:
    """The complete agreement with one passage changed."""
    assert old in AGREEMENT
    return AGREEMENT.replace(old, new, 1)


def test_every_mention_has_its_group_and_its_article() -> None:
    """Every mention belongs to a line of the check-list and cites an article of the table; every line has a mention."""
    assert {mention.group for mention in MENTIONS.values()} == set(GROUPS)
    assert {mention.article for mention in MENTIONS.values()} <= set(CITATIONS)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_template_asks_for_every_mention(language: str) -> None:
    """The template is a document that holds a line for every mention, under what is expected and the article."""
    text = template(language)
    assert check(text.encode(), at=AT, vocabulary=vocabulary()).main_found == 0
    for mention in MENTIONS.values():
        assert mention.expects[language] in text
        assert mention.citation.reference(language) in text
        assert f"{mention.key.rpartition('.')[2]} = " in text


def test_the_hosting_part_of_the_template_can_be_uncommented() -> None:
    """The hosting table stands as comments: without the marks it is a table, whose mentions are then all needed."""
    text = template("en")
    table = text[text.index("# [hds]") :]
    lines = [
        line.removeprefix("# ")
        for line in table.splitlines()
        if line.startswith(("# [", "# ")) and ("=" in line or "[hds]" in line)
    ]
    judged = check(
        (text[: text.index("# [hds]")] + "\n".join(line for line in lines if ":" not in line)).encode(),
        at=AT,
        vocabulary=vocabulary(),
    )
    hosting = {
        finding.mention.key: finding.verdict
        for finding in judged.findings
        if finding.mention.key.startswith("hds.")
    }
    assert set(hosting.values()) == {"empty"}
    assert len(hosting) == 6


def test_the_value_of_a_complete_agreement() -> None:
    """A complete agreement gives its parties, dates, measures, other processors and delays as frozen values."""
    agreement = parse(AGREEMENT.encode(), at=AT, vocabulary=vocabulary())
    assert agreement.digest.startswith("sha256:")
    assert agreement.processor.representative == "Sacha Perrin, présidente"
    assert (agreement.start, agreement.end, agreement.event) == (date(2026, 10, 1), date(2027, 3, 31), None)
    assert "H" in agreement.data_types
    assert len(agreement.safeguards["H"]) == 2
    assert len(agreement.measures) == 3
    assert agreement.other_processors[0].place == "Rennes, France"
    assert (agreement.breach_delay_hours, agreement.end_choice, agreement.end_delay_days) == (
        24,
        "delete",
        30,
    )
    assert agreement.hosting_places == ("Rennes, France",)
    assert agreement.mentions["purpose"].startswith("Permettre")


def test_a_finding_quotes_the_document() -> None:
    """A finding repeats the document's own words, on one line and cut when long."""
    assert (
        found(AGREEMENT, "audit.frequency").quote == "Une fois par reprise, et à tout moment après une fuite."
    )
    assert found(AGREEMENT, "special_categories").quote.startswith("H, scellement")
    assert quote_of("x" * 500).endswith("…")
    assert len(quote_of("x" * 500)) == 240


def test_an_event_may_stand_for_the_end() -> None:
    """A contract without an end date ends on an event; with neither it is lacking an end."""
    text = changed("end = 2027-03-31", 'event = "le jour où la reprise est acceptée"')
    assert parse(text.encode(), at=AT, vocabulary=vocabulary()).event == "le jour où la reprise est acceptée"
    assert found(text, "duration.end").verdict == "not-needed"
    assert found(changed("end = 2027-03-31", 'event = ""'), "duration.end").verdict == "lacking"
    both = changed("end = 2027-03-31", 'end = ""\nevent = "le jour où la reprise est acceptée"')
    assert parse(both.encode(), at=AT, vocabulary=vocabulary()).end is None


@pytest.mark.parametrize(
    ("key", "old", "new", "said"),
    [
        ("subject_matter", 'subject_matter = "', 'subject_matter = 3 # "', "a text"),
        ("data_subject_categories", '["patients", "patients mineurs", "prescripteurs"]', '["patients", ""]', "list"),
        ("data_subject_categories", '["patients", "patients mineurs", "prescripteurs"]', '"patients"', "list"),
        ("form.writing_or_electronic", '"electronic"', '"oral"', "written, electronic"),
        ("duration.start", "start = 2026-10-01", 'start = "1er octobre"', "a date"),
        ("duration.start", "start = 2026-10-01", "start = 2026-10-01T00:00:00Z", "a date"),
        ("duration.start", "start = 2026-10-01", "start = 2026-12-01", "not begun"),
        ("duration.end", "end = 2027-03-31", "end = 2026-09-30", "after the start"),
        ("signatures.date", "date = 2026-10-01", "date = 2026-11-24", "future"),
        ("breach.delay_hours", "delay_hours = 24", "delay_hours = 72", "1 to 48"),
        ("breach.delay_hours", "delay_hours = 24", "delay_hours = true", "1 to 48"),
        ("end.delay_days", "delay_days = 30", "delay_days = 0", "1 to 3650"),
        ("personal_data_types", '["ID", "CT"', '["ID", "QQ"', "QQ"),
        ("personal_data_types", '["ID", "CT", "NIR", "ADM", "H", "PRO"]', '"ID"', "list"),
        ("special_categories", '"ADM", "H"', '"ADM", "HIV", "FREE", "H"', "FREE, HIV"),
        ("special_categories", '{ category = "H", safeguards', '{ category = "ZZ", safeguards', "at least one safeguard"),
        ("special_categories", '{ category = "H", safeguards', '{ kind = "H", safeguards', "at least one safeguard"),
        ("special_categories", 'safeguards = ["scellement pour la clé du laboratoire", "accès nominatif journalisé"]', "safeguards = []", "safeguard"),
        ("special_categories", "special_categories = [", 'special_categories = [{ category = "PSY", safeguards = ["coffre"] },', "PSY"),
        ("special_categories", "special_categories = [", 'special_categories = [{ category = "H", safeguards = ["coffre"] },', "twice"),
        ("subprocessors.list", 'name = "Hébergeur du Canal", ', 'name = "", ', "name, place, task"),
        ("subprocessors.list", ", since = 2026-10-01", "", "name, place, task"),
        ("subprocessors.list", "since = 2026-10-01", 'since = "octobre"', "name, place, task"),
        ("subprocessors.list", 'mode = "specific"', 'mode = "none"', "no other processor"),
    ],
)  # fmt: skip
def test_a_value_that_will_not_do(key: str, old: str, new: str, said: str) -> None:
    """A mention whose value has the wrong form, or contradicts another, is wrong, and the remark says what is expected."""
    text = changed(old, new)
    finding = found(text, key)
    assert finding.verdict == "wrong"
    assert finding.remark is not None
    assert said in finding.remark.text("en")
    assert finding.remark.text("fr") != finding.remark.text("en")
    with pytest.raises(Refusal) as caught:
        parse(text.encode(), at=AT, vocabulary=vocabulary())
    assert caught.value.code == "agreement/mention-wrong"
    assert finding.remark.text("fr") in caught.value.message("fr")


def test_a_wrong_mention_does_not_hide_the_rules_of_others() -> None:
    """Rules between mentions hold on what is sound: a start or a list of types that is wrong leaves the end and the safeguards judged."""
    assert found(changed("start = 2026-10-01", 'start = "x y z"'), "duration.end").verdict == "found"
    assert (
        found(changed('["ID", "CT", "NIR", "ADM", "H", "PRO"]', '"ID"'), "special_categories").verdict
        == "found"
    )
    assert found(changed('mode = "specific"', 'mode = "oui"'), "subprocessors.list").verdict == "found"


def test_a_general_authorisation_needs_notice() -> None:
    """Under a general authorisation, the days of notice are needed; under a specific one they are not."""
    general = changed('mode = "specific"', 'mode = "general"')
    assert found(general, "subprocessors.notice_days").verdict == "lacking"
    assert found(
        general.replace('mode = "general"', 'mode = "general"\nnotice_days = 30'), "subprocessors.notice_days"
    ).good
    assert found(AGREEMENT, "subprocessors.notice_days").verdict == "not-needed"


def test_no_other_processor_needs_no_list() -> None:
    """Where none is authorised, no list is needed, and an empty one says the same."""
    listed = 'list = [{ name = "Hébergeur du Canal", place = "Rennes, France", task = "garde des colis scellés", since = 2026-10-01 }]'
    for empty in ("", "list = []"):
        text = changed('mode = "specific"', 'mode = "none"').replace(listed, empty)
        assert parse(text.encode(), at=AT, vocabulary=vocabulary()).other_processors == ()


def test_returned_data_need_a_format() -> None:
    """If the data are returned and not deleted, the format is needed."""
    assert found(changed('choice = "delete"', 'choice = "return"'), "end.format").verdict == "lacking"
    assert found(AGREEMENT, "end.format").verdict == "not-needed"


def test_hosting_is_needed_only_when_something_is_hosted() -> None:
    """Without the hosting table nothing of it is asked for; with one line of it, all of it is."""
    nothing = AGREEMENT[: AGREEMENT.index("[hds]")]
    assert parse(nothing.encode(), at=AT, vocabulary=vocabulary()).hosting_places == ()
    assert (
        found(nothing + '[hds]\nreversibility = "sous dix jours"', "hds.hosting_places").verdict == "lacking"
    )


@pytest.mark.parametrize(
    "text",
    [
        "Conforme à la directive 95/46/CE pour les colis de Vannes et d'Auray.",
        "Selon l'article 34 de la loi 78-17, les colis de Vannes et d'Auray sont protégés.",
        "Selon la loi Informatique et Libertés, art. 35, les colis de Vannes et d'Auray sont protégés.",
    ],
)
def test_repealed_law_is_remarked(text: str) -> None:
    """A mention that cites law repealed since 2018 stands, with a remark."""
    finding = found(
        changed("Une fois par reprise, et à tout moment après une fuite.", text), "audit.frequency"
    )
    assert finding.verdict == "found"
    assert finding.remark is not None
    assert "95/46" in finding.remark.text("fr")


def test_more_than_a_day_to_tell_of_a_breach_is_remarked() -> None:
    """Up to 48 hours are accepted, and 24 advised."""
    finding = found(changed("delay_hours = 24", "delay_hours = 48"), "breach.delay_hours")
    assert finding.verdict == "found"
    assert finding.remark is not None
    assert "24 h are advised" in finding.remark.text("en")


@pytest.mark.parametrize("day", [datetime(2027, 3, 31, 23, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)])
def test_the_first_and_last_days_are_in(day: datetime) -> None:
    """An agreement is in force on its first and on its last day."""
    assert parse(AGREEMENT.encode(), at=day, vocabulary=vocabulary()).end == date(2027, 3, 31)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("colour = 'blue'\n" + AGREEMENT, "document/unknown-key"),
        (AGREEMENT.replace("[form]", "[form]\ncolour = 1"), "document/unknown-key"),
        (AGREEMENT.replace("[form]", "[[form]]"), "document/bad-value"),
        (
            AGREEMENT.replace("[form]", '"form.writing_or_electronic" = "written"\n[form]'),
            "document/unknown-key",
        ),
    ],
)
def test_a_key_that_is_no_mention_is_refused(text: str, code: str) -> None:
    """Everything that is signed is understood: a key of no mention, or a dotted one in quotes, is refused."""
    with pytest.raises(Refusal) as caught:
        check(text.encode(), at=AT, vocabulary=vocabulary())
    assert caught.value.code == code
    assert caught.value.message("fr")


def test_the_sample_is_the_document_of_the_law() -> None:
    """The complete agreement of these tests writes every mention that the table needs."""
    assert set(tomllib.loads(AGREEMENT)) >= {key.partition(".")[0] for key in MENTIONS}
