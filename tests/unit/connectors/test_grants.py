"""The statements that make a least-privilege account: that they can be pasted into a session that knows no schema."""

from __future__ import annotations

from ecluse.adapters.connectors.sql.grants import grant_statements
from ecluse.terms.catalogue import Privilege

NEEDED = [Privilege("SELECT", "patient", "id"), Privilege("SELECT", "archive.patient", "id")]


def test_a_right_on_a_table_comes_with_the_way_into_its_schema() -> None:
    """Where the address searches schemas they are set first, and each schema read is opened to the account."""
    assert grant_statements(NEEDED, "reader", "postgres", schemas=("clinlims", "public")) == [
        'SET search_path = "clinlims", "public"',
        'GRANT USAGE ON SCHEMA "clinlims" TO "reader"',
        'GRANT USAGE ON SCHEMA "public" TO "reader"',
        'GRANT USAGE ON SCHEMA "archive" TO "reader"',
        'GRANT SELECT("id") ON "archive"."patient" TO "reader"',
        'GRANT SELECT("id") ON "patient" TO "reader"',
    ]


def test_a_database_without_schemas_is_given_rights_alone() -> None:
    """MariaDB has no schema to enter, and an address that searches none gives no line for it."""
    assert grant_statements(NEEDED[:1], "reader", "mysql") == [
        "GRANT SELECT(`id`) ON `patient` TO `reader`@`%`"
    ]
    assert grant_statements(NEEDED[:1], "reader", "postgres") == [
        'GRANT SELECT("id") ON "patient" TO "reader"'
    ]
