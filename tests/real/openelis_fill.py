"""An OpenELIS Global 2 database filled with an invented laboratory, as OpenELIS itself would have filled it.

The invented old system is put beside it (schema public), and its rows are told in OpenELIS's own tables: its numbers, its catalogue of tests,
its dictionary for coded results, its statuses; numbers in its tables differ from one another, so that no join can be right by chance.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ecluse.adapters.invented import fill

__all__ = ["FILLED", "create", "fill_openelis"]

DUMP: Final = "openelis-global2/openelis_global2_3.5.sql"
FILLED: Final = (
    "person",
    "patient",
    "patient_identity",
    "provider",
    "sample",
    "sample_human",
    "sample_item",
    "analysis",
    "result",
)
"""The tables that hold a laboratory's records, parents first."""

_STEPS: Final = (
    """CREATE TEMP TABLE doctors AS SELECT p.*, row_number() OVER (ORDER BY "NUMPRESC") + 10 AS n FROM public."PRESCR" p""",
    """INSERT INTO person (id, last_name, first_name, street_address, city, zip_code, work_phone, lastupdated)
       SELECT n, "NOM", "PRENOM", "ADR", "VILLE", "CP", "TEL", now() FROM doctors""",
    """INSERT INTO provider (id, person_id, external_id, active, lastupdated, fhir_uuid)
       SELECT n + 500, n, "RPPS", true, now(), gen_random_uuid() FROM doctors""",
    """CREATE TEMP TABLE people AS SELECT p.*, row_number() OVER (ORDER BY "NUMPAT") + 100000 AS n FROM public."PATIENT" p""",
    """INSERT INTO person (id, last_name, first_name, street_address, city, zip_code, primary_phone, cell_phone, email, lastupdated)
       SELECT n, "NOMNAI", "PRENOM", "ADR", "VILLE", "CP", "TELFIX", "TELPOR", "MEL", now() FROM people""",
    """INSERT INTO patient (id, person_id, gender, birth_date, entered_birth_date, birth_place, national_id, is_merged, lastupdated, fhir_uuid)
       SELECT n + 7, n, CASE "SEXE" WHEN '1' THEN 'M' WHEN '2' THEN 'F' END, to_date(nullif(trim("DATNAI"), '00000000'), 'YYYYMMDD'),
              to_char(to_date(nullif(trim("DATNAI"), '00000000'), 'YYYYMMDD'), 'DD/MM/YYYY'), "LIEUNAI", "MATINS", false, now(), gen_random_uuid()
       FROM people""",
    """INSERT INTO patient_identity (id, identity_type_id, patient_id, identity_data, lastupdated)
       SELECT row_number() OVER (), t.id, n + 7, told.said, now()
       FROM people, LATERAL (VALUES ('NATIONAL', "MATINS"), ('AKA', "NOMUSU"), ('INSURANCE', "NSS"), ('CUSTOM_NOTES', left("COMM1", 255)))
            AS told (name, said) JOIN patient_identity_type t ON t.identity_type = told.name WHERE told.said IS NOT NULL""",
    """UPDATE patient SET is_merged = true, merge_date = now(), merged_into_patient_id = (SELECT min(id) FROM patient)
       WHERE id IN (SELECT p.id FROM patient p ORDER BY id DESC LIMIT 5)""",
    """CREATE TEMP TABLE orders AS SELECT d.*, row_number() OVER (ORDER BY "NUMDOS") AS n FROM public."DOSSIER" d
       WHERE "NUMPAT" NOT IN (SELECT "NUMPAT" FROM people JOIN patient ON patient.person_id = people.n WHERE is_merged)""",
    """INSERT INTO sample (id, accession_number, domain, entered_date, received_date, collection_date, status_id, order_priority, sys_user_id,
                           lastupdated, fhir_uuid)
       SELECT n + 3000, (24000000 + n)::text, 'H', to_date("DATDEM", 'YYYYMMDD'), coalesce("DTENR", to_date("DATDEM", 'YYYYMMDD')), "DTENR",
              (ARRAY[1, 2, 3, 12])[1 + n % 4], (ARRAY['ROUTINE', 'STAT', 'ASAP', 'TIMED', 'FUTURE_STAT'])[1 + n % 5], 1, now(), gen_random_uuid()
       FROM orders""",
    """INSERT INTO sample (id, accession_number, domain, entered_date, received_date, lastupdated)
       SELECT 9, 'ENV9', 'E', now(), now(), now()""",
    """INSERT INTO sample_human (id, samp_id, patient_id, provider_id, lastupdated)
       SELECT o.n + 60, o.n + 3000, people.n + 7, doctors.n + 500, now()
       FROM orders o JOIN people USING ("NUMPAT") LEFT JOIN doctors USING ("NUMPRESC")""",
    """CREATE TEMP TABLE tubes AS SELECT e.*, o.n AS order_n, row_number() OVER (ORDER BY "NUMECH") AS n
       FROM public."ECHANT" e JOIN orders o USING ("NUMDOS")""",
    """INSERT INTO sample_item (id, sort_order, samp_id, typeosamp_id, collection_date, received_date, status_id, rejected, voided, lastupdated)
       SELECT n + 800000, 1, order_n + 3000, (ARRAY[1, 2, 3, 4, 25])[1 + n % 5], "DTPREL" AT TIME ZONE 'UTC', "DTREC" AT TIME ZONE 'UTC', 20,
              false, false, now()
       FROM tubes""",
    """CREATE TEMP TABLE tests AS SELECT t.id, t.test_section_id, row_number() OVER (ORDER BY t.id) - 1 AS place, count(*) OVER () AS many,
              ARRAY(SELECT r.value FROM test_result r WHERE r.test_id = t.id AND tst_rslt_type = 'D' ORDER BY r.id) AS options
       FROM test t""",
    """CREATE TEMP TABLE findings AS SELECT r.*, tubes.n AS tube_n, t.id AS test, t.test_section_id AS section, t.options,
              row_number() OVER (ORDER BY "NUMRES") AS n
       FROM public."RESULT" r JOIN tubes ON tubes."NUMECH" = r."NUMECH" JOIN tests t ON t.place = abs(hashtext("CODANA")) % t.many""",
    """INSERT INTO analysis (id, sampitem_id, test_id, test_sect_id, revision, analysis_type, status_id, is_reportable, released_date, lastupdated)
       SELECT n + 20000000, tube_n + 800000, test, section, nullif("VERSRES", '')::numeric, 'MANUAL', (ARRAY[6, 6, 6, 4, 15, 14, 7, 13, 16, 26])[1 + n % 10],
              'Y', "DTVAL", now()
       FROM findings""",
    """INSERT INTO result (id, analysis_id, sort_order, is_reportable, result_type, value, min_normal, max_normal, lastupdated)
       SELECT n + 40, n + 20000000, 0, (ARRAY['Y', 'Y', 'N'])[1 + n % 3],
              CASE WHEN options <> '{}' THEN 'D' WHEN "VALRES" ~ '^[0-9]+([.,][0-9]+)?$' THEN 'N' ELSE 'A' END,
              CASE WHEN options <> '{}' THEN options[1 + n % array_length(options, 1)]
                   WHEN "VALRES" ~ '^[0-9]+([.,][0-9]+)?$' THEN replace("VALRES", ',', '.') ELSE "VALRES" END,
              CASE WHEN n % 7 = 0 THEN '-Infinity' ELSE replace(nullif(trim("BORINF"), ''), ',', '.')::float8 END,
              CASE WHEN n % 7 = 0 THEN 'Infinity' ELSE replace(nullif(trim("BORSUP"), ''), ',', '.')::float8 END, now()
       FROM findings""",
)


def create(url: str, shared_data: Path) -> str:
    """An empty OpenELIS in the database at `url`, from the published dump; the address that finds its tables. The test is skipped without psql."""
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("psql: install postgresql-client (apt)")
    command = [psql, url, "--quiet", "--set=ON_ERROR_STOP=1", "--file", shared_data / DUMP]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return f"{url}?schema=clinlims,public"


def fill_openelis(url: str, *, patients: int, seed: int) -> dict[str, int]:
    """Fill the OpenELIS at `url` with an invented laboratory of this size; how many rows each table holds."""
    fill(url, patients=patients, seed=seed, documents=0.0)
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = clinlims, public")
        for step in _STEPS:
            connection.execute(step)  # type: ignore[call-overload]
        return {
            table: connection.execute(f"SELECT count(*) FROM clinlims.{table}").fetchone()[0]  # type: ignore[call-overload, index]
            for table in FILLED
        }
