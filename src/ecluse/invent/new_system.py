"""The NEW invented system, of another shape than the old one.

Decides its tables as data: lower-case English names, real dates and moments, required columns, checks on what may be said, primary and foreign
keys. Every key is a text that keeps the identifier given from outside. Nothing here comes from an existing product.
"""

from __future__ import annotations

from typing import Final

from ecluse.invent.relations import Reference, System, Table, plain, text

__all__ = ["NEW"]

_VISIBLE = ("visible", "hidden", "hidden-from-guardians", "secret")

_SITES = Table(
    "sites",
    (
        text("code", 20, required=True),
        text("name", 80, required=True),
        text("postcode", 10),
        text("city", 60),
    ),
    key="code",
)

_PRACTITIONERS = Table(
    "practitioners",
    (
        text("id", 40, required=True),
        text("rpps", 11),
        text("family_name", 120),
        text("given_names", 120),
        text("specialty", 80),
        text("street", 120),
        text("postcode", 10),
        text("city", 60),
        text("phone", 20),
    ),
    key="id",
)

_PATIENTS = Table(
    "patients",
    (
        text("id", 40, required=True),
        text("birth_name", 160),
        text("used_name", 160),
        text("given_names", 160),
        text("sex", 8, required=True, among=("male", "female", "unknown")),
        plain("born_on", "date"),
        text("birth_place", 5),
        plain("died_on", "date"),
        text("ins", 15),
        text("ins_oid", 40),
        text("ins_status", 12, among=("provisional", "retrieved", "qualified")),
        text("insured_number", 15),
        text("street", 120),
        text("postcode", 10),
        text("city", 60),
        text("phone", 20),
        text("mobile", 20),
        text("email", 120),
        text("doctor_id", 40),
        text("merged_into_id", 40),
        plain("note", "clob"),
        plain("second_note", "clob"),
    ),
    key="id",
    # merged_into_id refers to nothing: the patient it names may be outside what the laboratory asked for.
    references=(Reference("doctor_id", "practitioners", "id"),),
)

_ORDERS = Table(
    "orders",
    (
        text("id", 40, required=True),
        text("patient_id", 40, required=True),
        text("practitioner_id", 40),
        text("site_code", 20),
        plain("ordered_on", "date", required=True),
        plain("ordered_at", "timestamp"),
        text("status", 12, required=True, among=("open", "validated", "closed", "cancelled")),
        plain("urgent", "flag"),
        plain("clinical_information", "clob"),
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
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("material", 40),
        plain("collected_at", "timestamp"),
        plain("received_at", "timestamp"),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"),),
)

_OBSERVATIONS = Table(
    "observations",
    (
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("sample_id", 40),
        text("test_code", 20, required=True),
        text("test_name", 120),
        plain("reported_value", "clob"),
        text("unit", 30),
        text("reference_low", 30),
        text("reference_high", 30),
        text("interpretation", 20),
        text(
            "status", 12, required=True, among=("ordered", "entered", "validated", "corrected", "cancelled")
        ),
        plain("version", "integer", required=True),
        text("visibility", 24, required=True, among=_VISIBLE),
        text("validated_by", 120),
        plain("validated_at", "timestamp"),
        plain("note", "clob"),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("sample_id", "samples", "id")),
)

_ISOLATES = Table(
    "isolates",
    (
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("observation_id", 40),
        text("organism", 120, required=True),
        text("colony_count", 40),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("observation_id", "observations", "id")),
)

_SUSCEPTIBILITIES = Table(
    "susceptibilities",
    (
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("isolate_id", 40, required=True),
        text("antibiotic", 80, required=True),
        text("mic", 20),
        text("interpretation", 1, among=("S", "I", "R")),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"), Reference("isolate_id", "isolates", "id")),
)

_ATTACHMENTS = Table(
    "attachments",
    (
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("media_type", 80, required=True),
        plain("content", "blob", required=True),
        text("signed_by", 120),
        plain("signed_at", "timestamp"),
        plain("version", "integer"),
        text("visibility", 24, required=True, among=_VISIBLE),
    ),
    key="id",
    references=(Reference("order_id", "orders", "id"),),
)

_CHARGES = Table(
    "charges",
    (
        text("id", 40, required=True),
        text("order_id", 40, required=True),
        text("act_code", 10, required=True),
        plain("quantity", "integer"),
        text("amount", 20),
        text("payer", 80),
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
