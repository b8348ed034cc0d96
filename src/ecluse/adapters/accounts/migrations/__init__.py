"""The accounts' tables, as they grew."""
