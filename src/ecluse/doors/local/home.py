"""Home: what waits for the person who sits there, what is under way, what is finished and erased; and who sits there.

Decides the order of three lists. What stands in them is read off the ledger as this site's witness saw it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecluse.base.refusal import Refusal
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.written import button, choice, form
from ecluse.doors.pages.lock import gates_sentence
from ecluse.doors.pages.markup import Content, Markup, element
from ecluse.passage.lock import current_instruction
from ecluse.passage.migration import Migration, MigrationState
from ecluse.passage.recipients import recipients
from ecluse.passage.signing import PERMISSIONS
from ecluse.passage.waiting import documents_waiting, to_be_accepted
from ecluse.people.person import may
from ecluse.people.role import ROLES, Permission
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.waiting import documents_kept

__all__ = ["choose", "home_page", "others", "who_page"]


def home_page(desk: Desk) -> Answer:
    """The three lists, and the documents that a person brings."""
    if desk.session.person not in desk.people():
        return desk.go("who")
    site, person = desk.site(), desk.person
    known = site.migrations()
    done = [it for it in known.values() if it.state is MigrationState.ERASED]
    going = [it for it in known.values() if it.state is not MigrationState.ERASED]
    return desk.shown(
        desk.phrase("home_title", name=person.name),
        desk.phrase("home_under"),
        _list(
            desk, "home_waits", [*_papers(desk), *_acceptances(desk), *_comparisons(desk)], "home_waits_none"
        ),
        _bring(desk),
        _list(
            desk, "home_going", [_migration(desk, it) for it in going] + _instruction(desk), "home_going_none"
        ),
        _list(desk, "home_done", [_migration(desk, it) for it in done], "home_done_none"),
    )


def who_page(desk: Desk) -> Answer:
    """Who sits there: one of the persons that the sites held here certified. It proves nothing, and allows nothing: each act is signed."""
    language, people = desk.session.language, desk.people()
    choices = [
        choice(
            "person",
            person.id,
            person.name,
            element("small", f"{ROLES[person.role].label[language]} · {folder.name} · {person.id}"),
            chosen=person.id == desk.session.person,
        )
        for folder, person in people.values()
    ]
    asked = form(
        desk.session.csrf,
        element(
            "fieldset", element("legend", desk.phrase("who_legend")), element("ul", choices, class_="choices")
        ),
        button(desk.phrase("who_go")),
    )
    return desk.shown(
        desk.phrase("who_title"),
        desk.phrase("who_under"),
        asked if people else element("p", desk.phrase("who_none")),
    )


def choose(desk: Desk, given: Form) -> Answer:
    """Somebody says who they are. Raises Refusal `people/unknown`."""
    if given.text("person") not in desk.people():
        raise Refusal("people/unknown", where=desk.site().name, got="?")
    desk.session.person = given.text("person")
    return desk.go()


def others(desk: Desk) -> list[tuple[SiteFolder, SiteFolder]]:
    """Each site held here, with the other one, where it did not compare its root yet."""
    pairs = []
    for side in desk.sides:
        mine, theirs = (
            desk.workspace.folder(side),
            desk.workspace.folder("target" if side == "source" else "source"),
        )
        if theirs.name not in mine.peers():
            pairs.append((mine, theirs))
    return pairs


def _papers(desk: Desk) -> list[Content]:
    """Documents signed by some already, that this person may sign; then those that wait for somebody else."""
    waits = documents_waiting(desk.site(), documents_kept(desk.workspace.settings))
    found: list[Content] = []
    for paper in sorted(waits, key=lambda it: not it.is_for(desk.person)):
        signed = ", ".join(person.name for person in paper.signers)
        words = "home_sign" if paper.is_for(desk.person) else "home_signed_waits"
        found.append(
            _line(desk.link(desk.phrase(f"kind_{_word(paper.kind)}"), "paper", paper.digest.partition(":")[2]), desk.phrase(words, signed=signed))
        )  # fmt: skip
    return found


def _acceptances(desk: Desk) -> list[Content]:
    if "target" not in desk.sides or not may(desk.person, Permission.ACCEPT):
        return []
    return [
        _line(
            desk.link(desk.phrase("home_accept", name=name), "accept", name), desk.phrase("home_accept_more")
        )
        for name in to_be_accepted(desk.site("target"))
    ]


def _comparisons(desk: Desk) -> list[Content]:
    """Keys of others, to be compared by voice before their first use."""
    found: list[Content] = [
        _line(desk.link(desk.phrase("home_peer", site=theirs.name), "peer", mine.name, theirs.name), desk.phrase("home_peer_more", mine=mine.name))
        for mine, theirs in others(desk)
    ]  # fmt: skip
    if "source" in desk.sides and may(desk.person, Permission.SIGN_INSTRUCTION):
        found += [
            _line(
                desk.link(desk.phrase("home_recipient", name=it.keycert.purpose), "recipient", it.certificate.partition(":")[2]),
                desk.phrase("home_recipient_more", site=it.keycert.subject),
            )
            for it in recipients(desk.site("source"))
            if not it.compared
        ]  # fmt: skip
    return found


def _bring(desk: Desk) -> Markup | None:
    """Documents that this person may sign, brought as files."""
    kinds = [
        kind
        for kind, permission in PERMISSIONS.items()
        if kind != "code-map" and may(desk.person, permission)
    ]
    if not kinds:
        return None
    links = [element("li", desk.link(desk.phrase(f"bring_{kind}"), "bring", kind)) for kind in kinds]
    return element(
        "section",
        element("h3", desk.phrase("bring_title"), id="bring"),
        element("ul", links),
        aria_labelledby="bring",
    )


def _instruction(desk: Desk) -> list[Content]:
    """The instruction in force, which can be read again and taken back."""
    current = current_instruction(desk.site())
    if not current:
        return []
    return [
        _line(
            desk.link(desk.phrase("home_instruction"), "paper", current.partition(":")[2]),
            desk.phrase("home_instruction_more"),
        )
    ]


def _migration(desk: Desk, migration: Migration) -> Content:
    tongue = desk.tongue
    state = tongue.say(f"pages.state_{migration.state.name.lower()}")
    return _line(
        desk.link(migration.name, "migration", migration.name),
        f"{state} · {gates_sentence(migration.gate, tongue)}",
    )


def _list(desk: Desk, name: str, lines: Sequence[Content], nothing: str) -> Markup:
    mark = name.replace("_", "-")
    return element(
        "section",
        element("h2", desk.phrase(name), " ", element("span", f"({len(lines)})", class_="soft"), id=mark),
        element("ul", [element("li", line) for line in lines], class_="cards") if lines else element("p", desk.phrase(nothing), class_="soft"),
        aria_labelledby=mark,
    )  # fmt: skip


def _line(head: Content, more: Content) -> Content:
    return (element("b", head), element("small", more))


def _word(kind: str) -> str:
    return kind.replace("-", "_")
