"""Écluse: a laboratory's records carried from one system to another, by signed instruction, sealed, reconciled and erased."""

__version__ = "0.1.0"
