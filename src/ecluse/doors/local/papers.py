"""Documents that a person signs: brought as a file, read on the page, signed; and the instruction taken back.

Decides how each kind is shown. What a document must hold, and who may sign it, is decided by `terms` and `passage.signing`: a page shows their refusal.
"""

from __future__ import annotations

from collections import Counter

from ecluse.base.refusal import Refusal
from ecluse.doors.local.desk import Answer, Desk
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Act, Paper
from ecluse.doors.local.written import button, field, form
from ecluse.doors.pages.agreement import agreement_body
from ecluse.doors.pages.instruction import instruction_body
from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined
from ecluse.doors.pages.tongue import Column
from ecluse.passage.acts import INSTRUCTION_REVOKED
from ecluse.passage.authority import document_signers, signed_codes
from ecluse.passage.closing import revocation_of, revoke
from ecluse.passage.signing import ACTS, PERMISSIONS, check_usable, sign
from ecluse.people.person import Person, check_may, may
from ecluse.people.role import Permission, Role
from ecluse.proof.sign import Signer, digest, payload_of, type_of
from ecluse.terms import code_map, codes
from ecluse.terms import instruction as instructions
from ecluse.terms.agreement import check
from ecluse.terms.instruction import parse
from ecluse.terms.instruction.naming import LEAST_REASON
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ask_revocation", "bring", "bring_page", "paper_page", "revoke_page", "sign_paper"]


def bring_page(desk: Desk, kind: str) -> Answer:
    """A file to bring: nothing of it is kept until it is signed."""
    check_may(desk.person, PERMISSIONS[_known(kind)])
    asked = form(
        desk.session.csrf,
        field(
            "file",
            desk.phrase("bring_file"),
            hint=desk.phrase("bring_file_hint"),
            kind="file",
            accept=".toml",
        ),
        button(desk.phrase("bring_read")),
        file=True,
    )
    return desk.shown(desk.phrase(f"bring_{kind}"), desk.phrase("bring_under"), asked)


def bring(desk: Desk, given: Form, kind: str) -> Answer:
    """Keep the file for this sitting, and show it. Raises Refusal `page/no-file`."""
    if given.file is None or not given.file[1]:
        raise Refusal("page/no-file")
    name, payload = given.file
    read_as = "code-map" if _known(kind) == "codes" and code_map.is_code_map(payload) else kind
    desk.session.keep(digest(payload), Paper(read_as, name[-80:], payload))
    return desk.go("paper", digest(payload).partition(":")[2])


def paper_page(desk: Desk, hexadecimal: str) -> Answer:
    """The document as a person reads it, and what can be done with it."""
    paper = _paper(desk, hexadecimal)
    body = _BODIES[paper.kind](desk, paper)
    return Answer(Body(body.title, joined(body.markup, _after(desk, paper))))


def sign_paper(desk: Desk, given: Form, hexadecimal: str) -> Answer:
    """To the signature, if the document is one that could be used and this person may sign it. Raises the refusals of `passage.signing.sign`."""
    del given
    paper, person = _paper(desk, hexadecimal), desk.person
    check_may(person, PERMISSIONS[paper.kind])
    check_usable(desk.site(), paper.kind, paper.payload, signer=person)

    def done(desk: Desk, signer: Signer) -> Answer:
        _, in_force = sign(desk.site(), paper.kind, paper.payload, by=person.id, key=signer)
        desk.session.papers.pop(f"sha256:{hexadecimal}", None)
        desk.session.told.append(desk.phrase("signed_in_force" if in_force else "signed_waits"))
        return desk.go("paper", hexadecimal)

    what = desk.phrase("act_sign_document", kind=desk.phrase(f"kind_{paper.kind.replace('-', '_')}").lower())
    return desk.begin(Act(what, paper.kind, paper.payload, person.id, f"paper/{hexadecimal}", done))


def revoke_page(desk: Desk, hexadecimal: str) -> Answer:
    """The reason for which an instruction is taken back."""
    check_may(desk.person, Permission.REVOKE)
    ordered = parse(_paper(desk, hexadecimal).payload, vocabulary=vocabulary())
    asked = form(
        desk.session.csrf,
        field("reason", desk.phrase("revoke_reason"), hint=desk.phrase("revoke_reason_hint", least=LEAST_REASON), value=desk.typed("reason"), maxlength=400),
        button(desk.phrase("revoke_go")),
    )  # fmt: skip
    return desk.shown(desk.phrase("revoke_title", id=ordered.id), desk.phrase("revoke_under"), asked)


def ask_revocation(desk: Desk, given: Form, hexadecimal: str) -> Answer:
    """To the signature of a revocation. Raises Refusal `people/may-not`, `document/bad-value` for a reason too short."""
    check_may(desk.person, Permission.REVOKE)
    instruction, reason, at, by = f"sha256:{hexadecimal}", given.text("reason"), desk.at, desk.person.id
    payload = revocation_of(desk.site(), instruction=instruction, reason=reason, at=at)

    def done(desk: Desk, signer: Signer) -> Answer:
        stopped = revoke(desk.site(), by=by, key=signer, instruction=instruction, reason=reason, at=at)
        desk.session.told.append(desk.phrase("revoked", stopped=", ".join(stopped) or "-"))
        return desk.go()

    return desk.begin(
        Act(desk.phrase("act_revoke"), "revocation", payload, by, f"revoke/{hexadecimal}", done)
    )


def _known(kind: str) -> str:
    if kind not in PERMISSIONS or kind == "code-map":
        raise Refusal("page/absent")
    return kind


def _paper(desk: Desk, hexadecimal: str) -> Paper:
    """A document of this sitting, else one that is kept. Raises Refusal `document/absent`, `page/absent`."""
    name = f"sha256:{hexadecimal}"
    if name in desk.session.papers:
        return desk.session.papers[name]
    envelope = desk.site().documents.get(name)
    kind, payload = type_of(envelope), payload_of(envelope)
    if kind not in PERMISSIONS or digest(payload) != name:
        raise Refusal("page/absent")
    return Paper(kind, "", payload)


def _signers(desk: Desk, paper: Paper) -> tuple[Person, ...]:
    try:
        return document_signers(desk.site(), paper.kind, digest(paper.payload))
    except Refusal:
        return ()  # nobody known has


def _agreement(desk: Desk, paper: Paper) -> Body:
    judged = check(paper.payload, at=desk.at, vocabulary=vocabulary())
    return agreement_body(judged, language=desk.session.language, name=paper.name)


def _instruction(desk: Desk, paper: Paper) -> Body:
    ordered = instructions.parse(paper.payload, vocabulary=vocabulary())
    try:
        classified = signed_codes(desk.site(), ordered.codes)
    except Refusal:
        classified = None  # the page then speaks of categories without the codes that reveal them
    sections = instructions.page(
        ordered, language=desk.session.language, vocabulary=vocabulary(), codes=classified
    )
    return instruction_body(
        sections,
        language=desk.session.language,
        id=ordered.id,
        version=ordered.version,
        digest=ordered.digest,
        signers=[person.name for person in _signers(desk, paper)],
    )


def _codes(desk: Desk, paper: Paper) -> Body:
    """The classification: first what reveals something, then the rest."""
    biologists = [
        known.person for known in desk.site().people.values() if known.person.role is Role.BIOLOGIST
    ]
    lines = codes.parse(paper.payload, vocabulary=vocabulary(), signers=biologists).lines.values()
    tongue = desk.tongue
    rows = [
        (element("code", line.code), line.label, ", ".join(map(tongue.category, line.categories)) or "–")
        for line in sorted(lines, key=lambda line: (not line.categories, line.system, line.code))
    ]
    count = Counter(bool(line.categories) for line in lines)
    columns = [Column(desk.phrase(f"column_{name}")) for name in ("code", "label", "categories")]
    told = desk.phrase(
        "codes_counts", revealing=tongue.number(count[True]), others=tongue.number(count[False])
    )
    return _body(desk, "codes", element("p", told), tongue.table(desk.phrase("codes_caption"), columns, rows))


def _code_map(desk: Desk, paper: Paper) -> Body:
    """The code map: each local code in its unit, and the code of a public list that was chosen for it."""
    biologists = [
        known.person for known in desk.site().people.values() if known.person.role is Role.BIOLOGIST
    ]
    mapped = code_map.parse(paper.payload, signers=biologists).targets
    tongue = desk.tongue
    rows = [
        (element("code", code), unit or "–", f"{target[0].upper()} {target[1]}")
        for (_, code, unit), target in sorted(mapped.items())
    ]
    columns = [Column(desk.phrase(f"column_{name}")) for name in ("code", "unit", "chosen")]
    return _body(desk, "code_map", tongue.table(desk.phrase("code_map_caption"), columns, rows))


def _body(desk: Desk, kind: str, *content: Content) -> Body:
    tongue = desk.tongue
    title = desk.phrase(f"kind_{kind}")
    head = tongue.masthead(title, desk.phrase(f"under_{kind}"), lock_drawing(None, tongue))
    return Body(title, joined(head, element("main", *content)))


_BODIES = {"agreement": _agreement, "instruction": _instruction, "codes": _codes, "code-map": _code_map}


def _after(desk: Desk, paper: Paper) -> Markup:
    """Under the document: who signed it, whether it is in force, and what this person may do with it."""
    site, person, document = desk.site(), desk.person, digest(paper.payload)
    signers = _signers(desk, paper)
    in_force = document in [body.get("document") for body in site.bodies(ACTS[paper.kind])]
    revoked = document in [body.get("instruction") for body in site.bodies(INSTRUCTION_REVOKED)]
    tongue = desk.tongue
    mood, words = (
        ("bad", "paper_revoked")
        if revoked
        else ("good", "paper_in_force")
        if in_force
        else ("warn", "paper_not_in_force")
    )
    lines: list[Content] = [element("p", tongue.tag(mood, desk.phrase(words)))]  # type: ignore[arg-type]
    if signers:
        lines.append(element("p", desk.phrase("paper_signed_by", names=", ".join(it.name for it in signers))))
    if person.id not in [it.id for it in signers] and may(person, PERMISSIONS[paper.kind]) and not revoked:
        lines.append(form(desk.session.csrf, button(desk.phrase("paper_sign", name=person.name))))
    elif not may(person, PERMISSIONS[paper.kind]):
        lines.append(element("p", desk.phrase("paper_may_not", name=person.name), class_="soft"))
    if paper.kind == "instruction" and in_force and not revoked and may(person, Permission.REVOKE):
        lines.append(
            element("p", desk.link(desk.phrase("paper_revoke"), "revoke", document.partition(":")[2]))
        )
    return element(
        "section",
        element("h2", desk.phrase("paper_what_now"), id="now"),
        *lines,
        class_="act",
        aria_labelledby="now",
    )
