"""Tables in files: CSV, XLSX, Parquet, DBF, fixed width. A folder of them is read as a database, and written as one."""
