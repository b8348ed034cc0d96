"""The two invented systems: the OLD one, awkward as real ones are, and the NEW one, of a different shape.

Decides their tables as data. OLD: truncated French names in capitals, dates as eight characters or as text in one place and real
timestamps in another, sex as 1/2/9, flags as O/N, test codes padded with blanks to eight characters, numbers as text with a decimal
comma, one table (FACTUR) that mixes acts and payments, secrets under innocent names (PATIENT.CODEACC, PARAM.JETON) and clear-text
passwords (PORTAIL.MDP). NEW: lower-case English, real dates, checks, keys. Nothing here comes from an existing product.
"""

from __future__ import annotations

from typing import Final

from ecluse.invent.relations import Column, Family, Reference, System, Table

__all__ = ["NEW", "OLD"]


def _text(name: str, width: int, *, required: bool = False, among: tuple[str, ...] = ()) -> Column:
    return Column(name=name, family="text", width=width, required=required, among=among)


def _plain(name: str, family: Family, *, required: bool = False) -> Column:
    return Column(name=name, family=family, required=required)


def _date8(name: str, *, required: bool = False) -> Column:
    """A date as eight characters, YYYYMMDD."""
    return Column(name=name, family="char", width=8, required=required)


_SITE = Table(
    "SITE",
    (
        _text("CODSITE", 2, required=True),
        _text("LIBSITE", 60),
        _text("FINESS", 9),
        _text("ADRSITE", 80),
        _text("CPSITE", 5),
        _text("VILSITE", 40),
        _text("TELSITE", 14),
    ),
    key="CODSITE",
)

_ANALYSE = Table(
    "ANALYSE",
    (
        _text("CODANA", 8, required=True),
        _text("LIBANA", 60),
        _text("SECT", 12),
        _text("UNITE", 16),
        _text("BORINF", 12),
        _text("BORSUP", 12),
        _text("LOINC", 10),
        _text("CODACT", 4),
        _text("NATECH", 20),
    ),
    key="CODANA",
)

_PARAM = Table(
    "PARAM",
    (
        _text("CLEF", 30, required=True),
        _text("VALEUR", 80),
        _text("JETON", 100),
    ),
    key="CLEF",
)

_PRESCR = Table(
    "PRESCR",
    (
        _text("NUMPRESC", 6, required=True),
        _text("RPPS", 11),
        _text("NOM", 60),
        _text("PRENOM", 40),
        _text("SPECIA", 40),
        _text("ADR", 80),
        _text("CP", 5),
        _text("VILLE", 40),
        _text("TEL", 14),
    ),
    key="NUMPRESC",
)

_PATIENT = Table(
    "PATIENT",
    (
        _text("NUMPAT", 10, required=True),
        _text("NOMNAI", 120),
        _text("NOMUSU", 120),
        _text("PRENOM", 80),
        Column("SEXE", "char", 1),
        _date8("DATNAI"),
        _text("LIEUNAI", 5),
        _text("DATDEC", 10),
        _text("MATINS", 15),
        _text("OIDINS", 30),
        Column("STAINS", "char", 1),
        _text("NSS", 15),
        _text("ADR", 80),
        _text("CP", 5),
        _text("VILLE", 40),
        _text("TELFIX", 14),
        _text("TELPOR", 14),
        _text("MEL", 80),
        _text("MEDTRT", 6),
        _text("PATFUS", 10),
        _text("CODEACC", 8),
        _plain("DTCRE", "timestamp"),
        _plain("COMM1", "clob"),
        _plain("COMM2", "clob"),
    ),
    key="NUMPAT",
    references=(Reference("MEDTRT", "PRESCR", "NUMPRESC"), Reference("PATFUS", "PATIENT", "NUMPAT")),
)

_PORTAIL = Table(
    "PORTAIL",
    (
        _text("IDPORT", 10, required=True),
        _text("NUMPAT", 10, required=True),
        _text("LOGIN", 80),
        _text("MDP", 40),
        _text("QUESTION", 60),
        _text("REPONSE", 40),
        _text("DATCNX", 10),
    ),
    key="IDPORT",
    references=(Reference("NUMPAT", "PATIENT", "NUMPAT"),),
)

_DOSSIER = Table(
    "DOSSIER",
    (
        _text("NUMDOS", 12, required=True),
        _text("NUMPAT", 10, required=True),
        _text("NUMPRESC", 6),
        _text("CODSITE", 2, required=True),
        _date8("DATDEM", required=True),
        _plain("DTENR", "timestamp"),
        Column("ETAT", "char", 1),
        Column("URG", "char", 1),
        _text("RENSCL", 200),
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
        _text("NUMECH", 14, required=True),
        _text("NUMDOS", 12, required=True),
        _text("NATECH", 20),
        _plain("DTPREL", "timestamp"),
        _plain("DTREC", "timestamp"),
    ),
    key="NUMECH",
    references=(Reference("NUMDOS", "DOSSIER", "NUMDOS"),),
)

_RESULT = Table(
    "RESULT",
    (
        _text("NUMRES", 15, required=True),
        _text("NUMDOS", 12, required=True),
        _text("NUMECH", 14),
        _text("CODSITE", 2),
        _date8("DATDEM"),
        _text("CODANA", 8, required=True),
        _text("LIBRES", 60),
        _text("VALRES", 60),
        _text("UNITE", 16),
        _text("BORINF", 12),
        _text("BORSUP", 12),
        Column("INDIC", "char", 1),
        Column("STARES", "char", 1),
        _text("VERSRES", 2),
        Column("VISIB", "char", 1),
        _text("VALIDPAR", 40),
        _plain("DTVAL", "timestamp"),
        _text("COMRES", 120),
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
        _text("NUMGER", 16, required=True),
        _text("NUMRES", 15, required=True),
        _text("NUMDOS", 12, required=True),
        _text("LIBGER", 60),
        _text("NUMERA", 20),
    ),
    key="NUMGER",
    references=(Reference("NUMRES", "RESULT", "NUMRES"), Reference("NUMDOS", "DOSSIER", "NUMDOS")),
)

_ABG = Table(
    "ABG",
    (
        _text("NUMABG", 18, required=True),
        _text("NUMGER", 16, required=True),
        _text("NUMDOS", 12, required=True),
        _text("LIBATB", 40),
        _text("CMI", 10),
        Column("SIR", "char", 1),
    ),
    key="NUMABG",
    references=(Reference("NUMGER", "GERME", "NUMGER"), Reference("NUMDOS", "DOSSIER", "NUMDOS")),
)

_CRPDF = Table(
    "CRPDF",
    (
        _text("NUMCR", 14, required=True),
        _text("NUMDOS", 12, required=True),
        _text("TYPFIC", 20),
        _plain("CONTENU", "blob"),
        _text("SIGNAT", 40),
        _plain("DTSIGN", "timestamp"),
        _text("VERSCR", 2),
        Column("VISIB", "char", 1),
    ),
    key="NUMCR",
    references=(Reference("NUMDOS", "DOSSIER", "NUMDOS"),),
)

_FACTUR = Table(
    "FACTUR",
    (
        _text("NUMFAC", 16, required=True),
        _text("NUMDOS", 12, required=True),
        Column("TYPLIG", "char", 1, required=True),
        _text("CODACT", 4),
        _text("QTE", 3),
        _text("MONTANT", 10),
        _text("ORGPAY", 40),
        _text("DATFAC", 10),
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

_VISIBLE = ("visible", "hidden", "hidden-from-guardians", "secret")

_SITES = Table(
    "sites",
    (
        _text("code", 20, required=True),
        _text("name", 80, required=True),
        _text("postcode", 10),
        _text("city", 60),
    ),
    key="code",
)

_PRACTITIONERS = Table(
    "practitioners",
    (
        _text("id", 40, required=True),
        _text("rpps", 11),
        _text("family_name", 120),
        _text("given_names", 120),
        _text("specialty", 80),
        _text("street", 120),
        _text("postcode", 10),
        _text("city", 60),
        _text("phone", 20),
    ),
    key="id",
)

_PATIENTS = Table(
    "patients",
    (
        _text("id", 40, required=True),
        _text("birth_name", 160),
        _text("used_name", 160),
        _text("given_names", 160),
        _text("sex", 8, required=True, among=("male", "female", "unknown")),
        _plain("born_on", "date"),
        _text("birth_place", 5),
        _plain("died_on", "date"),
        _text("ins", 15),
        _text("ins_oid", 40),
        _text("ins_status", 12, among=("provisional", "retrieved", "qualified")),
        _text("insured_number", 15),
        _text("street", 120),
        _text("postcode", 10),
        _text("city", 60),
        _text("phone", 20),
        _text("mobile", 20),
        _text("email", 120),
        _text("doctor_id", 40),
        _text("merged_into_id", 40),
        _plain("note", "clob"),
        _plain("second_note", "clob"),
    ),
    key="id",
    references=(Reference("doctor_id", "practitioners", "id"), Reference("merged_into_id", "patients", "id")),
)

_ORDERS = Table(
    "orders",
    (
        _text("id", 40, required=True),
        _text("patient_id", 40, required=True),
        _text("practitioner_id", 40),
        _text("site_code", 20),
        _plain("ordered_on", "date", required=True),
        _plain("ordered_at", "timestamp"),
        _text("status", 12, required=True, among=("open", "validated", "closed", "cancelled")),
        _plain("urgent", "flag"),
        _plain("clinical_information", "clob"),
    ),
    key="id",
    references=(
        Reference("patient_id", "patients", "id"),
        Reference("practitioner_id", "practitioners", "id"),
    ),
)

_SAMPLES = Table(
    "samples",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("material", 40),
        _plain("collected_at", "timestamp"),
        _plain("received_at", "timestamp"),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"),),
)

_OBSERVATIONS = Table(
    "observations",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("sample_id", 40),
        _text("test_code", 20, required=True),
        _text("test_name", 120),
        _plain("reported_value", "clob"),
        _text("unit", 30),
        _text("reference_low", 30),
        _text("reference_high", 30),
        _text("interpretation", 20),
        _text(
            "status", 12, required=True, among=("ordered", "entered", "validated", "corrected", "cancelled")
        ),
        _plain("version", "integer", required=True),
        _text("visibility", 24, required=True, among=_VISIBLE),
        _text("validated_by", 120),
        _plain("validated_at", "timestamp"),
        _plain("note", "clob"),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("sample_id", "samples", "id")),
)

_ISOLATES = Table(
    "isolates",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("observation_id", 40),
        _text("organism", 120, required=True),
        _text("colony_count", 40),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("observation_id", "observations", "id")),
)

_SUSCEPTIBILITIES = Table(
    "susceptibilities",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("isolate_id", 40, required=True),
        _text("antibiotic", 80, required=True),
        _text("mic", 20),
        _text("interpretation", 1, among=("S", "I", "R")),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("isolate_id", "isolates", "id")),
)

_ATTACHMENTS = Table(
    "attachments",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("media_type", 80, required=True),
        _plain("content", "blob", required=True),
        _text("signed_by", 120),
        _plain("signed_at", "timestamp"),
        _plain("version", "integer"),
        _text("visibility", 24, required=True, among=_VISIBLE),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"),),
)

_CHARGES = Table(
    "charges",
    (
        _text("id", 40, required=True),
        _text("order_id", 40, required=True),
        _text("act_code", 10, required=True),
        _plain("quantity", "integer"),
        _text("amount", 20),
        _text("payer", 80),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"),),
)

NEW: Final = System(
    "new",
    (
        _SITES,
        _PRACTITIONERS,
        _PATIENTS,
        _ORDERS,
        _SAMPLES,
        _OBSERVATIONS,
        _ISOLATES,
        _SUSCEPTIBILITIES,
        _ATTACHMENTS,
        _CHARGES,
    ),
)
"""The new system. Every `id` keeps the identifier that came from outside; a patient's merge refers to a patient loaded before."""
