"""The address of a FHIR server, and the file of its token."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.fhir.address import parse_server, token_from
from ecluse.base.refusal import Refusal


def test_an_address_without_tls_is_for_this_machine_only() -> None:
    """http is refused for any other host; an account, a token, a fragment or an unknown option in the address too."""
    assert str(parse_server("fhir+https://fhir.example/R4/")) == "fhir+https://fhir.example/R4"
    assert parse_server("fhir+http://[::1]:80/").origin == "http://[::1]:80"
    with pytest.raises(Refusal, match="fhir/not-encrypted"):
        parse_server("fhir+http://fhir.example/R4")
    for wrong in ("https://a/b", "fhir+https:///b", "fhir+https://me:pw@a/b", "fhir+https://a/b?token=x", "fhir+https://a/b#c", "fhir+https://a:x/b",
                  "fhir+https://a/b?entries=1", "fhir+https://a/../b"):  # fmt: skip
        with pytest.raises(Refusal, match="fhir/server-unreadable"):
            parse_server(wrong)
    with pytest.raises(Refusal, match="fhir/zone-unknown"):
        parse_server("fhir+https://a/b?zone=Nowhere/Here")


def test_a_token_is_read_from_a_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    """One line, no blank in it, mode 0600: else it is refused by the file's name."""
    file = tmp_path / "token"
    with pytest.raises(Refusal, match="address/password-not-found"):
        token_from(file)
    file.write_text("abc.def\n")
    file.chmod(0o644)
    with pytest.raises(Refusal, match="address/password-file-open"):
        token_from(file)
    file.chmod(0o600)
    assert token_from(file) == "abc.def"
    file.write_text("two words\n")
    with pytest.raises(Refusal, match="address/password-not-found"):
        token_from(file)
