"""Keys, seals, signatures and the ledger: what can be checked by anyone, offline. Imports only base."""
