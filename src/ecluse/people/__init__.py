"""Persons, roles and what they may do. Imports only proof and base."""
