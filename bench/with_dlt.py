"""dlt between two PostgreSQL databases, by its Arrow backend and its CSV loader: `python -m bench.with_dlt SOURCE TARGET FOLDER`."""

from __future__ import annotations

import sys

import dlt
from dlt.sources.sql_database import sql_database

from bench.tables import COLUMNS


def main(source: str, target: str, folder: str) -> None:
    """dlt makes its own tables, in a schema of its own."""
    rows = sql_database(credentials=source, table_names=list(COLUMNS), backend="pyarrow", chunk_size=100_000)
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(credentials=target),
        dataset_name="with_dlt",
        pipelines_dir=folder,
    )
    pipeline.run(rows, write_disposition="replace", loader_file_format="csv")


if __name__ == "__main__":
    main(*sys.argv[1:])
