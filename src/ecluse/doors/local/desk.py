"""What a page of the sitting is given: the workspace, the person who sits there, their keys, and the words; and what it answers.

Decides which of the sites held here a person belongs to. Sites are opened anew for each request, so that what the page shows is what the ledger says now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ecluse.base.refusal import Fault, Refusal
from ecluse.doors.local.form import Form
from ecluse.doors.local.session import Act, Session
from ecluse.doors.local.written import framed, link, prose
from ecluse.doors.pages.lock import lock_drawing
from ecluse.doors.pages.markup import Body, Content, Markup, element, joined
from ecluse.doors.pages.tongue import Tongue
from ecluse.passage.site import Site
from ecluse.people.person import Person
from ecluse.people.role import ROLES
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.passkeys import Held, PasskeyFolder
from ecluse.wiring.settings import Side
from ecluse.wiring.workspace import Workspace

__all__ = ["Answer", "Desk"]

_SIDES: tuple[Side, ...] = ("source", "target")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers: a body, or where to go next. `scripted`: whether the page uses a passkey."""

    body: Body | None = None
    scripted: bool = False
    status: int = 200
    location: str = ""


@dataclass(slots=True)
class Desk:
    """One request of the sitting. `refusal`: what was refused just now, told at the top of the page; `given`: the form it was refused of."""

    workspace: Workspace
    session: Session
    refusal: Refusal | Fault | None = None
    given: Form = field(default_factory=Form, repr=False)
    _sites: dict[str, Site] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """Now."""
        return self.workspace.clock()

    @property
    def sides(self) -> list[Side]:
        """The sites whose keys are held here."""
        return [side for side in _SIDES if self.workspace.holds(side)]

    def site(self, side: Side | None = None) -> Site:
        """A site held here: the source's, else the target's, where none is named. Raises Refusal `settings/site-absent`."""
        meant: Side = side if side is not None else next(iter(self.sides), "source")
        if meant not in self._sites:
            self._sites[meant] = self.workspace.site(meant)
        return self._sites[meant]

    @property
    def tongue(self) -> Tongue:
        """The words, and the names of the persons of these sites."""
        return Tongue(
            self.session.language, {name: person.name for name, (_, person) in self.people().items()}
        )

    def phrase(self, key: str, **values: object) -> str:
        """A sentence of the catalogue `local`."""
        text = Tongue(self.session.language).say(f"local.{key}", **values)
        return prose(text) if "`" in text else text

    def typed(self, name: str) -> str | None:
        """What a person typed in a field of the form that was just refused: it is not lost. Never asked of a passphrase."""
        return self.given.text(name) or None

    def address(self, *parts: str) -> str:
        """The address of a page of this one."""
        return "/".join(["", self.session.door, *parts]) if parts else f"/{self.session.door}/"

    def link(self, label: Content, *parts: str) -> Markup:
        """A link to a page of this one."""
        return link(self.address(*parts), label)

    # --- people -------------------------------------------------------------------------------------------------------------

    def people(self) -> dict[str, tuple[SiteFolder, Person]]:
        """Everyone whom the sites held here certified, with their site."""
        return {
            name: (folder, person)
            for folder in map(self.workspace.folder, self.sides)
            for name, (person, _) in folder.people(at=self.at).items()
        }

    @property
    def folder(self) -> SiteFolder:
        """The site of the person who sits here."""
        return self.people()[self.session.person][0]

    @property
    def person(self) -> Person:
        """The person who sits here. Raises Refusal `page/nobody`."""
        known = self.people().get(self.session.person)
        if known is None:
            raise Refusal("page/nobody")
        return known[1]

    def passkeys(self) -> list[Held]:
        """The passkeys of the person who sits here."""
        return PasskeyFolder(self.folder).held(self.person.id, at=self.at)

    # --- answers ------------------------------------------------------------------------------------------------------------

    def shown(
        self,
        title: str,
        under: Content,
        *parts: Content,
        drawing: Markup | None = None,
        scripted: bool = False,
    ) -> Answer:
        """A page of the sitting's own."""
        tongue = self.tongue
        head = tongue.masthead(title, under, drawing or lock_drawing(None, tongue))
        return Answer(Body(title, joined(head, element("main", *parts))), scripted)

    def go(self, *parts: str) -> Answer:
        """Where to go once something was done."""
        return Answer(location=self.address(*parts), status=303)

    def begin(self, act: Act) -> Answer:
        """To the page where an act is signed."""
        return self.go("act", self.session.begin(act))

    def written(self, answer: Answer) -> bytes:
        """The octets of a page."""
        if answer.body is None:
            return b""
        return framed(
            answer.body,
            tongue=self.tongue,
            door=self.session.door,
            bar=self._bar(),
            said=self._said(),
            scripted=answer.scripted,
        )

    def _bar(self) -> Markup:
        """At the top of every page: where one is, whose site it is, who sits there."""
        known = self.people().get(self.session.person)
        places = [link(self.address(), self.phrase("home")), link(self.address("keys"), self.phrase("keys"))]
        who = (
            self.phrase("sits", name=known[1].name, role=ROLES[known[1].role].label[self.session.language])
            if known
            else self.phrase("nobody_sits")
        )
        other = "en" if self.session.language == "fr" else "fr"
        return element(
            "nav",
            element("strong", self.phrase("mark")),
            element("span", ", ".join(self.workspace.folder(side).name for side in self.sides), class_="soft"),
            element("ul", [element("li", place) for place in places] if known else None,
                    element("li", link(self.address("who"), who)),
                    element("li", Markup(f'<span lang="{other}">{link(self.address("language", other), self.phrase("other_language"))}</span>'))),
            class_="bar", aria_label=self.phrase("bar"),
        )  # fmt: skip

    def _said(self) -> Markup:
        """What was just refused, or just done."""
        told, self.session.told[:] = list(self.session.told), []
        done = element("p", *told, class_="done", role="status") if told else None
        return joined(done, self._refused())

    def _refused(self) -> Markup | None:
        refusal, language = self.refusal, self.session.language
        if refusal is None:
            return None
        return element(
            "div",
            element("b", prose(refusal.message(language))),
            element("p", prose(refusal.hint(language))),
            element("p", refusal.law(language), " ", element("code", refusal.code), class_="soft"),
            class_="notice", role="alert",
        )  # fmt: skip
