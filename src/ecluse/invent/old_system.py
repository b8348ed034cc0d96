"""The OLD invented system, awkward as real ones are.

Decides its tables as data: truncated French names in capitals, dates as eight characters or as text in one place and real timestamps in
another, sex as 1/2/9, flags as O/N, test codes padded with blanks to eight characters, numbers as text with a decimal comma, one table
(FACTUR) that mixes acts and payments, secrets under innocent names (PATIENT.CODEACC, PARAM.JETON) and clear-text passwords (PORTAIL.MDP).
Nothing here comes from an existing product.
"""

from __future__ import annotations

from typing import Final

from ecluse.invent.relations import Column, Reference, System, Table, date8, plain, text

__all__ = ["OLD"]

_SITE = Table(
    "SITE",
    (
        text("CODSITE", 2, required=True),
        text("LIBSITE", 60),
        text("FINESS", 9),
        text("ADRSITE", 80),
        text("CPSITE", 5),
        text("VILSITE", 40),
        text("TELSITE", 14),
    ),
    key="CODSITE",
)

_ANALYSE = Table(
    "ANALYSE",
    (
        text("CODANA", 8, required=True),
        text("LIBANA", 60),
        text("SECT", 12),
        text("UNITE", 16),
        text("BORINF", 12),
        text("BORSUP", 12),
        text("LOINC", 10),
        text("CODACT", 4),
        text("NATECH", 20),
    ),
    key="CODANA",
)

_PARAM = Table(
    "PARAM",
    (
        text("CLEF", 30, required=True),
        text("VALEUR", 80),
        text("JETON", 100),
    ),
    key="CLEF",
)

_PRESCR = Table(
    "PRESCR",
    (
        text("NUMPRESC", 6, required=True),
        text("RPPS", 11),
        text("NOM", 60),
        text("PRENOM", 40),
        text("SPECIA", 40),
        text("ADR", 80),
        text("CP", 5),
        text("VILLE", 40),
        text("TEL", 14),
    ),
    key="NUMPRESC",
)

_PATIENT = Table(
    "PATIENT",
    (
        text("NUMPAT", 10, required=True),
        text("NOMNAI", 120),
        text("NOMUSU", 120),
        text("PRENOM", 80),
        Column("SEXE", "char", 1),
        date8("DATNAI"),
        text("LIEUNAI", 5),
        text("DATDEC", 10),
        text("MATINS", 15),
        text("OIDINS", 30),
        Column("STAINS", "char", 1),
        text("NSS", 15),
        text("ADR", 80),
        text("CP", 5),
        text("VILLE", 40),
        text("TELFIX", 14),
        text("TELPOR", 14),
        text("MEL", 80),
        text("MEDTRT", 6),
        text("PATFUS", 10),
        text("CODEACC", 8),
        plain("DTCRE", "timestamp"),
        plain("COMM1", "clob"),
        plain("COMM2", "clob"),
    ),
    key="NUMPAT",
    references=(Reference("MEDTRT", "PRESCR", "NUMPRESC"), Reference("PATFUS", "PATIENT", "NUMPAT")),
)

_PORTAIL = Table(
    "PORTAIL",
    (
        text("IDPORT", 10, required=True),
        text("NUMPAT", 10, required=True),
        text("LOGIN", 80),
        text("MDP", 40),
        text("QUESTION", 60),
        text("REPONSE", 40),
        text("DATCNX", 10),
    ),
    key="IDPORT",
    references=(Reference("NUMPAT", "PATIENT", "NUMPAT"),),
)

_DOSSIER = Table(
    "DOSSIER",
    (
        text("NUMDOS", 12, required=True),
        text("NUMPAT", 10, required=True),
        text("NUMPRESC", 6),
        text("CODSITE", 2, required=True),
        date8("DATDEM", required=True),
        plain("DTENR", "timestamp"),
        Column("ETAT", "char", 1),
        Column("URG", "char", 1),
        text("RENSCL", 200),
    ),
    key="NUMDOS",
    references=(
        Reference("NUMPAT", "PATIENT", "NUMPAT"),
        Reference("NUMPRESC", "PRESCR", "NUMPRESC"),
        Reference("CODSITE", "SITE", "CODSITE"),
    ),
)

_ECHANT = Table(
    "ECHANT",
    (
        text("NUMECH", 14, required=True),
        text("NUMDOS", 12, required=True),
        text("NATECH", 20),
        plain("DTPREL", "timestamp"),
        plain("DTREC", "timestamp"),
    ),
    key="NUMECH",
    references=(Reference("NUMDOS", "DOSSIER", "NUMDOS"),),
)

_RESULT = Table(
    "RESULT",
    (
        text("NUMRES", 15, required=True),
        text("NUMDOS", 12, required=True),
        text("NUMECH", 14),
        text("CODSITE", 2),
        date8("DATDEM"),
        text("CODANA", 8, required=True),
        text("LIBRES", 60),
        text("VALRES", 60),
        text("UNITE", 16),
        text("BORINF", 12),
        text("BORSUP", 12),
        Column("INDIC", "char", 1),
        Column("STARES", "char", 1),
        text("VERSRES", 2),
        Column("VISIB", "char", 1),
        text("VALIDPAR", 40),
        plain("DTVAL", "timestamp"),
        text("COMRES", 120),
    ),
    key="NUMRES",
    references=(
        Reference("NUMDOS", "DOSSIER", "NUMDOS"),
        Reference("NUMECH", "ECHANT", "NUMECH"),
        Reference("CODANA", "ANALYSE", "CODANA"),
    ),
)

_GERME = Table(
    "GERME",
    (
        text("NUMGER", 16, required=True),
        text("NUMRES", 15, required=True),
        text("NUMDOS", 12, required=True),
        text("LIBGER", 60),
        text("NUMERA", 20),
    ),
    key="NUMGER",
    references=(Reference("NUMRES", "RESULT", "NUMRES"), Reference("NUMDOS", "DOSSIER", "NUMDOS")),
)

_ABG = Table(
    "ABG",
    (
        text("NUMABG", 18, required=True),
        text("NUMGER", 16, required=True),
        text("NUMDOS", 12, required=True),
        text("LIBATB", 40),
        text("CMI", 10),
        Column("SIR", "char", 1),
    ),
    key="NUMABG",
    references=(Reference("NUMGER", "GERME", "NUMGER"), Reference("NUMDOS", "DOSSIER", "NUMDOS")),
)

_CRPDF = Table(
    "CRPDF",
    (
        text("NUMCR", 14, required=True),
        text("NUMDOS", 12, required=True),
        text("TYPFIC", 20),
        plain("CONTENU", "blob"),
        text("SIGNAT", 40),
        plain("DTSIGN", "timestamp"),
        text("VERSCR", 2),
        Column("VISIB", "char", 1),
    ),
    key="NUMCR",
    references=(Reference("NUMDOS", "DOSSIER", "NUMDOS"),),
)

_FACTUR = Table(
    "FACTUR",
    (
        text("NUMFAC", 16, required=True),
        text("NUMDOS", 12, required=True),
        Column("TYPLIG", "char", 1, required=True),
        text("CODACT", 4),
        text("QTE", 3),
        text("MONTANT", 10),
        text("ORGPAY", 40),
        text("DATFAC", 10),
    ),
    key="NUMFAC",
    references=(Reference("NUMDOS", "DOSSIER", "NUMDOS"),),
)

OLD: Final = System(
    "old",
    (
        _SITE,
        _ANALYSE,
        _PARAM,
        _PRESCR,
        _PATIENT,
        _PORTAIL,
        _DOSSIER,
        _ECHANT,
        _RESULT,
        _GERME,
        _ABG,
        _CRPDF,
        _FACTUR,
    ),
)
"""The old system. SEXE 1/2/9 (man, woman, unknown); STAINS P/R/V (provisional, retrieved, validated); ETAT O/V/C/A (open, validated,
closed, cancelled); URG O/N; STARES P/S/V/C/A (ordered, entered, validated, corrected, cancelled); VISIB 0/1/2/3 (visible, hidden, hidden
from guardians, secret); INDIC H/B/N; FACTUR.TYPLIG A (an act) or R (a payment, which has no act). Dates: YYYYMMDD in PATIENT.DATNAI,
DOSSIER.DATDEM and RESULT.DATDEM (RESULT repeats its request's site and date); dd/mm/yyyy text in PATIENT.DATDEC, PORTAIL.DATCNX and
FACTUR.DATFAC; every DT... column is a timestamp without zone. ANALYSE.CODANA and RESULT.CODANA are padded with blanks to eight."""
