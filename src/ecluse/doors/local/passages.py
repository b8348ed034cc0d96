"""A migration as the laboratory sees it: its report, the sample side by side, the acceptance, the certificate of erasure.

Decides which of them can be shown now. The sample holds patients' values: it is shown once, to who has just signed to see it, and is kept nowhere.
"""

from __future__ import annotations

import secrets

from ecluse.base.refusal import Refusal
from ecluse.doors.cli.stories import signed, story_of
from ecluse.doors.local.acts import presence_of, present
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Act
from ecluse.doors.local.written import button, form
from ecluse.doors.pages.certificate import certificate_body
from ecluse.doors.pages.counts import flow_part
from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined
from ecluse.doors.pages.report import report_body
from ecluse.doors.pages.sample import sample_body
from ecluse.doors.pages.story import Story
from ecluse.passage.acceptance import accept, to_accept
from ecluse.passage.inbound import receive
from ecluse.passage.migration import MigrationState
from ecluse.passage.sample import compare_sample
from ecluse.passage.waiting import to_be_accepted
from ecluse.people.person import check_may, may
from ecluse.people.role import Permission
from ecluse.proof.sign import Signer, payload_of
from ecluse.wiring.laboratory import mapping_of, source_of

__all__ = ["accept_page", "ask_acceptance", "ask_sample", "certificate_page", "migration_page", "sample_page"]

_COMPARABLE = (MigrationState.LOADED, MigrationState.RECONCILED)


def migration_page(desk: Desk, name: str) -> Answer:
    """Where a migration stands, and what can be done now."""
    story, tongue = story_of(desk.site(), name), desk.tongue
    ordered, last = story.instruction, story.own[-1]
    assert ordered is not None  # `story_of` read it
    state = tongue.say(f"pages.state_{story.migration.state.name.lower()}")
    card: list[tuple[str, Content]] = [
        (tongue.say("pages.card_state"), state),
        (tongue.say("pages.card_systems"), f"{ordered.source.system} → {ordered.target.system}"),
        (tongue.say("pages.card_instruction"), desk.link(ordered.id, "paper", _hex(ordered.digest))),
        (desk.phrase("migration_last"), f"{tongue.instant(last.time)}, {tongue.person(last.by)}"),
    ]
    ways = [
        element("li", desk.link(desk.phrase(f"see_{way}"), way, name), class_="way")
        for way in _ways(desk, story)
    ]
    return desk.shown(
        desk.phrase("migration_title", name=name),
        desk.phrase("migration_under"),
        tongue.card(card),
        _number(desk, story),
        element("h2", desk.phrase("paper_what_now")),
        element("ul", ways, class_="ways"),
        drawing=lock_drawing(story.migration, tongue),
    )


def report_page(desk: Desk, name: str) -> Answer:
    """The whole report of a migration, as it is written for an inspector."""
    return Answer(report_body(story_of(desk.site(), name), language=desk.session.language, at=desk.at))


def _ways(desk: Desk, story: Story) -> list[str]:
    """What can be looked at or done now, by the page's word."""
    ways = []
    if "target" in desk.sides and may(desk.person, Permission.ACCEPT):
        ways += ["sample"] if story.migration.state in _COMPARABLE else []
        ways += ["accept"] if story.name in to_be_accepted(desk.site("target")) else []
    return [*ways, *(["certificate"] if story.certificate is not None else []), "report"]


def _number(desk: Desk, story: Story) -> Markup | None:
    """The one number of the last comparison, if there was one."""
    found, tongue = story.reconciliation, desk.tongue
    if found is None:
        return None
    count = found.unexplained
    words = "pages.number_one" if count == 1 else "pages.number_many" if count else "pages.number_zero"
    return tongue.figure("bad" if count or found.failed else "good", tongue.number(count), tongue.say(words))


def _hex(digest: str) -> str:
    return digest.partition(":")[2]


def sample_page(desk: Desk, name: str) -> Answer:
    """Before the sample is shown: what it is, and that it holds patients' values."""
    check_may(desk.person, Permission.ACCEPT)
    state = desk.site("target").migration(name).state
    if state not in _COMPARABLE:
        raise Refusal("migration/not-now", where=name, act="sample", got=state.value)
    return desk.shown(
        desk.phrase("sample_title", name=name),
        desk.phrase("sample_under"),
        element("p", desk.phrase("sample_warning"), class_="notice"),
        form(desk.session.csrf, button(desk.phrase("sample_go"))),
    )


def ask_sample(desk: Desk, given: Form, name: str) -> Answer:
    """To the signature of who looks; then the sample, once. Raises Refusal `people/may-not`."""
    del given
    check_may(desk.person, Permission.ACCEPT)
    payload = presence_of(desk, to="sample", subject=name, nonce=secrets.token_hex(16))
    act = Act(desk.phrase("act_sample", name=name), "presence", payload, desk.person.id, f"sample/{name}", lambda desk, signer: _sample(desk, signer, act, name))  # fmt: skip
    return desk.begin(act)


def _sample(desk: Desk, signer: Signer, act: Act, name: str) -> Answer:
    present(desk, signer, act)
    site, system = desk.site("target"), desk.workspace.settings.target
    received = receive(site, name, source=desk.workspace.folder("source").name)
    with source_of(system).snapshot() as snapshot:
        found = compare_sample(site, received, by=act.person, snapshot=snapshot, mapping=mapping_of(system))
    body = sample_body(
        found, migration=name, language=desk.session.language, at=desk.at, kept="local.sample_once"
    )
    ways = (
        [element("li", desk.link(desk.phrase("see_accept"), "accept", name))]
        if name in to_be_accepted(site)
        else []
    )
    after = element(
        "section", element("h2", desk.phrase("paper_what_now"), id="now"),
        element("ul", ways, element("li", desk.link(desk.phrase("see_migration"), "migration", name))),
        class_="act", aria_labelledby="now",
    )  # fmt: skip
    return Answer(Body(body.title, joined(body.markup, after)))


def accept_page(desk: Desk, name: str) -> Answer:
    """What is accepted: the comparison of both sides, kind by kind, in which nothing is unexplained."""
    check_may(desk.person, Permission.ACCEPT)
    to_accept(desk.site("target"), name)
    story, tongue = story_of(desk.site("target"), name), desk.tongue
    found = story.reconciliation
    assert found is not None  # there is one to accept
    sampled = story.sampled
    told = "accept_sampled" if sampled else "accept_not_sampled"
    return desk.shown(
        desk.phrase("accept_title", name=name),
        desk.phrase("accept_under"),
        tongue.figure("good", tongue.number(found.unexplained), tongue.say("pages.number_zero"), desk.phrase("accept_all")),
        element("p", tongue.tag("soft" if sampled else "warn", desk.phrase(told)), " ", desk.link(desk.phrase("see_sample"), "sample", name)),
        flow_part(found, tongue),
        element("p", desk.phrase("accept_then")),
        form(desk.session.csrf, button(desk.phrase("accept_go"))),
        element("p", desk.link(desk.phrase("see_migration"), "migration", name)),
        drawing=lock_drawing(story.migration, tongue),
    )  # fmt: skip


def ask_acceptance(desk: Desk, given: Form, name: str) -> Answer:
    """To the signature of the comparison. Raises the refusals of `passage.acceptance.accept`."""
    del given
    check_may(desk.person, Permission.ACCEPT)
    site = desk.site("target")
    payload = payload_of(site.documents.get(to_accept(site, name)))
    by = desk.person.id

    def done(desk: Desk, signer: Signer) -> Answer:
        accept(desk.site("target"), name, by=by, key=signer)
        desk.session.told.append(desk.phrase("accepted", name=name))
        return desk.go("migration", name)

    return desk.begin(
        Act(desk.phrase("act_accept", name=name), "reconciliation", payload, by, f"accept/{name}", done)
    )


def certificate_page(desk: Desk, name: str) -> Answer:
    """The certificate of erasure, for the quality binder. Raises Refusal `migration/not-now` before it."""
    site = desk.site()
    story = story_of(site, name)
    if story.certificate is None:
        raise Refusal("migration/not-now", where=name, act="report", got=story.migration.state.value)
    document = story.documents["erasure"]
    body = certificate_body(
        story.certificate,
        language=desk.session.language,
        digest=document,
        signers=signed(site, "erasure", document).signers,
        people=story.people,
    )
    return Answer(body)
