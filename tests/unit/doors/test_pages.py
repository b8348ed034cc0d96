"""The pages: what each says, in both languages, and how each is made for every reader."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ecluse.base.words import LANGUAGES, sentences
from ecluse.doors.pages.agreement import agreement_page
from ecluse.doors.pages.certificate import certificate_page
from ecluse.doors.pages.instruction import instruction_page
from ecluse.doors.pages.report import report_page
from ecluse.doors.pages.sample import sample_page
from ecluse.doors.pages.story import Story, reconciliation_of
from ecluse.passage.account import Account
from ecluse.passage.journal import Event
from ecluse.passage.migration import Act
from ecluse.passage.reconcile import Check, Outcome, Reconciliation
from ecluse.passage.sample import Sample, Verdict
from ecluse.terms.agreement import check
from ecluse.terms.instruction import page, parse
from ecluse.terms.vocabulary import vocabulary
from tests.documents import AGREEMENT, INSTRUCTION
from tests.unit.doors.told import (
    AT,
    CERTIFICATE,
    HOSTILE,
    NAME,
    WHOLE,
    events,
    kind,
    reconciled,
    side_by_side,
    story,
)
from tests.unit.passage.test_account import ACCOUNT


def pages(language: str) -> Iterator[tuple[str, str]]:
    """Every page, whole and wanting, in one language."""
    asked = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
    sections = page(asked, language=language, vocabulary=vocabulary())
    bad = reconciled(
        kind(unexplained=2, checks=(Check("rows", Outcome.FAILED, 9, ("02 2020-02",)),)), unexplained=2
    )
    given = {"id": asked.id, "version": asked.version, "digest": asked.digest, "language": language}
    agreed = {"language": language}
    yield "report", report_page(story(), language=language, at=AT)
    yield "report, bad", report_page(story(reconciliation=bad, certificate=None), language=language, at=AT)
    of_files = replace(reconciled(), account=ACCOUNT)
    yield "report, of files", report_page(story(reconciliation=of_files), language=language, at=AT)
    yield "report, begun", report_page(Story(NAME, events(WHOLE[:3])), language=language, at=AT)
    yield (
        "certificate",
        certificate_page(CERTIFICATE, language=language, digest="sha256:44", signers=["laboratory-new"]),
    )
    yield "instruction", instruction_page(sections, **given, signers=["Camille Aubert"])
    yield "instruction, unsigned", instruction_page(sections, **given)
    yield (
        "agreement",
        agreement_page(check(AGREEMENT.encode(), at=AT, vocabulary=vocabulary()), **agreed, name="a.toml"),
    )
    yield "agreement, empty", agreement_page(check(b"", at=AT, vocabulary=vocabulary()), **agreed)
    yield "sample", sample_page(side_by_side(), migration=NAME, language=language, at=AT)
    yield "sample, nobody", sample_page(Sample(20, 7, ()), migration=NAME, language=language, at=AT)


class Outline(HTMLParser):
    """What a page is made of: tags in order, ids, links; fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta", "br", "hr", "col"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def words(text: str) -> str:
    """The page's text as read, spaces made plain."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_whole_and_for_every_reader(language: str) -> None:
    """Every page is well formed, says its language, has one title, captions and scopes in its tables, words for its drawings,
    and links that lead somewhere in it; it asks for nothing from elsewhere."""
    for name, text in pages(language):
        outline = Outline(text)
        ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), name
        assert outline.all("html")[0]["lang"] == language
        assert len(outline.all("h1")) == len(outline.all("main")) == 1
        assert len(outline.all("caption")) == len(outline.all("table"))
        assert all("scope" in attrs for attrs in outline.all("th")), name
        assert {str(attrs["href"])[1:] for attrs in outline.all("a")} <= set(ids)
        labelled = {str(attrs["aria-labelledby"]) for _, attrs in outline.tags if "aria-labelledby" in attrs}
        assert labelled <= set(ids), name
        for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            assert ("<title>" in drawing and "<desc>" in drawing) or 'aria-hidden="true"' in drawing, name
        assert not {tag for tag, _ in outline.tags} & {"script", "link", "img", "iframe", "form", "object"}
        named = {attribute for _, attrs in outline.tags for attribute in attrs}
        assert not {each for each in named if each in ("src", "action", "style") or each.startswith("on")}
        assert "http://" not in text
        assert "https://" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_hostile_text_becomes_markup(language: str) -> None:
    """A value, a code, a name, a reason or a file's name made of markup is shown as text, wherever it comes in."""
    wild = kind(
        HOSTILE, excluded={HOSTILE: 1, f"category/{HOSTILE}": 2}, rejected_at_source={f"{HOSTILE}: {HOSTILE}": 1, HOSTILE: 2},
        withheld={HOSTILE: 1}, checks=(Check(HOSTILE, Outcome.FAILED, 1, (HOSTILE,)),),
        analytes=((HOSTILE, HOSTILE, (1, 0, 0), (0, 0, 0)),),
    )  # fmt: skip
    groups = ((HOSTILE, HOSTILE, "2020-01", 1, 1, 1),)
    told = events(WHOLE, by=HOSTILE)
    odd = CERTIFICATE | {
        "why": HOSTILE,
        "person": HOSTILE,
        "places": [dict.fromkeys(CERTIFICATE["places"][0], HOSTILE) | {"count": 1}],
    }
    asked = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
    lines = page(replace(asked, purpose=HOSTILE), language=language, vocabulary=vocabulary())
    made = [
        report_page(story(events=told, reconciliation=Reconciliation((wild,), groups), certificate=odd), language=language, at=AT, bundle=HOSTILE),
        certificate_page(odd, language=language, digest=HOSTILE, signers=[HOSTILE]),
        instruction_page(lines, language=language, id=HOSTILE, version=1, digest=HOSTILE, signers=[HOSTILE]),
        agreement_page(check(AGREEMENT.encode(), at=AT, vocabulary=vocabulary()), language=language, name=HOSTILE),
        sample_page(side_by_side(), migration=HOSTILE, language=language, at=AT),
    ]  # fmt: skip
    for text in made:
        assert "<script" not in text
        assert "<b onload" not in text
        assert "&lt;script&gt;" in text
        Outline(text)


@pytest.mark.parametrize(
    ("language", "thousands"), [("fr", "2\u202f000 repris sur 2\u202f010"), ("en", "2,000 of 2,010 moved")]
)
def test_the_report_says_the_one_number_first(language: str, thousands: str) -> None:
    """The report's first figure is the number of records that nothing explains; numbers are written as its language writes them."""
    text = report_page(story(), language=language, at=AT)
    assert re.search(r'class="figure"><strong>0</strong>', text)
    assert thousands in text
    assert "Camille Aubert (p-7f3a)" in text


def test_the_report_says_why_each_record_stayed() -> None:
    """Rules, reasons and fields are said in plain words, and a code without words is shown as it is."""
    odd = kind(
        excluded={"category/HIV": 3, "container/GEN": 1, "later/rule": 4},
        withheld={"HIV": 2},
        rejected_at_source={"birth_date: date-not-readable": 1},
    )
    text = words(
        report_page(story(reconciliation=reconciled(replace(odd, kind="patient"))), language="fr", at=AT)
    )
    for said in (
        "catégorie particulière non nommée : VIH",
        "document d&#x27;une demande qui contient une analyse non nommée : génétique",
        "later/rule",
        "date de naissance : date illisible ou qui n&#x27;existe pas",
        "unit : refusé par la destination : trop long",
        "Textes libres retenus",
    ):
        assert said in text


def test_a_failed_report_is_not_calm() -> None:
    """An unexplained record is the large number, in the words for one, with the check that failed and where, and nothing says accepted."""
    bad = reconciled(
        kind(unexplained=1, checks=(Check("rows", Outcome.FAILED, 9, ("02 2020-02",)),)), unexplained=1
    )
    text = report_page(story(reconciliation=bad, events=events(WHOLE[:10])), language="en", at=AT)
    assert 'class="figure bad"><strong>1</strong>' in text
    assert "record unexplained" in text
    assert "02 2020-02" in text
    assert "Accepted by signature" not in text
    counted = replace(bad, kinds=(kind(unexplained=3),))
    assert "records unexplained" in report_page(story(reconciliation=counted), language="en", at=AT)


def test_what_was_not_examined_is_not_passed() -> None:
    """An empty reconciliation, one not made, a migration stopped and a sample not taken are each said so, without a green figure."""
    empty = Reconciliation(
        (
            kind(
                seen=0,
                sent=0,
                loaded=0,
                excluded={},
                rejected_at_source={},
                rejected_at_target={},
                analytes=(),
            ),
        ),
        (),
    )
    stopped = events([Act.DRAFT, Act.INSTRUCT, Act.REVOKE])
    for told, said in (
        (story(reconciliation=empty), "there was nothing to check"),
        (story(reconciliation=None, events=events(WHOLE[:5])), "when the new system has been read back"),
        (
            story(reconciliation=None, certificate=None, events=stopped),
            "stopped before anything was reconciled",
        ),
        (story(reconciliation=None, certificate=None, events=()), "Not reconciled yet"),
    ):
        text = report_page(told, language="en", at=AT)
        assert said in text
        assert 'class="figure">' not in text
        assert "No sample was compared: this check is skipped, not passed." in text
    assert 'class="figure warn"' in sample_page(Sample(20, 7, ()), migration=NAME, language="fr", at=AT)
    nothing = Reconciliation((), ())
    assert "there was nothing to check" in report_page(story(reconciliation=nothing), language="en", at=AT)


@pytest.mark.parametrize("different", [0, 2])
def test_the_report_counts_the_sample(different: int) -> None:
    """The report gives the last sample's counts from the ledger, and says whether anything differed."""
    body = {
        "patients": 20,
        "asked": 20,
        "seed": 7,
        "equal": 450,
        "different": different,
        "missing": 0,
        "added": 0,
    }
    told = (*events(WHOLE[:10]), Event(10, AT.isoformat(), "p-7f3a", NAME, "sample.compared", body))
    text = words(report_page(story(events=told), language="en", at=AT))
    assert ("No difference" in text) is (different == 0)
    assert f"450 records equal, {different} different or missing" in text


def test_analyses_that_differ_come_first() -> None:
    """A test whose counts differ stands first, with both counts and the word for it, and the number of such lines is said."""
    lines = (
        ("NA", "mmol/L", (50, 0, 0), (50, 0, 0)),
        ("UREE", "", (7, 1, 2), (6, 1, 2)),
        ("", "g/L", (1, 0, 0), (1, 0, 0)),
    )
    text = words(report_page(story(reconciliation=reconciled(kind(analytes=lines))), language="fr", at=AT))
    assert "lignes différentes : 1 sur 3" in text
    assert text.index("7 → 6") < text.index("mmol/L")
    assert "(sans code)" in text


def test_the_evidence_is_named() -> None:
    """The report gives each signed document's digest, accepted or not, and the command with which anyone checks the bundle."""
    text = report_page(story(), language="fr", at=AT, bundle="dossier.zip")
    for digest in ("sha256:11", "sha256:22", "sha256:33", "sha256:44"):
        assert f"<code>{digest}</code>" in text
    assert "ecluse verify dossier.zip" in text
    assert list(story(instruction=None).documents) == ["instruction", "manifest", "reconciliation", "erasure"]
    assert list(story().documents)[:2] == ["agreement", "codes"]
    assert (
        story(events=events(WHOLE[:10])).documents["reconciliation"] == "sha256:33"
    )  # signed, not yet accepted


def test_a_signed_reconciliation_is_read_back_exactly() -> None:
    """What was signed is what the report reads: encoded again, it is the same bytes."""
    signed = reconciled(kind(), kind("patient", analytes=())).encode()
    assert reconciliation_of(signed).encode() == signed


def test_other_migrations_are_left_out() -> None:
    """The steps are this migration's own, whatever else the ledger holds."""
    stranger = replace(events(WHOLE)[4], subject="m-other", by="p-0000", seq=99)
    assert "p-0000" not in report_page(story(events=(*events(WHOLE), stranger)), language="en", at=AT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_certificate_says_what_it_does_not_cover(language: str) -> None:
    """The certificate says what, where, how and what was seen after, what is not covered, the standard, and who signed."""
    text = words(
        certificate_page(
            CERTIFICATE,
            language=language,
            digest="sha256:44",
            signers=["laboratory-new"],
            people={"p-7f3a": "Camille Aubert"},
        )
    )
    assert all(
        json.dumps(line[language])[1:-1].replace("'", "&#x27;").encode().decode("unicode_escape") in text
        for line in CERTIFICATE["not_covered"]
    )
    assert "NIST SP 800-88" in text
    assert "Camille Aubert (p-7f3a)" in text
    assert "sha256:44" in text
    assert sentences()["pages.seen_decryption"][language] in text
    assert sentences()["pages.seen_read"][language] in text


def test_the_instruction_shows_both_sides() -> None:
    """Every sentence and every field name of the sheet is on the page, what will not leave beside what will, with the digest signed."""
    asked = parse(INSTRUCTION.encode(), vocabulary=vocabulary())
    sections = page(asked, language="fr", vocabulary=vocabulary())
    text = instruction_page(sections, language="fr", id=asked.id, version=asked.version, digest=asked.digest)
    for section in sections:
        for line in section.lines:
            assert line.text.replace("'", "&#x27;") in text.replace("&quot;", '"')
    assert re.search(r'<aside class="aside">.*Ce qui ne partira pas', text, re.DOTALL)
    assert f"<code>{asked.digest}</code>" in text
    assert "Pas encore signée" in text
    few = instruction_page(sections[1:2], language="fr", id="i", version=1, digest="d")
    assert "Ce qui partira" in few


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_agreement_s_page_says_what_is_wanting(language: str) -> None:
    """A complete agreement shows sixteen of sixteen; an empty one lists each line to be completed, what is expected and the article."""
    whole = agreement_page(check(AGREEMENT.encode(), at=AT, vocabulary=vocabulary()), language=language)
    assert "<strong>16/16</strong>" in whole
    assert sentences()["pages.wanting_caption"][language] not in words(whole)
    found = check(b"", at=AT, vocabulary=vocabulary())
    text = agreement_page(found, language=language)
    assert "<strong>0/16</strong>" in text
    assert text.count('class="off"') == len(found.wanting)
    for finding in found.wanting:
        assert finding.mention.key in text
        assert finding.mention.citation.reference(language).replace(" ", "\u00a0") in text


def test_the_sample_s_page_warns_and_shows_both_sides() -> None:
    """The page begins by saying that it holds health data; what differs is marked by a sign and words in both columns, and what is
    missing or added is said."""
    text = sample_page(side_by_side(), migration=NAME, language="fr", at=AT)
    assert text.index("Données de santé de patients : ne pas transmettre") < text.index("<table")
    assert "<strong>4</strong>" in text
    assert "<mark>≠ g/L</mark>" in text
    assert "<mark>≠ mg/L</mark>" in text
    read = words(text)
    for said in ("absent du nouveau", "seulement dans le nouveau", "(absent)", "(texte vide)", "oui", "02/01/2020 03:04:05.000060", "CA, …",
                 "Non comparés ici", "germes isolés", "tirage 7"):  # fmt: skip
        assert said in read
    assert text.count("<details>") == 1
    alone = replace(side_by_side(), patients=side_by_side().patients[1:], left_out=())
    assert "aucun enregistrement ne diffère" in sample_page(alone, migration=NAME, language="fr", at=AT)


def test_one_difference_is_said_in_the_singular() -> None:
    """One record that differs is counted in the words for one."""
    patient = side_by_side().patients[0]
    alone = replace(
        patient.records[3], verdict=Verdict.EQUAL
    )  # a result whose request the instruction does not name
    one = replace(side_by_side(), patients=(replace(patient, records=(*patient.records[:2], alone)),))
    assert "record differs or is missing" in sample_page(one, migration=NAME, language="en", at=AT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_tells_what_became_of_every_unit(language: str) -> None:
    """Of a source of files: units by name and fate, facts by kind, records without their parent, and files left; of a base, nothing of it."""
    whole = replace(
        reconciled(), account=reconciliation_of(replace(reconciled(), account=ACCOUNT).encode()).account
    )
    assert whole.account == ACCOUNT
    told = report_page(story(reconciliation=whole), language=language, at=AT)
    for key in ("units_title", "fate_structure", "facts_superseded", "orphans_caption", "left_witness"):
        assert sentences()[f"pages.{key}"][language] in html.unescape(told)
        assert sentences()[f"pages.{key}"][language] not in html.unescape(
            report_page(story(), language=language, at=AT)
        )
    assert "OBX" in told
    bare = replace(reconciled(), account=Account(files=1))
    assert sentences()["pages.orphans_caption"][language] not in html.unescape(
        report_page(story(reconciliation=bare), language=language, at=AT)
    )
