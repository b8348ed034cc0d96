"""A mapping is proposed, decided and shown without anybody's data: a person answers for every line, and the page cannot say otherwise than the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.profile import Budget, profile_database
from ecluse.adapters.invented import fill
from ecluse.doors.pages.mapping import mapping_page
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.draft import draft_mapping
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.placed import placed
from ecluse.terms.profile import Profile
from ecluse.terms.vocabulary import vocabulary


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Catalogue]:
    """The invented laboratory's old system, profiled."""
    file = tmp_path_factory.mktemp("old") / "old.db"
    file.touch()
    fill(f"sqlite:///{file}", patients=60, seed=3)
    return profile_database(parse_address(f"sqlite:///{file}"), system="old", budget=Budget(rows=500))


def test_every_field_is_accounted_for(system: tuple[Profile, Catalogue]) -> None:
    """Of every kind that is recognised, each field of the vocabulary is proposed with a reason, or left with one."""
    drafted = parse_mapping(draft_mapping(*system, vocabulary()).encode(), vocabulary=vocabulary())
    assert drafted.kinds
    for name, kind in drafted.kinds.items():
        assert set(kind.fields) | set(kind.without) == set(vocabulary().kinds[name].fields)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_says_what_the_file_says(system: tuple[Profile, Catalogue], language: str) -> None:
    """Each field taken stands on the page with its column, each one left with its reason; change the file, and the page changes with it."""
    text = draft_mapping(*system, vocabulary(), language=language)

    def shown(content: str) -> str:
        read = parse_mapping(content.encode(), vocabulary=vocabulary())
        return mapping_page(read, placed(content), language=language, name="old.toml", profile=system[0])

    page = shown(text)
    for kind in parse_mapping(text.encode(), vocabulary=vocabulary()).kinds.values():
        for name in kind.fields:
            assert f"<code>{kind.kind}.{name}</code>" in page
    edited = text.replace('fields.city = "VILLE"', 'without.city = "la ville reste"', 1)
    assert "la ville reste" in shown(edited)
    assert "la ville reste" not in page


def test_a_mapping_by_hand_has_its_page_too(root: Path) -> None:
    """The mappings that ship have their pages, in both languages, with what is not taken and why."""
    for file in sorted((root / "src/ecluse/invent/mappings").glob("*.toml")):
        payload = file.read_bytes()
        for language in ("fr", "en"):
            page = mapping_page(
                parse_mapping(payload, vocabulary=vocabulary()),
                placed(payload.decode()),
                language=language,
                name=file.name,
            )
            assert "<script" not in page
            assert page.count("<table") > 3
