"""The agreement's check as a page: sixteen mentions and six more, each found or not, with the words quoted and the article.

Decides the order (what is wanting first) and the look; every verdict is `terms.agreement`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined, page_of
from ecluse.doors.pages.tongue import Column, Mood, Tongue, scrolled, sections
from ecluse.terms.agreement import AgreementCheck, Finding, Group, Verdict

__all__ = ["agreement_body", "agreement_page"]

_MOODS: dict[Verdict, Mood] = {"found": "good", "not-needed": "soft"}


def agreement_page(check: AgreementCheck, *, language: str, name: str = "") -> str:
    """The page. `name`: the file's, shown as given."""
    return page_of(agreement_body(check, language=language, name=name), language=language)


def agreement_body(check: AgreementCheck, *, language: str, name: str = "") -> Body:
    """What `agreement_page` says, without the file around it."""
    tongue = Tongue(language)
    title = tongue.say("pages.agreement_title")
    head = tongue.masthead(title, tongue.say("pages.agreement_under"), lock_drawing(None, tongue))
    card: list[tuple[str, Content]] = [(tongue.say("pages.card_file"), name)] if name else []
    card.append((tongue.say("pages.document_agreement"), element("code", check.digest)))
    main = [pair for pair in check.groups if pair[0].main]
    other = [pair for pair in check.groups if not pair[0].main]
    parts = [
        (tongue.say("pages.wanting_title"), _wanting(check.wanting, tongue)),
        (tongue.say("pages.mentions_title", count=len(main)), _check_list(main, tongue)),
        (tongue.say("pages.others_title", count=len(other)), _check_list(other, tongue)),
    ]
    body = joined(
        head, element("main", tongue.card(card), _figure(check, len(main), tongue), sections(parts))
    )
    return Body(title, body)


def _figure(check: AgreementCheck, main: int, tongue: Tongue) -> Markup:
    count = f"{check.main_found}/{main}"
    title = tongue.say("pages.mentions_found")
    if check.complete:
        return tongue.figure("good", count, title, tongue.say("pages.agreement_complete"))
    wanting = tongue.number(len(check.wanting))
    return tongue.figure("bad", count, title, tongue.say("pages.agreement_wanting", count=wanting))


def _wanting(findings: Sequence[Finding], tongue: Tongue) -> Markup | None:
    """What keeps the lock closed, with what is expected there: what to send to the vendor."""
    rows = [
        (
            finding.mention.label[tongue.language],
            element("code", finding.mention.key),
            _article(finding, tongue),
            _verdict(finding, tongue),
            finding.mention.expects[tongue.language],
        )
        for finding in findings
    ]
    columns = [
        Column(tongue.say(f"pages.column_{name}"))
        for name in ("mention", "key", "article", "outcome", "expected")
    ]
    return tongue.table(tongue.say("pages.wanting_caption"), columns, rows) if rows else None


def _check_list(groups: Sequence[tuple[Group, tuple[Finding, ...]]], tongue: Tongue) -> Markup:
    """The lines of the check-list, each with its mentions and the words quoted."""
    titles = [tongue.say(f"pages.column_{name}") for name in ("mention", "article", "outcome", "quoted")]
    head = element("tr", [element("th", title, scope="col") for title in titles])
    caption = tongue.say("pages.check_list_caption")
    table = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", head),
        [_group(group, findings, tongue) for group, findings in groups],
        class_="wide",
    )
    return scrolled(table, caption)


def _group(group: Group, findings: tuple[Finding, ...], tongue: Tongue) -> Markup:
    """One line of the check-list: its own head, then its mentions."""
    good = all(finding.good for finding in findings)
    state = (
        tongue.tag("good", tongue.say("pages.group_good"))
        if good
        else tongue.tag("bad", tongue.say("pages.group_bad"))
    )
    label = f"{group.code}. {group.label[tongue.language]} "
    head = element("tr", element("th", label, state, class_="g", colspan=4, scope="rowgroup"))
    rows = [
        element(
            "tr",
            element("th", finding.mention.label[tongue.language], scope="row"),
            element("td", _article(finding, tongue)),
            element("td", _verdict(finding, tongue)),
            element("td", _quoted(finding, tongue)),
            class_=None if finding.good else "off",
        )
        for finding in findings
    ]
    return element("tbody", head, rows)


def _article(finding: Finding, tongue: Tongue) -> str:
    """The article, kept on one line."""
    return finding.mention.citation.reference(tongue.language).replace(" ", "\u00a0")


def _verdict(finding: Finding, tongue: Tongue) -> Markup:
    words = tongue.say(f"pages.verdict_{finding.verdict.replace('-', '_')}")
    return tongue.tag(_MOODS.get(finding.verdict, "bad"), words)


def _quoted(finding: Finding, tongue: Tongue) -> Content:
    """The document's own words, and what is remarked of them."""
    remark = element("small", finding.remark.text(tongue.language)) if finding.remark else None
    quote = tongue.say("pages.quoted", words=finding.quote) if finding.quote else None
    return (quote, element("br") if quote and remark else None, remark)
