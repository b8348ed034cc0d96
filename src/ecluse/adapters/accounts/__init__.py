"""Accounts (« comptes »): who may come into an exchange. The only place that knows the ORM; Django's own tables hold nothing else."""
