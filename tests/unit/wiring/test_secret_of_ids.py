"""Ids made for records that have none: keyed by the site's own secret, the same at every run, and given back by whoever reads what was written."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import pytest

from ecluse.adapters.connectors.files.format import Case, Fact, Format, Row
from ecluse.adapters.connectors.files.source import FilesSource
from ecluse.adapters.connectors.hl7.format import Hl7v2
from ecluse.adapters.connectors.hl7.parts import Manner
from ecluse.wiring.folders import SiteFolder
from ecluse.wiring.laboratory import source_of
from ecluse.wiring.settings import SystemSettings

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
INS: Final = "275127512345678"
ORU: Final = "\r".join((
    "MSH|^~\\&|SIL|LABO|DPI|CH|20240115083000||ORU^R01^ORU_R01|1|P|2.5.1||||||UNICODE UTF-8",
    f"PID|1||{INS}^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.8&ISO^INS||DURAND^ANNE^^^^^L||19751204|F",
    "OBR|1||D1|GLU^GLUCOSE^L|||20240115073000||||||||||||||||||F",
    "OBX|1|NM|GLU^GLUCOSE^L||5.1|mmol/L|||||F", "",
)).encode()  # fmt: skip
LETTER: Final = f"""
DURAND
ANNE
1 RUE DU PORT

56000 VANNES
04/12/1975
{INS}

15/01/2024
LABO
DR MARTIN
****LAB****
RES|Glucose|GLU|N|5.1|mmol/L|3.9|6.1|N|F
****FIN****
""".encode()
FORMATS: Final = {"hl7v2": ORU, "hprim-medecins": LETTER}


@pytest.fixture
def sites(tmp_path: Path) -> tuple[SiteFolder, SiteFolder]:
    """Two laboratories."""
    made = SiteFolder(tmp_path / "one"), SiteFolder(tmp_path / "two")
    for folder in made:
        folder.create(passphrase="twelve letters", at=NOON, work_factor=2)
    return made


def ids(site: Path, name: str, octets: bytes) -> set[str]:
    """The ids of patients that a source of this format gives, at this site."""
    source = source_of(SystemSettings(site, f"{name}+file://{site.parent}", Path("mapping.toml")))
    assert isinstance(source, FilesSource)
    fmt = cast("Format", source._fmt)
    return {
        str(it.row["id"])
        for it in fmt.read(io.BytesIO(octets), name="1")
        if isinstance(it, Fact) and it.kind == "patient"
    }


@pytest.mark.parametrize("name", FORMATS)
def test_made_ids_are_the_sites_own_and_the_same_at_every_run(
    sites: tuple[SiteFolder, SiteFolder], name: str
) -> None:
    """Read again, the same message gives the same ids; at another site, others; and none is what the words alone would make."""
    one, two = sites
    here = ids(one.path, name, FORMATS[name])
    assert ids(one.path, name, FORMATS[name]) == here
    assert len(here) == 1
    assert not here & ids(two.path, name, FORMATS[name])
    assert Manner().made("ins", "1.2.250.1.213.1.4.8", INS) not in here
    assert not [it for it in here if INS in it]


def test_the_secret_outlives_a_renewal_and_is_not_lent_by_a_site_that_is_not_there(
    sites: tuple[SiteFolder, SiteFolder], tmp_path: Path
) -> None:
    """The machine's certificate renewed, the ids stay; where there is no site yet, they are keyed by a secret of this once, never by none."""
    one, _ = sites
    before = one.secret_of_ids()
    one.confirm()
    one.renew_agent(root=one.unlock_root("twelve letters"), at=NOON)
    assert one.secret_of_ids() == before
    assert len(before) == 32
    nowhere = tmp_path / "nowhere"
    assert ids(nowhere, "hl7v2", ORU) != ids(nowhere, "hl7v2", ORU)
    assert not nowhere.exists()


@pytest.mark.parametrize("secret", [b"", b"one"])
def test_what_was_written_gives_the_same_ids_whoever_reads_it(secret: bytes) -> None:
    """A target's files are read back by another site, with a secret of its own: every id is the one that was written, made ones included."""
    before = records(Hl7v2(Manner(secret=secret)), ORU)
    (request,), (patient,) = before["request"], before["patient"]
    case = Case(request, patient, specimens=before.get("specimen", []), results=before["result"])
    (file,) = Hl7v2().keyed(b"the writer's").write([case], [])
    after = records(Hl7v2(Manner(secret=b"the reader's")), file.content)
    assert {kind: [it["id"] for it in rows] for kind, rows in after.items()} == {
        kind: [it["id"] for it in rows] for kind, rows in before.items()
    }


def records(fmt: Hl7v2, octets: bytes) -> dict[str, list[Row]]:
    """What a file tells, by kind."""
    found: dict[str, list[Row]] = {}
    for it in fmt.read(io.BytesIO(octets), name="1"):
        if isinstance(it, Fact):
            found.setdefault(it.kind, []).append(it.row)
    return found
