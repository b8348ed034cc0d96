"""Connectors: how other people's systems are read and written, one folder for each kind."""
