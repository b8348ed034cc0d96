"""HPRIM: the messages of French laboratories (Santé 2.0 to 2.4, read and written) and their letters to doctors (Médecins, read only)."""
