"""SQL databases as sources and targets: SQLite, PostgreSQL, MariaDB."""
