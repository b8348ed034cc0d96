"""The rows of PATIENT and PORTAIL: identities put into the old system's words.

Decides how names, numbers, addresses and secrets are written. Nobody can be real: the INS bears the test or demonstration OID, telephone
numbers come from the ranges that ARCEP keeps for fiction (decision 2018-0881), e-mail domains from those of RFC 2606.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecluse.invent import names
from ecluse.invent.columns import absent, dates, digits, fixed, joined, matrix, pick, timestamps
from ecluse.invent.comments import FIRST, SECOND
from ecluse.invent.draws import Draws, Index, Mask
from ecluse.invent.old_system import OLD
from ecluse.invent.persons import (
    BIRTH_PLACES,
    LAST_DAY,
    Births,
    Kin,
    births,
    home_sites,
    kin,
    national_numbers,
    share,
)
from ecluse.invent.places import SITES, STREET_KINDS, STREETS, TOWNS

__all__ = ["DOMAINS", "LANDLINES", "MOBILES", "OIDS", "Patients", "numbers"]

OIDS: Final = ("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
"""INS NIR of test, and of demonstration."""
LANDLINES: Final = ("019900", "026191", "035301", "046571", "053649")
MOBILES: Final = ("063998",)
DOMAINS: Final = ("example.org", "example.com", "example.net", "courriel.example", "mail.invalid")

_PASSWORDS: Final = (
    "azerty",
    "soleil",
    "Doudou",
    "marie",
    "bretagne",
    "chouchou",
    "loulou",
    "Kenavo",
    "motdepasse",
    "lapin",
    "123456-",
)
_QUESTIONS: Final = (
    "Nom de votre premier animal ?",
    "Ville de naissance de votre mère ?",
    "Votre plat préféré ?",
)
_ANSWERS: Final = ("Médor", "Felix", "Lorient", "couscous", "galette", "Minou", "Gien", "tartiflette")
_FAMILIES: Final = pa.concat_arrays([names.FAMILY, names.FAMILY_WRONG])
_GIVENS: Final = pa.concat_arrays([names.GIVEN, names.GIVEN_WRONG])
_ORDINARY: Final = len(names.FAMILY) - len(names.LONG)


def numbers(at: Index) -> pa.Array:
    """NUMPAT of these positions."""
    return fixed(np.full((len(at), 1), ord("P"), dtype=np.uint8), digits(at + 1, 9))


class Patients:
    """One slice of the patients: its columns, and what their requests need to know of them."""

    def __init__(self, draws: Draws, at: Index, *, total: int, prescribers: int) -> None:
        self.draws = draws
        self.at = at
        self.total = total
        self.prescribers = prescribers
        self.kin: Kin = kin(draws, at)
        self.births: Births = births(draws, self.kin.who, self.kin.child)
        self.home: Index = np.where(self.kin.child, self.kin.parent, at)
        self.site: Index = home_sites(draws, self.home)
        self.doctor: Index = draws.below("doctor", at, prescribers)
        self.has_doctor: Mask = draws.chance("has-doctor", at, 0.8)
        self.numbers: pa.Array = numbers(at)
        self.columns: dict[str, pa.Array] = {}
        self._fill()

    def batch(self) -> pa.RecordBatch:
        """The rows of PATIENT."""
        table = OLD.table("PATIENT").arrow
        return pa.RecordBatch.from_arrays([self.columns[name] for name in table.names], schema=table)

    def portal(self) -> pa.RecordBatch:
        """The rows of PORTAIL: identifiers, and passwords in clear text, as in the leak."""
        draws, chosen = self.draws, np.flatnonzero(self._share("password"))
        at = self.at[chosen]
        rows = pa.array(chosen)
        secret = joined(
            pick(pa.array(_PASSWORDS), draws.below("secret", at, len(_PASSWORDS))),
            fixed(digits(draws.below("pin", at, 100), 2)),
        )
        columns = (
            joined("W", fixed(digits(at + 1, 9))),
            self.numbers.take(rows),
            pc.coalesce(self.columns["NSS"].take(rows), self.numbers.take(rows)),
            secret,
            pick(pa.array(_QUESTIONS), draws.below("question", at, len(_QUESTIONS))),
            pick(pa.array(_ANSWERS), draws.below("answer", at, len(_ANSWERS))),
            fixed(dates(LAST_DAY - draws.below("seen", at, 700), "DD/MM/YYYY")),
        )
        return pa.RecordBatch.from_arrays(list(columns), schema=OLD.table("PORTAIL").arrow)

    def _share(self, name: str) -> Mask:
        return self.draws.subset(name, self.at, total=self.total, count=share(name, self.total))

    def _fill(self) -> None:
        self.columns["NUMPAT"] = self.numbers
        self._names()
        self._birth()
        self._national_numbers()
        self._contacts()
        self._remarks()

    def _names(self) -> None:
        draws, kin = self.draws, self.kin
        named = self._share("named")
        bearer = np.where(kin.child, kin.parent, kin.who)
        self.family = (draws.uniform("family", bearer) ** 2 * _ORDINARY).astype(np.int64)
        self.family = np.where(
            draws.chance("long", bearer, 0.0004),
            _ORDINARY + draws.below("family", bearer, len(names.LONG)),
            self.family,
        )
        second = draws.below("family-2", bearer, _ORDINARY)
        double = pick(_FAMILIES, second, where=draws.chance("double", bearer, 0.05))
        wrong = kin.duplicate.astype(np.int64)
        family = joined(pick(_FAMILIES, self.family + wrong * len(names.FAMILY)), double, separator="-")
        married = (self.births.sex == 2) & ~kin.child & draws.chance("married", kin.who, 0.5)
        self.columns["NOMNAI"] = absent(family, where=~named)
        self.columns["NOMUSU"] = pick(
            _FAMILIES, draws.below("married-name", kin.who, _ORDINARY), where=married & named
        )
        self.given = self._given("given")
        more = pick(names.GIVEN, self._given("given-2"), where=draws.chance("two-given", kin.who, 0.3))
        given = joined(pick(_GIVENS, self.given + wrong * len(names.GIVEN)), more, separator=" ")
        self.columns["PRENOM"] = absent(given, where=~named | draws.chance("no-given", self.at, 0.005))

    def _given(self, stream: str) -> Index:
        men, women = len(names.MEN), len(names.WOMEN)
        skewed = self.draws.uniform(stream, self.kin.who) ** 1.5
        return cast(
            "Index", np.where(self.births.sex == 1, skewed * men, men + skewed * women).astype(np.int64)
        )

    def _birth(self) -> None:
        draws, born = self.draws, self.births
        unknown_sex = draws.chance("unknown-sex", self.at, 0.004)
        self.columns["SEXE"] = fixed(digits(np.where(unknown_sex, 9, born.sex), 1))
        written = dates(born.day, "YYYYMMDD")
        ends = matrix(("1231", "0000"))[draws.chance("zero-birth", self.kin.who, 0.02).astype(np.int64)]
        written[:, 4:] = np.where(born.vague[:, None], ends, written[:, 4:])
        lost = draws.chance("lost-birth", self.at, 0.0005)
        self.columns["DATNAI"] = absent(fixed(written), where=lost)
        self.columns["LIEUNAI"] = pick(
            pa.array(BIRTH_PLACES), born.place, where=draws.chance("has-place", self.at, 0.93)
        )
        self.columns["DATDEC"] = absent(fixed(dates(born.death, "DD/MM/YYYY")), where=born.death > LAST_DAY)

    def _national_numbers(self) -> None:
        draws, kin = self.draws, self.kin
        own = national_numbers(draws, kin.who, self.births)
        grown = np.zeros_like(kin.child)
        parents = national_numbers(draws, kin.parent, births(draws, kin.parent, grown))
        has = self._share("nir")
        insured = fixed(np.where(kin.child[:, None], parents, own))
        self.columns["NSS"] = absent(insured, where=~has)
        has_ins = has & ~kin.child & draws.chance("ins", self.at, 0.62)
        self.columns["MATINS"] = absent(fixed(own), where=~has_ins)
        self.columns["OIDINS"] = pick(
            pa.array(OIDS), draws.chance("demo-oid", self.at, 0.1).astype(np.int64), where=has_ins
        )
        validated = draws.chance("validated", self.at, 0.7)
        self.columns["STAINS"] = pick(pa.array(("P", "R", "V")), np.where(has_ins, 1 + validated, 0))
        self.columns["PATFUS"] = absent(numbers(kin.who), where=~kin.merged)

    def _contacts(self) -> None:
        draws, home = self.draws, self.home
        town = _town_near(draws, home, self.site)
        number = fixed(digits(1 + draws.below("number", home, 99), 2))
        number = pc.ascii_ltrim(number, characters="0")
        kind = pick(pa.array(STREET_KINDS), draws.below("street-kind", home, len(STREET_KINDS)))
        street = pick(pa.array(STREETS), draws.below("street", home, len(STREETS)))
        self.columns["ADR"] = joined(number, kind, street, separator=" ")
        self.columns["CP"] = pick(pa.array([town.postcode for town in TOWNS]), town)
        self.columns["VILLE"] = pick(
            pa.array([_capitals(town.name, rank) for rank, town in enumerate(TOWNS)]), town
        )
        self.columns["TELFIX"] = absent(
            self._telephone("landline", LANDLINES), where=~self._share("landline")
        )
        self.columns["TELPOR"] = absent(self._telephone("mobile", MOBILES), where=~self._share("mobile"))
        domain = pick(pa.array(DOMAINS), draws.below("domain", self.at, len(DOMAINS)))
        local = joined(
            pick(names.GIVEN_PLAIN, self.given),
            ".",
            pick(names.FAMILY_PLAIN, np.minimum(self.family, _ORDINARY - 1)),
        )
        tail = fixed(digits(draws.below("mail", self.at, 1000), 3))
        self.columns["MEL"] = absent(joined(local, tail, "@", domain), where=~self._share("email"))
        self.columns["MEDTRT"] = absent(
            joined("M", fixed(digits(self.doctor + 1, 5))), where=~self.has_doctor
        )

    def _telephone(self, stream: str, prefixes: tuple[str, ...]) -> pa.Array:
        draws, at = self.draws, self.at
        head = matrix(prefixes)[draws.below(f"{stream}-prefix", at, len(prefixes))]
        written = np.concatenate((head, digits(draws.below(stream + "-line", at, 10_000), 4)), axis=1)
        pairs = [fixed(written[:, start : start + 2]) for start in range(0, 10, 2)]
        style = draws.below(f"{stream}-style", at, 10)
        spaced, dotted = joined(*pairs, separator=" "), joined(*pairs, separator=".")
        return pc.if_else(
            pa.array(style < 5), spaced, pc.if_else(pa.array(style < 6), dotted, fixed(written))
        )

    def _remarks(self) -> None:
        draws, at = self.draws, self.at
        letter = pick(pa.array(("A", "B", "")), draws.below("door-letter", at, 3))
        door = joined(letter, fixed(digits(draws.below("door", at, 10_000), 4)))
        self.columns["CODEACC"] = absent(door, where=~draws.chance("has-door", at, 0.08))
        created = FIRST_CREATED + draws.below("created", at, CREATED_SPAN)
        self.columns["DTCRE"] = timestamps(created)
        first, second = draws.below("comment", at, len(FIRST)), draws.below("comment-2", at, len(SECOND))
        self.columns["COMM1"] = pick(pa.array(FIRST), first, where=draws.chance("has-comment", at, 0.15))
        self.columns["COMM2"] = pick(pa.array(SECOND), second, where=draws.chance("has-comment-2", at, 0.06))


FIRST_CREATED: Final = 1_104_537_600
"""2005-01-01, in seconds from 1970: the day the old system began."""
CREATED_SPAN: Final = 315_532_800
"""Ten years, in seconds."""


def _capitals(name: str, rank: int) -> str:
    return name.upper() if rank % 3 == 0 else name


def _town_near(draws: Draws, home: Index, site: Index) -> Index:
    """The rank of a town in the département of each site."""
    departments = [town.department for town in TOWNS]
    starts = np.array([departments.index(place.town.department) for place in SITES])
    counts = np.array([departments.count(place.town.department) for place in SITES])
    return cast("Index", starts[site] + draws.below("town", home, counts[site]))
