"""How Écluse's house is kept: the pages made from the code, the import contracts, the locked versions. Never part of the wheel."""
